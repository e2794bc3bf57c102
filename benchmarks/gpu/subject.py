"""The version that is measured: EfficientNet-lite0 with ImageNet weights and a head of fixed random numbers, whole with baseline and golden frames.

    python -m benchmarks.gpu.subject FOLDER

writes it as a model repository; made where torch is (keepsight[train,demo]), it travels to a machine with a GPU that has neither torch nor a network.
"""

import os
import sys
import time
from typing import Final

import cv2
import numpy as np

from contracts.errors import VersionError
from contracts.manifest import InputSpec, Lineage, Manifest
from contracts.repository import ModelRepository, Version

MODEL: Final = "lite0"
CLASSES: Final = 10
_FRAMES: Final = 64
_HEIGHT: Final = 480
_WIDTH: Final = 640
_ENLARGED: Final = 1.5
"""The photographs have 427 x 640 pixels; larger ones leave a camera's picture to be cut out in many places."""


def repository() -> str:
    """The folder of the version that is measured."""
    return os.environ.get("KEEPSIGHT_BENCH_REPOSITORY", ".cache/bench-gpu/repository")


def subject(folder: str) -> Version:
    """Version 1 in the repository `folder`; made first where it is not there."""
    found = ModelRepository(folder)
    try:
        return found.read(MODEL, "1")
    except VersionError:
        publish(folder, "1", seed=1)
        return found.read(MODEL, "1")


def publish(folder: str, version: str, seed: int) -> Manifest:
    """Make a version whose head is drawn with `seed`."""
    from retrain.data.baseline import baseline_of
    from retrain.models import graph
    from retrain.models.backbones import SIDE, WIDTH
    from retrain.models.calibrate import softmax
    from retrain.models.export import exported_body
    from retrain.models.head import Head
    from retrain.models.recipe import EFFICIENTNET, find
    from retrain.models.session import Session, views
    from retrain.trainer import golden

    labels = tuple(f"class {number}" for number in range(CLASSES))
    random = np.random.default_rng(seed)
    head = Head(random.normal(0, 0.05, (CLASSES, WIDTH)).astype(np.float32), np.zeros(CLASSES, np.float32))
    exported = graph.read(exported_body(find(EFFICIENTNET).build("classification", labels, SIDE)), "the body")
    model = graph.encode(graph.with_head(exported, graph.EMBEDDING, graph.SCORES, head))
    spec = InputSpec(graph.IMAGE, SIDE, SIDE, decode="reduced")
    contents = photographs(_FRAMES)
    seen = views(Session(model, spec, graph.EMBEDDING, graph.SCORES), contents)
    baseline = baseline_of(labels, seen, softmax(seen.scores.astype(np.float64)), None, [str(row // 8) for row in range(_FRAMES)])
    manifest = Manifest(
        model=MODEL,
        version=version,
        created_at=time.time(),
        task="classification",
        labels=labels,
        input=spec,
        scores=graph.SCORES,
        embedding=graph.EMBEDDING,
        scores_are="logits",
        lineage=Lineage("import", seed=seed, notes="made for benchmarks"),
        files={},
    )
    recorded = golden.record(model, manifest, baseline, contents)
    return ModelRepository(folder).publish(manifest, model, baseline, recorded)


def photographs(count: int) -> list[bytes]:
    """JPEG crops of scikit-learn's two photographs, of the size that cameras send and the same every time."""
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(0)
    pictures = [cv2.resize(one, None, fx=_ENLARGED, fy=_ENLARGED) for one in load_sample_images().images]
    contents = []
    for index in range(count):
        picture = pictures[index % 2]
        top, left = (int(random.integers(0, all_of - part)) for all_of, part in zip(picture.shape, (_HEIGHT, _WIDTH), strict=False))
        crop = np.ascontiguousarray(picture[top : top + _HEIGHT, left : left + _WIDTH, ::-1])
        contents.append(cv2.imencode(".jpg", crop)[1].tobytes())
    return contents


if __name__ == "__main__":
    print(f"{MODEL} version {subject(sys.argv[1]).manifest.version} is in {sys.argv[1]}")
