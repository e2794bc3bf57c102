"""A tiny real version for tests: an ONNX classifier of 32 x 32 frames with its manifest and baseline, published into a repository in a second.

The graph takes uint8 NHWC, divides by 255 inside, averages 8 x 8 cells (the embedding: 4 x 4 x 3 = 48 numbers) and ends in a linear layer (logits).
Its reference frames are crops of scikit-learn's two real photographs ("china", a temple; "flower"), through the same decoding as live frames.
"""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_sample_images

from contracts import frames
from contracts.baseline import Baseline, principal_axes
from contracts.channels import Channels
from contracts.errors import VersionError
from contracts.golden import Golden
from contracts.manifest import InputSpec, Lineage, Manifest
from contracts.quality import quality
from contracts.repository import ModelRepository, changed
from contracts.statistics import vector

LABELS = ("china", "flower")
SIZE = 32
SPEC = InputSpec("image", SIZE, SIZE)
CREATED_AT = 1_700_000_000.0
Floats = NDArray[np.float32]


def photographs(count: int, seed: int = 0, side: int = 96) -> tuple[list[bytes], NDArray[np.int64]]:
    """`count` JPEG frames of side x side pixels, crops of the two photographs in turn, and which photograph each is of (0 china, 1 flower)."""
    random = np.random.default_rng(seed)
    pictures = load_sample_images().images
    truth = np.arange(count) % len(pictures)
    content = []
    for index in truth:
        picture = pictures[index]
        top, left = (int(random.integers(0, limit - side)) for limit in picture.shape[:2])
        crop = np.ascontiguousarray(picture[top : top + side, left : left + side, ::-1])
        content.append(cv2.imencode(".jpg", crop)[1].tobytes())
    return content, truth


