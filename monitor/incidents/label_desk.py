"""What labels do to cases: they tell open ones the realised quality, and their guaranteed alarm makes a page and asks for retraining, once an episode."""

from collections.abc import Callable

from contracts.incidents import Cause, Estimate, Evidence
from monitor.camera import Camera
from monitor.incidents import wording
from monitor.incidents.casebook import Casebook
from monitor.incidents.cases import Case, label_estimates, retrain_request
from monitor.incidents.drift_desk import MOST_EVIDENCE, DriftDesk
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.quality.labels import LabelChannel
from monitor.quality.tally import Tally
from monitor.standard import Standard


class LabelDesk:
    """Acts on the labels of one model's versions."""

    def __init__(
        self, policy: Policy, memory: Memory, standards: Callable[[str], Standard], book: Casebook, drift: DriftDesk
    ) -> None:
        self._policy = policy
        self._memory = memory
        self._standards = standards
        self._book = book
        self._drift = drift

    def labelled(self, camera: Camera, channel: LabelChannel, truth: str, said: str, taken_at: float, at: float) -> None:
        """A label that judges was taken by its channel."""
        for case in self._memory.cases.values():
            concerned = case.kind != "fault" and case.incident.version == channel.version and camera.name in case.incident.cameras
            if concerned and taken_at >= case.incident.since:
                case.tally.add(truth, said)
                self._memory.mark("case", case.incident.incident_id)
                if case.tally.n >= case.report_at:
                    case.report_at = 2 * case.tally.n
                    self._tell(case, case.tally, at)
        if channel.version == self._memory.rollout.champion and channel.alarms(self._policy):
            channel.alarmed_at = at
            self._alarm(channel, at)

    def _tell(self, case: Case, tally: Tally, at: float, **changes: object) -> None:
        """Bring a case's realised quality up to date."""
        old = case.incident
        estimates = (*(e for e in old.estimates if e.kind == "estimate"), *self._estimates(old.version, tally))
        self._book.update(case, at, estimates=estimates, headline=wording.with_effect(old.headline, estimates), **changes)

    def _estimates(self, version: str, tally: Tally) -> tuple[Estimate, ...]:
        manifest = self._standards(version).manifest
        if manifest is None or manifest.benchmark is None:
            return ()
        known = {name: getattr(manifest.benchmark, name) for name in ("accuracy", "balanced_accuracy", "recall", "precision")}
        return label_estimates(
            tally, {name: metric.value for name, metric in known.items() if metric is not None}, manifest.positive
        )

    def _alarm(self, channel: LabelChannel, at: float) -> None:
        """The version's drift cases become pages; without one, a case opens. Then retraining is requested."""
        said = self._evidence(channel)
        cases = [c for c in self._memory.open_cases("drift") if c.incident.version == channel.version]
        cases = cases or [self._open(channel, said, at)]
        for case in cases:
            case.label_alarm = True
            if said not in case.incident.evidence:
                tally = case.tally if case.tally.n >= self._policy.labels_for_verdict else channel.recent
                evidence = (said, *case.incident.evidence)[:MOST_EVIDENCE]
                self._tell(case, tally, at, severity="page", evidence=evidence, action=wording.RETRAINING)
        since = cases[0].incident.since
        excluded = tuple(sorted(c.name for c in self._memory.cameras.values() if c.fault or c.faulted_since(since)))
        self._book.say(retrain_request(cases[0], channel, self._book.model, at, excluded))

    def _evidence(self, channel: LabelChannel) -> Evidence:
        assert channel.overall is not None  # a channel without a benchmark never alarms
        accuracy = channel.recent.accuracy()
        detail = f"e-detector {min(channel.value, 1e12):.4g}, alarm at {self._policy.label_arl:g} (guaranteed average run length in labels)"
        ratio = min(1e6, channel.value / self._policy.label_arl)
        now, least = accuracy.value if accuracy else 0.0, 1 - channel.overall.tolerated
        return Evidence("labels", "accuracy", "", round(ratio, 3), round(now, 4), round(least, 4), detail)

    def _open(self, channel: LabelChannel, said: Evidence, at: float) -> Case:
        """With inputs above a limit, though not yet confirmed, it is drift; with quiet inputs the concept changed; with unjudged ones nobody knows."""
        cameras = tuple(sorted(channel.cameras))
        known = [self._memory.cameras[name] for name in cameras]
        moved = self._drift.findings([c for c in known if c.version == channel.version], 1)
        if moved:
            return self._drift.open(self._memory.cameras[moved[0].camera].site, channel.version, moved, at)
        cause: Cause = "quality_decay" if all(camera.unjudged for camera in known) else "concept_drift"
        estimates = self._estimates(channel.version, channel.recent)
        return self._book.open(
            "labels", cause, "page", ", ".join(sorted({camera.site for camera in known})), channel.version, at,
            cameras=cameras, since=channel.since, evidence=(said,), estimates=estimates, examples=self._book.examples(cameras),
            headline=wording.label_headline(cause, channel.version, channel.since, cameras) + wording.effect(estimates),
            action=wording.ACTIONS[cause],
        )  # fmt: skip
