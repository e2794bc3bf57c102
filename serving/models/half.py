"""A model's weights and arithmetic in 16-bit floats, for GPUs that run them several times as fast; its inputs and outputs stay what they were.

Needs the `onnx` package, which keepsight[gpu] brings. Whether the result still answers as the original did is judged with the version's golden frames.
"""

from contracts.errors import VersionError


def halved(model: bytes) -> bytes:
    """The graph in half precision. Raises VersionError where it cannot be converted."""
    try:
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise VersionError(
            f"[serving] precision is 'half', which needs the package {error.name!r}: install keepsight[gpu]"
        ) from error
    try:
        graph = convert_float_to_float16(onnx.load_from_string(model), keep_io_types=True)
        return bytes(graph.SerializeToString())
    except Exception as error:  # the converter raises whatever it stumbles over
        raise VersionError(f"its graph cannot be converted to half precision: {error!r}") from error
