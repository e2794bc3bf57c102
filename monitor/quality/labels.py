"""The label channel of one version: does what labellers say of uniformly sampled frames still agree with the benchmark?

The alarm is guaranteed (see e_detector.py). Half of its weight lies on the overall error, half on the classes' own errors, so that a fallen recall of
a rare class is found too; the mean of e-detectors is one. Labels of frames that were chosen for being uncertain, of audit cameras and of frames
taken during a camera fault are counted and judge nothing.
"""

import msgspec

from contracts.manifest import Manifest
from monitor.detectors.e_detector import EDetector, detector
from monitor.policy import Policy
from monitor.quality.tally import Tally

OVERALL_WEIGHT = 0.5


class LabelChannel(msgspec.Struct):
    """State of one version's labels. Times are when the labelled frames were taken."""

    version: str
    overall: EDetector | None = None
    """None: the version has no benchmark, so there is nothing to judge against."""
    classes: dict[str, EDetector] = {}
    tally: Tally = msgspec.field(default_factory=Tally)
    """All labels that judge, since the version's first."""
    recent: Tally = msgspec.field(default_factory=Tally)
    """Those since the error last was at or below what is tolerated (the CUSUM's last zero): the run that an alarm speaks of."""
    cusum: float = 0.0
    since: float = 0.0
    last_at: float = 0.0
    cameras: dict[str, None] = {}
    alarmed_at: float = 0.0
    episode: int = 1
    unused: dict[str, int] = {}
    """Labels that judge nothing, by reason."""

    @property
    def value(self) -> float:
        """The e-detector's mixture."""
        if self.overall is None:
            return 0.0
        if not self.classes:
            return self.overall.value
        per_class = sum(each.value for each in self.classes.values()) / len(self.classes)
        return OVERALL_WEIGHT * self.overall.value + (1 - OVERALL_WEIGHT) * per_class

    def skip(self, reason: str) -> None:
        """Count a label that judges nothing."""
        self.unused[reason] = self.unused.get(reason, 0) + 1

    def take(self, truth: str, said: str, at: float, camera: str) -> None:
        """A label of a frame taken `at`."""
        loss = float(truth != said)
        self.tally.add(truth, said)
        if self.overall is not None:
            self._follow(loss, at)
            self.overall.update(loss)
            if truth in self.classes:
                self.classes[truth].update(loss)
        self.recent.add(truth, said)
        self.cameras[camera] = None
        self.last_at = max(self.last_at, at)

    def alarms(self, policy: Policy) -> bool:
        """Whether this label crossed the line, with enough labels in the recent run to show for it: once per episode."""
        enough = self.recent.n >= policy.labels_for_verdict
        return not self.alarmed_at and enough and self.value >= policy.label_arl

    def new_episode(self) -> None:
        """The last one is over: begin again."""
        self.episode, self.alarmed_at, self.cusum, self.since = self.episode + 1, 0.0, 0.0, 0.0
        self.recent = Tally()
        for each in (self.overall, *self.classes.values()):
            if each is not None:
                each.reset()

    def _follow(self, loss: float, at: float) -> None:
        """Page's CUSUM of the excess over the tolerated error; at its zeros the recent run begins anew."""
        assert self.overall is not None
        if self.cusum == 0.0:
            self.recent, self.since = Tally(), at
        self.cusum = max(0.0, self.cusum + loss - self.overall.tolerated)


def channel(manifest: Manifest, policy: Policy) -> LabelChannel:
    """The channel of a version, before its first label. p0 is the benchmark error's upper bound and the tolerance, overall and per class."""
    benchmark = manifest.benchmark
    if benchmark is None:
        return LabelChannel(manifest.version)

    def tolerated(low: float, tolerance: float) -> float:
        return min(0.99, 1 - low + tolerance)

    of_class = {label: tolerated(m.low, policy.label_class_tolerance) for label, m in sorted(benchmark.per_class.items())}
    classes = {label: detector(p0) for label, p0 in of_class.items()}
    return LabelChannel(manifest.version, detector(tolerated(benchmark.accuracy.low, policy.label_tolerance)), classes)
