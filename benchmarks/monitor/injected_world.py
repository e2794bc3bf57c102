"""The worlds of injected.py: real photographs, real versions trained by `retrain`'s own code, and every frame as serving would see it.

Two worlds. `cells`: solar cells of the ELPV data set (mono-crystalline ones trained on; poly-crystalline ones are another product; crops of
scikit-learn's two photographs are foreign objects). `digits`: scikit-learn's handwritten digits 0 to 7; 8 and 9 are held out as new classes. Frames go
through JPEG, decoding, `contracts.frames.measure` and the version's ONNX graph; what was computed is kept under `.cache/`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_sample_images

from contracts.files import Folder
from contracts.predictions import Classification, classification
from contracts.repository import ModelRepository
from contracts.statistics import NUMERIC, ImageStatistics
from retrain.models.calibrate import softmax
from retrain.models.session import Session, views
from retrain.steps import Steps
from retrain.trainer import bootstrap
from retrain.trainer.bootstrap_order import Order
from standalone import photographs, scenario
from standalone.first_version import write_frames

CACHE: Final = Path(".cache/bench-injected")
SEED: Final = 1
SIDE: Final = 160
"""Pixels of a digit as sent; cells have 300."""
POOL: Final = 320
"""Frames of a pool: a camera sees each once before any comes again."""
LEVELS: Final = 8
"""Steps of strength, from none (0) to the whole injury."""
Grey = NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """What serving would say of one frame, and the truth; "" where the frame's class is none that the version knows."""

    statistics: ImageStatistics
    embedding: tuple[float, ...]
    prediction: Classification
    truth: str
    bytes: int


@dataclass(frozen=True, slots=True)
class World:
    """A repository with the model's version 1, and pools of looks by name: `usual`, `dark-1` to `dark-8`, and so on."""

    name: str
    url: str
    labels: tuple[str, ...]
    pool: Callable[[str], Sequence[Look]]


def darker(image: Grey, level: int, _: np.random.Generator) -> Grey:
    """Light falls to 60 %."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=1 - 0.05 * level), np.uint8)


def hazier(image: Grey, level: int, _: np.random.Generator) -> Grey:
    """Stray light: a grey veil that lifts the blacks and takes contrast."""
    return np.asarray(cv2.addWeighted(image, 1 - 0.05 * level, np.full_like(image, 150), 0.05 * level, 0), np.uint8)


def noisier(image: Grey, level: int, rng: np.random.Generator) -> Grey:
    """The sensor's gain rises: Gaussian noise up to 14 grey levels."""
    return np.asarray((image + rng.normal(0, 1.75 * level, image.shape)).clip(0, 255), np.uint8)


