"""A line of cameras for the monitor's tests: events as serving would send them, of real photographs scored by the small real version.

`usual` frames are fresh crops of the photographs that the reference shows; `other` frames are handwritten digits, which it never saw; `smeared` are
usual ones out of focus.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from contracts import frames
from contracts.events import FrameLabelled, FrameScored, Sample
from contracts.manifest import Manifest
from contracts.predictions import Classification, ClassTruth, Prediction, Scored, Variant, classification
from contracts.repository import ModelRepository
from contracts.statistics import ImageStatistics
from monitor.identity import derived_id
from tests.small_model import LABELS, photographs, publish_small_version, run_small

MODEL = "small"
SITE = "hall"
START = 1_750_000_000.0
Content = tuple[bytes, ...]


@cache
def usual(seed: int = 11) -> Content:
    """240 fresh crops."""
    return tuple(photographs(240, seed)[0])


@cache
def other() -> Content:
    """120 handwritten digits."""
    pictures = (load_digits().images[:120] * 16).clip(0, 255).astype(np.uint8)
    return tuple(_jpeg(cv2.resize(picture, (96, 96), interpolation=cv2.INTER_CUBIC)) for picture in pictures)


@cache
def smeared() -> Content:
    """Usual frames, out of focus."""
    return tuple(
        _jpeg(cv2.GaussianBlur(cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR), (0, 0), 8)) for one in usual()
    )


@cache
def black() -> Content:
    """What a camera sends with its lens cap on."""
    return (_jpeg(np.zeros((96, 96, 3), np.uint8)),)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


@dataclass(frozen=True)
class Look:
    """What serving would say of one frame."""

    statistics: ImageStatistics
    embedding: tuple[float, ...]
    prediction: Prediction


class Line:
    """Versions in a repository, and events of cameras. Time goes on by `step_s` with every frame."""

    def __init__(self, folder: Path, step_s: float = 0.05, start: float = START) -> None:
        self.url = str(folder / "repository")
        self.now = start
        self._step_s = step_s
        self._number = 0
        self._looks: dict[tuple[str, Content], list[Look]] = {}
        self._at: dict[str, int] = {}
        self.publish("1", photographs(192, 0))

    def publish(
        self, version: str, reference: tuple[Sequence[bytes], NDArray[np.int64]], decode: Literal["full", "reduced"] = "full"
    ) -> Manifest:
        """Publish a version whose reference is these frames."""
        return publish_small_version(self.url, MODEL, version, reference=reference, champion=version == "1", decode=decode)

    def publish_for_other(self, version: str = "2", decode: Literal["full", "reduced"] = "full") -> Manifest:
        """A version that knows the digits, too: its reference mixes both, in groups of neighbours."""
        content = [frame for i in range(0, 112, 8) for frame in (*usual(3)[i : i + 8], *other()[i : i + 8])]
        truth = np.array([k % 2 for k in range(len(content))])
        return self.publish(version, (content, truth), decode)

    def _look(self, version: str, pool: Content) -> list[Look]:
        key = (version, pool)
        if key not in self._looks:
            read = ModelRepository(self.url).read(MODEL, version)
            images = [frames.see(one, read.manifest.input) for one in pool]
            logits, embedding = run_small(read.model, np.stack(images))
            raised = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares = raised / raised.sum(axis=1, keepdims=True)
            axes = read.baseline.project(embedding).round(5)
            looks, previous = [], None
            for image, share, place in zip(images, shares, axes, strict=True):
                statistics, previous = frames.measure(image, previous)
                looks.append(
                    Look(statistics, tuple(round(float(p), 5) for p in place), classification(LABELS, [float(p) for p in share]))
                )
            self._looks[key] = looks
        return self._looks[key]

    def frame(
        self, camera: str, pool: Content, version: str = "1", variant: Variant = "champion", site: str = SITE, **changes: object
    ) -> FrameScored:
        """The camera's next frame out of a pool, scored."""
        self.now += self._step_s
        self._number += 1
        at = self._at[camera] = self._at.get(camera, 17 * len(self._at)) + 1
        looks = self._look(version, pool)
        look = looks[at % len(looks)]
        frame_id = derived_id(self.now, "frame", self._number)
        values: dict[str, object] = {
            "event_id": derived_id(self.now, "event", self._number),
            "occurred_at": self.now,
            "model": MODEL,
            "frame_id": frame_id,
            "camera": camera,
            "site": site,
            "stream": "items",
            "version": version,
            "variant": variant,
            "captured_at": self.now,
            "received_at": self.now,
            "width": 96,
            "height": 96,
            "bytes": len(pool[at % len(pool)]),
            "codec": "jpeg",
            "statistics": look.statistics,
            "prediction": look.prediction,
            "confidence": look.prediction.confidence,
            "entropy": look.prediction.entropy,
            "embedding": look.embedding,
            "stored": f"frames/{frame_id}.jpeg" if self._number % 8 == 0 else None,
            "sample": "uniform" if self._number % 8 == 0 else None,
        }
        return FrameScored(**{**values, **changes})  # type: ignore[arg-type]  # the values above, by name

    def pass_by(
        self, cameras: Sequence[str], each: int, pool: Content, version: str = "1", **changes: object
    ) -> Iterator[FrameScored]:
        """`each` frames of each camera, the cameras in turn."""
        for _ in range(each):
            for camera in cameras:
                yield self.frame(camera, pool, version, **changes)  # type: ignore[arg-type]  # passed on

    def label(self, frame: FrameScored, right: bool, sample: Sample | None = "uniform", **changes: object) -> FrameLabelled:
        """A truth for a frame that makes its answer `right` or wrong."""
        assert isinstance(frame.prediction, Classification)
        self._number += 1
        said = frame.prediction.label
        values: dict[str, object] = {
            "event_id": derived_id(self.now, "label", self._number),
            "occurred_at": self.now,
            "model": MODEL,
            "frame_id": frame.frame_id,
            "camera": frame.camera,
            "site": frame.site,
            "captured_at": frame.captured_at,
            "truth": ClassTruth(said if right else next(label for label in LABELS if label != said)),
            "predictions": (Scored(frame.version, frame.variant, frame.prediction),),
            "sample": sample,
        }
        return FrameLabelled(**{**values, **changes})  # type: ignore[arg-type]  # the values above, by name