def small_onnx(weights: Floats, bias: Floats, convolutions: int = 0) -> bytes:
    """The model file: inputs `image` uint8 [N, 32, 32, 3], outputs `scores` [N, K] and `embedding` [N, 48]; weights are [48, K], bias [K].

    `convolutions` of 64 channels take their time (75 million multiplications each) and change nothing.
    """
    shape: list[str | int | None] = ["N", SIZE, SIZE, 3]
    constants = [
        numpy_helper.from_array(np.array(255.0, np.float32), "scale"),
        numpy_helper.from_array(weights.astype(np.float32), "weights"),
        numpy_helper.from_array(bias.astype(np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "scale"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["nchw"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["cells"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", "weights", "bias"], ["small scores" if convolutions else "scores"]),
    ]
    if convolutions:
        kernel = np.random.default_rng(0).normal(0, 0.05, (64, 64, 3, 3)).astype(np.float32)
        constants += [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(kernel[:, :3], "first kernel")]
        constants.append(numpy_helper.from_array(np.array(0.0, np.float32), "nothing"))
        for at in range(convolutions):
            source, weight = ("nchw", "first kernel") if at == 0 else (f"convolved {at - 1}", "kernel")
            nodes.append(helper.make_node("Conv", [source, weight], [f"convolved {at}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("ReduceMean", [f"convolved {convolutions - 1}"], ["mean"], axes=[1, 2, 3], keepdims=0))
        nodes.append(helper.make_node("Mul", ["mean", "nothing"], ["flat"]))
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "column"))
        nodes.append(helper.make_node("Unsqueeze", ["flat", "column"], ["zero"]))
        nodes.append(helper.make_node("Add", ["small scores", "zero"], ["scores"]))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", weights.shape[1]]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", len(weights)]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def run_small(content: bytes, images: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Logits [N, K] and embeddings [N, 48] of prepared frames [N, 32, 32, 3]."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    scores, embedding = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(
        ["scores", "embedding"], {"image": images}
    )
    return scores, embedding


def publish_small_version(
    repository_url: str,
    model: str = "small",
    version: str = "1",
    labels: Sequence[str] = LABELS,
    *,
    seed: int = 0,
    reference: tuple[Sequence[bytes], Sequence[int]] | None = None,
    positive: str | None = None,
    champion: bool = True,
    convolutions: int = 0,
    decode: Literal["full", "reduced"] = "full",
) -> Manifest:
    """Publish a version and, with `champion`, make it answer. Returns its manifest with the digests.

    `reference` is encoded frames with the index of each one's true class (-1 unknown); the linear layer is fitted to it (ridge regression) when every
    truth is known and random by `seed` otherwise. Without a reference: 96 crops of the two photographs, their truth known when there are two labels.
    """
    photos, index = photographs(96, seed)
    content, truth = (photos, index if len(labels) == len(LABELS) else np.full(96, -1)) if reference is None else reference
    truth = np.asarray(truth, np.int64)
    spec = InputSpec(SPEC.name, SIZE, SIZE, decode=decode)
    images = np.stack([frames.see(one, spec) for one in content])
    weights, bias = _layer(images, truth, len(labels), seed)
    graph = small_onnx(weights, bias, convolutions)
    baseline = _baseline(graph, images, truth, tuple(labels))
    manifest = Manifest(
        model=model,
        version=version,
        created_at=CREATED_AT,
        task="classification",
        labels=tuple(labels),
        input=spec,
        scores="scores",
        embedding="embedding",
        scores_are="logits",
        positive=positive,
        benchmark=quality(labels, truth, baseline.probabilities.astype(np.float64), positive) if (truth >= 0).all() else None,
        lineage=Lineage("import", seed=seed),
        files={},
    )
    repository = ModelRepository(repository_url)
    first = slice(0, 8)
    golden = Golden(images[first], baseline.probabilities[first], baseline.embedding[first])
    manifest = repository.publish(manifest, graph, baseline, golden)
    if champion:
        set_channels(repository_url, model, champion=version)
    return manifest


def set_channels(repository_url: str, model: str = "small", **fields: object) -> Channels:
    """Move a model's channels: `set_channels(url, champion="2", previous="1")`; the first call needs `champion`."""
    repository = ModelRepository(repository_url)
    try:
        current = repository.channels(model)
    except VersionError:
        current = Channels(champion=str(fields["champion"]))
    return repository.set_channels(model, changed(current, CREATED_AT, "test", "a test asked", **fields))


def _baseline(graph: bytes, images: NDArray[np.uint8], truth: NDArray[np.int64], labels: tuple[str, ...]) -> Baseline:
    logits, embedding = run_small(graph, images)
    centre, axes = principal_axes(embedding)
    return Baseline(
        labels=labels,
        statistics=np.array([vector(frames.measure(image)[0]) for image in images], np.float32),
        embedding=((embedding - centre) @ axes.T).astype(np.float32),
        probabilities=_softmax(logits),
        truth=truth.astype(np.int32),
        group=(np.arange(len(images)) // 8).astype(np.int32),
        centre=centre,
        axes=axes,
    )


def _layer(images: NDArray[np.uint8], truth: NDArray[np.int64], classes: int, seed: int) -> tuple[Floats, Floats]:
    """The linear layer [48, K] and bias [K]: ridge regression of one-hot targets (times 8, so that softmax is decided), or random."""
    if (truth < 0).any():
        random = np.random.default_rng(seed)
        return random.normal(0, 1, (3 * (SIZE // 8) ** 2, classes)).astype(np.float32), np.zeros(classes, np.float32)
    cells = SIZE // 8
    pooled = (images / 255.0).reshape(-1, cells, 8, cells, 8, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2).reshape(len(images), -1)
    design = np.hstack([pooled, np.ones((len(images), 1))])
    solution = np.linalg.solve(design.T @ design + 0.1 * np.eye(design.shape[1]), design.T @ (8 * np.eye(classes)[truth]))
    return solution[:-1].astype(np.float32), solution[-1].astype(np.float32)


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
