"""A tiny real detector for tests: an ONNX graph that finds blobs, brighter or darker than what surrounds them, in frames of 64 x 64 pixels.

Nothing in it is learnt. At three sizes it takes the mean of a square less the mean of the square twice as wide around it, on luma (a difference of boxes in
place of the difference of Gaussians of Lowe, 2004), keeps what is largest among its neighbours and over the sizes, and answers the ROWS strongest as
boxes. The embedding is the mean colour of 8 x 8 cells.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contracts import box_statistics, frames
from contracts.baseline import Baseline, principal_axes
from contracts.detections import detections, way
from contracts.golden import Golden
from contracts.manifest import InputSpec, Lineage, Manifest
from contracts.quality_detection import quality
from contracts.repository import ModelRepository
from contracts.statistics import vector
from tests.composed import composed, jpeg
from tests.small_model import CREATED_AT, set_channels

LABELS = ("bright", "dark")
SIDE = 64
ROWS = 20
SCALES = (7, 13, 21)
"""Pixels of the squares that are looked for."""
_NEIGHBOURS = 9
_FULL = 80.0
"""Grey levels of contrast that count as certain."""
Floats = NDArray[np.float32]


def blob_onnx(rows: int = ROWS) -> bytes:
    """The model file: `image` uint8 [N, 64, 64, 3] to `boxes` [N, rows, 6] and `embedding` [N, 192]."""
    plane, channels = SIDE * SIDE, 2 * len(SCALES)
    constants = {
        "luma weights": np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1),
        "full": np.array(_FULL, np.float32),
        "zero": np.array(0.0, np.float32),
        "one": np.array(1.0, np.float32),
        "flat": np.array([0, channels * plane], np.int64),
        "rows": np.array([rows], np.int64),
        "plane": np.array(plane, np.int64),
        "side": np.array(SIDE, np.int64),
        "scales": np.array(len(SCALES), np.int64),
        "half": np.array([size / 2 for size in SCALES], np.float32),
        "middle": np.array(0.5, np.float32),
        "last": np.array([2], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        node("AveragePool", ["nchw"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        node("Flatten", ["cells"], ["embedding"]),
        node("Conv", ["nchw", "luma weights"], ["luma"]),
    ]
    for size in SCALES:
        for name, wide in (("inner", size), ("outer", 2 * size + 1)):
            pool = {"kernel_shape": [wide, wide], "pads": [wide // 2] * 4, "count_include_pad": 0}
            nodes.append(node("AveragePool", ["luma"], [f"{name} {size}"], **pool))
        nodes.append(node("Sub", [f"inner {size}", f"outer {size}"], [f"brighter {size}"]))
    nodes += [
        node("Concat", [f"brighter {size}" for size in SCALES], ["bright"], axis=1),
        node("Neg", ["bright"], ["dark"]),
    ]
    for label in LABELS:
        nodes += [
            node("ReduceMax", [label], [f"{label} best"], axes=[1], keepdims=1),
            node("MaxPool", [f"{label} best"], [f"{label} near"], kernel_shape=[_NEIGHBOURS] * 2, pads=[_NEIGHBOURS // 2] * 4),
            node("GreaterOrEqual", [label, f"{label} near"], [f"{label} is peak"]),
            node("Where", [f"{label} is peak", label, "zero"], [f"{label} peaks"]),
        ]
    nodes += [
        node("Concat", [f"{label} peaks" for label in LABELS], ["peaks"], axis=1),
        node("Div", ["peaks", "full"], ["share"]),
        node("Clip", ["share", "zero", "one"], ["score map"]),
        node("Reshape", ["score map", "flat"], ["score line"]),
        node("TopK", ["score line", "rows"], ["score", "at"], axis=1),
        node("Div", ["at", "plane"], ["channel"]),
        node("Mod", ["at", "plane"], ["place"]),
        node("Div", ["channel", "scales"], ["class index"]),
        node("Mod", ["channel", "scales"], ["scale index"]),
        node("Div", ["place", "side"], ["row index"]),
        node("Mod", ["place", "side"], ["column index"]),
        node("Gather", ["half", "scale index"], ["reach"]),
    ]
    for name in ("class", "row", "column"):
        nodes.append(node("Cast", [f"{name} index"], [name], to=TensorProto.FLOAT))
    for name, axis in (("x", "column"), ("y", "row")):
        nodes.append(node("Add", [axis, "middle"], [name]))
        nodes.append(node("Sub", [name, "reach"], [f"{name}1"]))
        nodes.append(node("Add", [name, "reach"], [f"{name}2"]))
    for name in ("x1", "y1", "x2", "y2", "score", "class"):
        nodes.append(node("Unsqueeze", [name, "last"], [f"{name} column"]))
    nodes.append(node("Concat", [f"{name} column" for name in ("x1", "y1", "x2", "y2", "score", "class")], ["boxes"], axis=2))
    graph = helper.make_graph(
        nodes,
        "blobs",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["N", rows, 6]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3 * (SIDE // 8) ** 2]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def run_blobs(content: bytes, images: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Boxes [N, rows, 6] and embeddings [N, 192] of prepared frames [N, 64, 64, 3]."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    boxes, embedding = session.run(["boxes", "embedding"], {"image": images})
    return boxes, embedding


def publish_small_detector(
    repository_url: str,
    model: str = "small",
    version: str = "1",
    *,
    fit: Literal["stretch", "letterbox"] = "letterbox",
    decode: Literal["full", "reduced"] = "reduced",
    contents: Sequence[bytes] = (),
    champion: bool = True,
) -> Manifest:
    """Publish the detector with its baseline and golden frames; with `champion` make it answer.

    Its reference are 96 composed frames, or the encoded frames `contents`. Its benchmark is what it does to composed ones, taking digits for bright blobs.
    """
    spec = InputSpec("image", SIDE, SIDE, fit, decode)
    made = composed(96, labels=("bright",))
    encoded = list(contents) or [jpeg(one.image) for one in made]
    headers = [frames.inspect(one) for one in encoded]
    images = np.stack([frames.see(one, spec, header) for one, header in zip(encoded, headers, strict=True)])
    graph = blob_onnx()
    rows, embedding = run_blobs(graph, images)
    said = [detections(found, LABELS, way(header, spec)) for found, header in zip(rows, headers, strict=True)]
    known = [one for one in said if one is not None]
    assert len(known) == len(encoded)
    centre, axes = principal_axes(embedding)
    reduced = ((embedding - centre) @ axes.T).astype(np.float32)
    baseline = Baseline(
        labels=LABELS,
        statistics=np.array([vector(frames.measure(image)[0]) for image in images], np.float32),
        embedding=reduced,
        probabilities=np.zeros((len(images), 0), np.float32),
        truth=np.full(len(images), -1, np.int32),
        group=(np.arange(len(images)) // 8).astype(np.int32),
        centre=centre,
        axes=axes,
        answers=np.array(
            [box_statistics.vector(one, LABELS, header.width, header.height) for one, header in zip(known, headers, strict=True)],
            np.float32,
        ),
    )
    boxes = [[box for box in one.boxes if box.label == "bright"] for one in known]
    manifest = Manifest(
        model=model,
        version=version,
        created_at=CREATED_AT,
        task="detection",
        labels=LABELS,
        input=spec,
        boxes="boxes",
        embedding="embedding",
        detection=None if contents else quality([one.boxes for one in made], boxes, [one.group for one in made]),
        lineage=Lineage("import"),
        files={},
    )
    first = slice(0, 8)
    golden = Golden(images[first], np.zeros((8, 0), np.float32), reduced[first], rows[first])
    manifest = ModelRepository(repository_url).publish(manifest, graph, baseline, golden)
    if champion:
        set_channels(repository_url, model, champion=version)
    return manifest
