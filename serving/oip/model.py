"""A model as the Open Inference Protocol v2 sees it: what goes in, what comes out, and what is said of it. Pure.

The names are the same for every model and version, so that a swap changes nothing for clients. In goes `image` (BYTES [n, 1] or [n]: encoded pictures) or
`pixels` (UINT8 [n, height, width, 3]: RGB of any size, fitted to the model as a picture is). Out come `probabilities` (FP32 [n, K], in the order of the
labels) and `label` (BYTES [n, 1]) of a classifier, `boxes` (FP32 [n, M, 6]: left, top, right, bottom in pixels of the frame as sent, score, the label's
index; best first, then rows of zeros) of a detector; of both `embedding` (FP32 [n, A], on the axes of the version's baseline, as in the log), and what
labelling needs: `frame_id` and `sample` (BYTES [n, 1]; "" where the frame was not sampled).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from contracts import frames as framing
from contracts.detections import COLUMNS, MOST_BOXES
from contracts.errors import FrameError
from contracts.frames import Header
from contracts.predictions import Detections, Prediction, Task
from serving import problems
from serving.models.served import Scores, Served
from serving.oip import wire
from serving.oip.wire import Input, Output, Parameters, Request, Tensor
from serving.problems import ProblemError
from serving.queueing.frame import Answer

IMAGE: Final = "image"
PIXELS: Final = "pixels"
INPUTS: Final = {IMAGE: "BYTES", PIXELS: "UINT8"}
_OF_BOTH: Final = {"embedding": "FP32", "frame_id": "BYTES", "sample": "BYTES"}
OUTPUTS: Final[dict[Task, dict[str, str]]] = {
    "classification": {"probabilities": "FP32", "label": "BYTES", **_OF_BOTH},
    "detection": {"boxes": "FP32", **_OF_BOTH},
}
_RANKED: Final = ("probabilities", "embedding")
"""Outputs that the classification extension can be asked of."""
Picture = tuple[Header, bytes | memoryview]
"""A frame's header with its content: an encoded picture, or the pixels where its codec is `rgb`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request may hold: `frames` at once, and for each frame the limits of every frame."""

    frames: int
    max_bytes: int
    max_pixels: int


def encoded(contents: Sequence[bytes], bounds: Bounds) -> list[Picture]:
    """Encoded pictures, their headers checked. Raises ProblemError."""
    found: list[Picture] = []
    for number, content in enumerate(contents, 1):
        try:
            found.append((framing.inspect(content, bounds.max_bytes, bounds.max_pixels), content))
        except FrameError as error:
            raise numbered(problems.of_frame(error), number, len(contents)) from None
    return found


def pictures(request: Request, bounds: Bounds) -> list[Picture]:
    """The frames of a request, in its order. Raises ProblemError."""
    one = _only(request.inputs)
    if one.datatype != INPUTS[one.name]:
        raise _wrong(f"input {one.name!r} is {one.datatype[:16]!r}, it takes {INPUTS[one.name]}")
    if one.shape and one.shape[0] > bounds.frames:
        raise _wrong(f"input {one.name!r} holds {one.shape[0]:.6g} frames, at most {bounds.frames} are taken in a request")
    return _pixels(one, bounds) if one.name == PIXELS else _images(one, bounds)


def numbered(problem: ProblemError, number: int, count: int) -> ProblemError:
    """A frame's problem, which of the request's frames it is said with it."""
    if count == 1:
        return problem
    return ProblemError(problem.kind, f"frame {number} of {count}: {problem.detail}", problem.retry_after_s, **problem.more)


def outputs(request: Request, task: Task) -> list[Output]:
    """The outputs that are asked for: those named, each once, or all. Raises ProblemError."""
    asked = {one.name: one for one in request.outputs or ()}
    if unknown := [name for name in asked if name not in OUTPUTS[task]]:
        raise _wrong(f"unexpected inference output {unknown[0][:64]!r}; the outputs are {', '.join(OUTPUTS[task])}")
    for one in asked.values():
        _classes(one)
        flag(one.parameters, "binary_data", False)
    return list(asked.values()) or [Output(name) for name in OUTPUTS[task]]


def flag(parameters: Parameters | None, name: str, otherwise: bool) -> bool:
    """A parameter that is true or false; `otherwise` where it was not given. Raises ProblemError."""
    said = (parameters or {}).get(name)
    if said is not None and not isinstance(said, bool):
        raise _wrong(f"{name} is {str(said)[:32]!r}; it is true or false")
    return otherwise if said is None else said


def tensors(
    asked: Iterable[Output], binary: bool, answers: Sequence[Answer], scores: Sequence[Scores], served: Served
) -> list[Tensor]:
    """The outputs of a request's frames, `answers` and `scores` in the order of its frames; `binary` where an output does not say itself."""
    labels = served.manifest.labels
    made: dict[str, Callable[[], Any]] = {
        "probabilities": lambda: np.array([one.probabilities for one in scores], np.float32),
        "boxes": lambda: _boxes([one.prediction for one in answers], labels, _shapes(served)["boxes"]),
        "label": lambda: _column([labels[int(np.argmax(one.probabilities))] for one in scores]),
        "embedding": lambda: np.array([one.embedding for one in scores], np.float32),
        "frame_id": lambda: _column([one.frame_id for one in answers]),
        "sample": lambda: _column([one.sample or "" for one in answers]),
    }
    found = []
    for one in asked:
        values = made[one.name]()
        if (top := _classes(one)) > 0:
            values = _top(values, top, labels)
        found.append(Tensor(one.name, values, flag(one.parameters, "binary_data", binary)))
    return found