def softer(image: Grey, level: int, _: np.random.Generator) -> Grey:
    """Out of focus: a Gaussian of up to 2 % of the side."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.0025 * level * len(image)), np.uint8)


def dirtier(image: Grey, level: int, _: np.random.Generator) -> Grey:
    """Blotches on the lens: always at the same places, more with each level."""
    places = np.random.default_rng(77)
    drawn = np.zeros(image.shape, np.float32)
    side = len(image)
    for x, y in places.integers(0, side, (3 * level // 2, 2)).tolist():
        cv2.circle(drawn, (x, y), int(places.uniform(0.05, 0.1) * side), float(places.uniform(0.5, 0.9)), -1)
    veil = cv2.GaussianBlur(drawn, (0, 0), 0.02 * side)
    return np.asarray(image * (1 - veil) + 40 * veil, np.uint8)


def tilted(image: Grey, level: int, _: np.random.Generator) -> Grey:
    """The mount has slipped: turned by up to 14 degrees."""
    turn = cv2.getRotationMatrix2D((len(image) / 2, len(image) / 2), 1.75 * level, 1.0)
    return np.asarray(cv2.warpAffine(image, turn, image.shape[::-1], borderMode=cv2.BORDER_REFLECT), np.uint8)


INJURIES: Final[dict[str, Callable[[Grey, int, np.random.Generator], Grey]]] = {
    "dark": darker, "haze": hazier, "noise": noisier, "blur": softer, "dirt": dirtier, "tilt": tilted,
}  # fmt: skip


@cache
def world(name: str) -> World:
    """A world, made at first need: training takes about a minute, each pool some seconds, both only once a machine."""
    return _cells() if name == "cells" else _digits()


def _cells() -> World:
    cells, images = photographs.load()
    dealt = scenario.deal(cells, SEED)
    folder = CACHE / "cells"
    if not (folder / "repository").exists():
        _train(folder, write_frames(folder / "frames", dealt.bootstrap, images), photographs.LABELS, photographs.POSITIVE)
    mono = [c for block in dealt.live["mono"] for c in block] + list(dealt.proof["mono"])
    poly = [c for block in dealt.live["poly"] for c in block]
    rng = np.random.default_rng(SEED)
    sources = {
        "": [(images[c.number], c.label) for c in _some(mono, rng)],
        "poly": [(images[c.number], c.label) for c in _some(poly, rng)],
        "foreign": [(crop, "") for crop in _crops(POOL // 2, 300, rng)],
    }
    return _world("cells", photographs.LABELS, sources)


def digits() -> tuple[list[Grey], list[int]]:
    """The pictures of all handwritten digits, in the order in which they were written, and their truths."""
    data = load_digits()
    grown = (cv2.resize((p * 15.9).astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for p in data.images)
    return [np.asarray(picture, np.uint8) for picture in grown], [int(t) for t in data.target]


def _digits() -> World:
    pictures, truth = digits()
    folder = CACHE / "digits"
    half = len(truth) // 2
    labels = tuple("01234567")
    if not (folder / "repository").exists():
        known = [i for i in range(half) if truth[i] < 8]
        frames = folder / "frames"
        frames.mkdir(parents=True, exist_ok=True)
        rows = ["path,label,group,camera"]
        for i in known:
            (frames / f"{i}.jpg").write_bytes(photographs.jpeg(pictures[i]))
            rows.append(f"{i}.jpg,{truth[i]},block-{i // 10},cam-1")
        (frames / "index.csv").write_text("\n".join(rows) + "\n")
        _train(folder, frames / "index.csv", labels, None)
    rng = np.random.default_rng(SEED)
    later = range(half, len(truth))
    sources = {
        "": [(pictures[i], str(truth[i])) for i in _some([i for i in later if truth[i] < 8], rng)],
        "foreign": [(pictures[i], "") for i in later if truth[i] >= 8],
    }
    return _world("digits", labels, sources)


def _train(folder: Path, index: Path, labels: tuple[str, ...], positive: str | None) -> None:
    order = Order(
        str(folder / "repository"), str(folder / "store"), "model", index, labels, positive, SEED, "stretch", 1, str(CACHE / "seen"), "1"
    )  # fmt: skip
    bootstrap.run(order, Steps(), 1_750_000_000.0, time.monotonic)


def _world(name: str, labels: tuple[str, ...], sources: dict[str, list[tuple[Grey, str]]]) -> World:
    url = str(CACHE / name / "repository")
    read = ModelRepository(url).read("model", "1")
    session = Session(read.model, read.manifest.input, read.manifest.embedding, read.manifest.scores)

    @cache
    def pool(which: str) -> Sequence[Look]:
        kind, _, level = which.partition("-")
        source = sources[kind if kind in sources else ""]
        change = INJURIES.get(kind)
        rng = np.random.default_rng([SEED, *which.encode()])
        contents = []
        for image, _ in source:
            lamp = rng.uniform(0.99, 1.01)  # the frame is not moved: interpolation would take the sensor's noise
            seen = np.asarray(cv2.convertScaleAbs(image, alpha=lamp), np.uint8)
            seen = change(seen, int(level), rng) if change else seen
            if kind == "coarse":
                small = cv2.resize(seen, (len(seen) // 3, len(seen) // 3), interpolation=cv2.INTER_AREA)
                contents.append(cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, 30])[1].tobytes())
            elif kind == "black":
                contents.append(photographs.jpeg(np.zeros_like(seen)))
            else:
                contents.append(photographs.jpeg(seen))
        found = views(session, contents, Folder(str(CACHE / "seen")))
        p = softmax(found.scores.astype(np.float64) / read.manifest.temperature)
        axes = read.baseline.project(found.embedding)
        return [
            Look(
                ImageStatistics(
                    **dict(zip(NUMERIC, map(float, found.statistics[i]), strict=True)), phash=f"{int(found.phash[i]):016x}"
                ),
                tuple(round(float(a), 5) for a in axes[i]),
                classification(labels, [float(v) for v in p[i]]),
                source[i][1],
                len(contents[i]),
            )
            for i in range(len(contents))
        ]

    return World(name, url, labels, pool)


def _some(items: Sequence[T], rng: np.random.Generator) -> list[T]:
    return [items[int(i)] for i in rng.permutation(len(items))[:POOL]]


def _crops(count: int, side: int, rng: np.random.Generator) -> list[Grey]:
    """Grey crops of the temple and the flower."""
    photos = [cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) for photo in load_sample_images().images]
    found = []
    for number in range(count):
        photo = photos[number % 2]
        top, left = (int(rng.integers(0, size - side)) for size in photo.shape)
        found.append(photo[top : top + side, left : left + side])
    return found
