"""The label channel of one version: does what labellers say of uniformly sampled frames still agree with the benchmark?

The alarm is guaranteed (see e_detector.py). Each label's unit of evidence is shared out by fixed weights: most to the overall error, the rest to the
detector of its own class and to that of its own camera (segments.py), so that a fallen recall of a rare class or one broken camera is found, too. No
correction for the number of classes and cameras is needed: however many there are, a label is of one of each, and a camera that comes later takes no
unit before its first label. Labels of frames that were chosen for being uncertain, of audit cameras and of frames taken during a camera fault are
counted and judge nothing.
"""

import math
from typing import Final, NamedTuple

import msgspec

from contracts.manifest import Manifest
from contracts.quality_detection import Matches
from monitor.detectors.e_detector import HEAD_START, EDetector, detector
from monitor.policy import Policy
from monitor.quality.cross_check import ErrorStream
from monitor.quality.detections import Window
from monitor.quality.tally import Tally

CLASSES_WEIGHT: Final = 0.1
CAMERAS_WEIGHT: Final = 0.1
"""What breaks a class or a camera is large: a tenth of the weight costs it ln 10 / KL labels, some ten of its own at 10 % -> 40 %."""
MOST_CLASSES: Final = 64
"""Classes with a detector of their own, those with the most benchmark frames."""
MOST_SUMMED: Final = 1e12
"""Of one camera's detector: far above any alarm, and small enough that the running sum loses less than a thousandth of a label to rounding."""
AGES: Final = 64


class Answer(NamedTuple):
    """What a label says of one answer: `loss` in [0, 1]; of a classifier the true and the given class, of a detector how its boxes matched."""

    loss: float
    truth: str = ""
    said: str = ""
    matches: Matches | None = None


class LabelChannel(msgspec.Struct):
    """State of one version's labels. Times are when the labelled frames were taken."""

    version: str
    overall: EDetector | None = None
    """None: the version has no benchmark, so there is nothing to judge against."""
    classes: dict[str, EDetector] = {}
    camera_tolerated: float = 0.0
    """p0 of each camera's detector."""
    cameras_value: float = 0.0
    """The sum of the cameras' detectors, see `share`."""
    tally: Tally = msgspec.field(default_factory=Tally)
    """All labels that judge, since the version's first."""
    recent: Tally = msgspec.field(default_factory=Tally)
    """Those since the error last was at or below what is tolerated (the CUSUM's last zero): the run that an alarm speaks of."""
    window: Window = msgspec.field(default_factory=Window)
    """A detector's newest labelled frames."""
    stream: ErrorStream = msgspec.field(default_factory=ErrorStream)
    cusum: float = 0.0
    since: float = 0.0
    last_at: float = 0.0
    alarmed_at: float = 0.0
    episode: int = 1
    unused: dict[str, int] = {}
    """Labels that judge nothing, by reason."""
    again: int = 0
    """Labels of frames that had been labelled before, with the same truth."""
    corrected: int = 0
    """And with another one: the figures follow, the alarm's evidence stays as it was weighed."""
    ages: list[float] = []
    """Seconds from capture to label of the newest labels."""

    @property
    def value(self) -> float:
        """The whole e-detector, to be compared with the average run length; 0 at its start and below."""
        if self.overall is None:
            return 0.0
        classes = math.fsum(each.value for each in self.classes.values())
        weight = 1.0 - CAMERAS_WEIGHT - (CLASSES_WEIGHT if self.classes else 0.0)
        return max(0.0, weight * self.overall.value + CLASSES_WEIGHT * classes + CAMERAS_WEIGHT * self.cameras_value)

    def skip(self, reason: str) -> None:
        """Count a label that judges nothing."""
        self.unused[reason] = self.unused.get(reason, 0) + 1

    def aged(self, seconds: float) -> None:
        """Note how long a label took to come."""
        self.ages = [*self.ages, round(max(0.0, seconds), 1)][-AGES:]

    def take(self, answer: Answer, at: float) -> None:
        """A label of a frame taken `at`."""
        if self.overall is not None:
            self._follow(answer.loss, at)
            self.overall.update(answer.loss)
            if answer.truth in self.classes:
                self.classes[answer.truth].update(answer.loss)
        for tally in (self.tally, self.recent):
            count(tally, answer)
        if answer.matches is not None:
            self.window.add(answer.matches)
        self.last_at = max(self.last_at, at)

    def share(self, before: float, after: float) -> None:
        """Bring the cameras' part up to date: one camera's detector went from `before` to `after`. Constant in the number of cameras."""
        self.cameras_value += min(MOST_SUMMED, after) - min(MOST_SUMMED, before)

    def alarms(self, policy: Policy) -> bool:
        """Whether this label crossed the line, with enough labels in the recent run to show for it: once per episode."""
        enough = self.recent.n >= policy.labels_for_verdict
        return not self.alarmed_at and enough and self.value >= policy.label_arl

    def new_episode(self) -> None:
        """The last one is over: begin again. The cameras' detectors follow at their next label."""
        self.episode, self.alarmed_at, self.cusum, self.since = self.episode + 1, 0.0, 0.0, 0.0
        self.recent, self.cameras_value = Tally(), 0.0
        for each in (self.overall, *self.classes.values()):
            if each is not None:
                each.reset()

    def _follow(self, loss: float, at: float) -> None:
        """Page's CUSUM of the excess over the tolerated error; at its zeros the recent run begins anew."""
        assert self.overall is not None
        if self.cusum == 0.0:
            self.recent, self.since = Tally(), at
        self.cusum = max(0.0, self.cusum + loss - self.overall.tolerated)


def count(tally: Tally, answer: Answer, most: int | None = None) -> None:
    """Add an answer to a tally."""
    if answer.matches is None:
        tally.add(answer.truth, answer.said, most)
    else:
        tally.add_loss(answer.loss)


def channel(manifest: Manifest, policy: Policy) -> LabelChannel:
    """The channel of a version, before its first label. p0 is the benchmark error's upper bound and the tolerance, overall, per class and per camera.

    A detector's error is its frames' loss: p0 is `label_frame_loss` of the settings, else from the benchmark as above; with neither labels are counted only.
    """
    benchmark, head_start = manifest.benchmark, HEAD_START * policy.label_arl

    def tolerated(low: float, tolerance: float) -> float:
        return min(0.99, 1 - low + tolerance)

    if manifest.task == "detection" or benchmark is None:
        known = manifest.detection
        p0 = policy.label_frame_loss if manifest.task == "detection" else 0.0
        if not p0 and known:
            p0 = tolerated(1 - known.frame_loss.high, policy.label_tolerance)
        if not p0:
            return LabelChannel(manifest.version)
        whole = detector(min(0.99, p0), head_start)
        return LabelChannel(manifest.version, whole, camera_tolerated=tolerated(1 - p0, policy.label_class_tolerance))
    most = sorted(sorted(benchmark.per_class), key=lambda label: -benchmark.per_class[label].n)[:MOST_CLASSES]
    classes = {label: detector(tolerated(benchmark.per_class[label].low, policy.label_class_tolerance)) for label in sorted(most)}
    of_camera = tolerated(benchmark.accuracy.low, policy.label_class_tolerance)
    whole = detector(tolerated(benchmark.accuracy.low, policy.label_tolerance), head_start)
    return LabelChannel(manifest.version, whole, classes, of_camera)