def metadata(model: str, versions: Sequence[str], served: Served) -> dict[str, Any]:
    """What GET v2/models/NAME answers."""
    manifest, inputs = served.manifest, [(IMAGE, [-1, 1]), (PIXELS, [-1, -1, -1, 3])]
    return {
        "name": model,
        "versions": versions,
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": name, "datatype": INPUTS[name], "shape": shape} for name, shape in inputs],
        "outputs": [
            {"name": name, "datatype": OUTPUTS[manifest.task][name], "shape": [-1, *shape]}
            for name, shape in _shapes(served).items()
        ],
        "parameters": {
            "labels": list(manifest.labels),
            "pixels_without_resizing": [manifest.input.height, manifest.input.width, 3],
            **({"threshold": manifest.threshold} if manifest.task == "detection" else {}),
        },
    }


def config(model: str, served: Served, max_frames: int) -> dict[str, Any]:
    """What GET v2/models/NAME/config answers: a Triton model configuration, as far as it says something here."""
    kinds = {"BYTES": "TYPE_STRING", "UINT8": "TYPE_UINT8", "FP32": "TYPE_FP32"}
    inputs, outputs = [(IMAGE, [1]), (PIXELS, [-1, -1, 3])], OUTPUTS[served.manifest.task]
    return {
        "name": model,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "version_policy": {"specific": {"versions": [served.version]}},
        "max_batch_size": max_frames,
        "input": [{"name": name, "data_type": kinds[INPUTS[name]], "dims": dims, "optional": True} for name, dims in inputs],
        "output": [{"name": name, "data_type": kinds[outputs[name]], "dims": shape} for name, shape in _shapes(served).items()],
    }


def _shapes(served: Served) -> dict[str, list[int]]:
    """The outputs' shapes for one frame."""
    known = {"embedding": [served.axes], "probabilities": list(served.shape), "boxes": [min(served.shape[0], MOST_BOXES), COLUMNS]}
    return {name: known.get(name, [1]) for name in OUTPUTS[served.manifest.task]}


def _boxes(predictions: Sequence[Prediction], labels: Sequence[str], shape: Sequence[int]) -> Any:
    """The boxes of frames as rows, [n, M, 6]."""
    rows = np.zeros((len(predictions), *shape), np.float32)
    for found, prediction in zip(rows, predictions, strict=True):
        if isinstance(prediction, Detections) and prediction.boxes:
            boxes = prediction.boxes
            found[: len(boxes)] = [(box.x1, box.y1, box.x2, box.y2, box.score, labels.index(box.label)) for box in boxes]
    return rows


def _only(inputs: Sequence[Input]) -> Input:
    names = [one.name for one in inputs]
    if unknown := [name for name in names if name not in INPUTS]:
        raise _wrong(f"unexpected inference input {unknown[0][:64]!r}; give {IMAGE!r} (encoded pictures) or {PIXELS!r} (RGB)")
    if len(names) != 1:
        raise _wrong(f"the request has the inputs {names[:3]}; give one: {IMAGE!r} (encoded pictures) or {PIXELS!r} (RGB)")
    return inputs[0]


def _images(one: Input, bounds: Bounds) -> list[Picture]:
    if len(one.shape) not in (1, 2) or one.shape[0] < 1 or one.shape[1:] not in ((), (1,)):
        raise _wrong(f"input {IMAGE!r} has the shape {_said(one.shape)}; expected [n, 1] or [n] for n pictures")
    contents = wire.strings(one)
    if len(contents) != one.shape[0]:
        raise _wrong(f"input {IMAGE!r} has the shape {_said(one.shape)} and {len(contents)} elements")
    return encoded(contents, bounds)


def _pixels(one: Input, bounds: Bounds) -> list[Picture]:
    if len(one.shape) != 4 or one.shape[0] < 1 or one.shape[3] != 3:
        raise _wrong(f"input {PIXELS!r} has the shape {_said(one.shape)}; expected [n, height, width, 3] for n pictures in RGB")
    count, height, width, _ = one.shape
    try:
        framing.check_size(width, height, bounds.max_pixels)
    except FrameError as error:
        raise problems.of_frame(error) from None
    content, size = wire.octets(one), height * width * 3
    if len(content) != count * size:
        raise _wrong(f"input {PIXELS!r} of the shape {_said(one.shape)} has {count * size} bytes; {len(content)} came")
    header = Header("rgb", width, height)
    return [(header, content[at : at + size]) for at in range(0, len(content), size)]


def _said(shape: Sequence[int]) -> str:
    return f"[{', '.join(f'{size:.12g}' for size in shape[:6])}{', …' if len(shape) > 6 else ''}]"


def _classes(one: Output) -> int:
    """How many classes the classification extension is asked for; 0 where it is not. Raises ProblemError."""
    said = (one.parameters or {}).get("classification", 0)
    if type(said) is not int or said < 0 or (said and one.name not in _RANKED):
        raise _wrong(
            f"output {one.name!r}: classification is {str(said)[:32]!r}; it is a number of classes, of {' or '.join(_RANKED)}"
        )
    return said


def _top(values: Any, count: int, labels: Sequence[str]) -> Any:
    """The classification extension: BYTES [n, count] of "value:index:label", the largest first."""
    named = list(labels) if len(labels) == values.shape[1] else []
    return np.array(
        [
            [":".join([f"{row[k]:f}", str(k), *named[k : k + 1]]) for k in np.argsort(-row, kind="stable")[:count].tolist()]
            for row in values
        ],
        np.object_,
    )


def _column(texts: Sequence[str]) -> Any:
    return np.array(texts, np.object_).reshape(-1, 1)


def _wrong(what: str) -> ProblemError:
    return ProblemError("bad-tensor", what)
