"""One camera's labels of a version, and who is to blame: which cameras and classes made the label channel's evidence.

The share of each in the evidence is told at once (contributions). A camera or class is *named* only when its own e-value passes e-BH among all of its
kind: of those named, at most FALSE_NAMES are named wrongly, on average. That takes some more labels than the alarm itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from contracts.incidents import Contribution, Evidence
from contracts.quality import Metric
from monitor.detectors import e_bh
from monitor.detectors.e_detector import EDetector, detector
from monitor.quality.tally import Tally

if TYPE_CHECKING:
    from monitor.quality.labels import LabelChannel

FALSE_NAMES: Final = 0.1
"""False discovery rate of the cameras and classes named."""
MOST_NAMED: Final = 4
"""Of each kind, in an incident."""
LEAST_SHARE: Final = 0.005
CLASSES_OF_A_CAMERA: Final = 8
"""Counted apart; the rest together: at most 0.3 kB a camera."""


class CameraLabels(msgspec.Struct, array_like=True):
    """The labels of one camera under one version. `detector` is None where there is nothing to judge against."""

    camera: str
    version: str
    episode: int = 0
    """The channel's episode that the detector speaks of."""
    detector: EDetector | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    last_at: float = 0.0

    def take(self, loss: float, tolerated: float | None, episode: int, at: float) -> None:
        """A label of a frame taken `at`; `tolerated` is None without a benchmark."""
        self.last_at = max(self.last_at, at)
        if tolerated is None:
            return
        if self.detector is None or self.episode != episode:
            self.detector, self.episode = detector(tolerated), episode
        self.detector.update(loss)

    def value(self, episode: int) -> float:
        """The detector's, 0 when it speaks of an earlier episode."""
        return self.detector.value if self.detector is not None and self.episode == episode else 0.0

    def e_value(self, labels: float, episode: int) -> float:
        """See EDetector.e_value."""
        return self.detector.e_value(labels) if self.detector is not None and self.episode == episode else 0.0


def shares(of_version: LabelChannel, cameras: Mapping[str, CameraLabels]) -> tuple[Contribution, ...]:
    """The largest shares of the evidence, of cameras and of classes, by their detectors' values; none while all are at their start."""
    of_class = {label: each.value for label, each in of_version.classes.items()}
    of_camera = {name: each.value(of_version.episode) for name, each in cameras.items()}
    return (*_largest("class", of_class), *_largest("camera", of_camera))


def _largest(kind: Literal["class", "camera"], values: Mapping[str, float]) -> list[Contribution]:
    whole = math.fsum(max(0.0, value) for value in values.values())
    ordered = sorted(values, key=lambda name: (-values[name], name))[:MOST_NAMED]
    return [Contribution(kind, name, round(values[name] / whole, 3)) for name in ordered if values[name] > LEAST_SHARE * whole]


def blame(of_version: LabelChannel, cameras: Mapping[str, CameraLabels], labels: float) -> tuple[Evidence, ...]:
    """Evidence against the classes and cameras that e-BH names, worst first; `labels` is the average run length of the alarm."""
    of_class = {label: each.e_value(labels) for label, each in of_version.classes.items()}
    of_camera = {name: each.e_value(labels, of_version.episode) for name, each in cameras.items()}
    classes = [
        _evidence(
            f"recall of {label}",
            "",
            ratio,
            of_version.recent.recall(label),
            of_version.classes[label].tolerated,
            "the labels since the errors began",
            f"{len(of_class)} classes",
        )
        for label, ratio in _named(of_class)
    ]
    found = [
        _evidence(
            "accuracy",
            name,
            ratio,
            cameras[name].tally.accuracy(),
            of_version.camera_tolerated,
            f"all its labels of version {of_version.version}, good days too",
            f"{len(of_camera)} cameras",
        )
        for name, ratio in _named(of_camera)
    ]
    return (*classes, *found)


def _named(e_values: Mapping[str, float]) -> list[tuple[str, float]]:
    """Who is named, with the e-value over the one that was needed."""
    names = e_bh.named(e_values, FALSE_NAMES)
    return [(name, e_values[name] * len(names) * FALSE_NAMES / len(e_values)) for name in names[:MOST_NAMED]]


def _evidence(feature: str, camera: str, ratio: float, now: Metric | None, tolerated: float, of: str, among: str) -> Evidence:
    """`of` says which labels the figure is taken over: another set than the version's own figure, so that the two need not agree."""
    detail = f"over {of}, {now.n if now else 0} in all, against the least that is tolerated; named among {among} at a false discovery rate of {FALSE_NAMES:g}"
    value = now.value if now else 0.0
    return Evidence("labels", feature, camera, round(min(1e6, ratio), 3), round(value, 4), round(1 - tolerated, 4), detail)
