"""What labels do: they feed their version's channel and tell open cases the realised quality; the guaranteed alarm, or a case's burst that confirms the
harm, makes a page and asks for retraining, once an episode.
"""

from collections.abc import Callable
from typing import Any, Final

from contracts.events import FrameLabelled
from contracts.incidents import Cause, Estimate, Evidence
from contracts.manifest import Manifest
from contracts.predictions import BoxesTruth, Classification, ClassTruth, Detections, Scored
from contracts.quality_detection import match
from monitor.camera import Camera
from monitor.incidents import wording
from monitor.incidents.account import MOST_EVIDENCE
from monitor.incidents.burst_desk import BurstDesk
from monitor.incidents.casebook import Casebook
from monitor.incidents.cases import Case, label_estimates
from monitor.incidents.drift_desk import DriftDesk
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.quality import segments
from monitor.quality.cross_check import CrossCheck
from monitor.quality.labelled import OTHER, UNUSED
from monitor.quality.labels import Answer, LabelChannel, channel, count
from monitor.quality.segments import CLASSES_OF_A_CAMERA
from monitor.quality.tally import Tally
from monitor.standard import Standard

UNJOINED: Final = "labels unjoined"
"""Counted: labels of frames that no version we know had answered."""


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
        self._bursts = BurstDesk(policy, memory, book)
        self._cross_check = CrossCheck()

    def take(self, label: FrameLabelled, at: float) -> None:
        """Take a label at its time. It judges the version that had answered the frame; what a shadow said beside it does not count here.

        Raises ValueError for a label that cannot be used, and what `standards` raises, before anything changed.
        """
        said = next((scored for scored in label.predictions if scored.variant != "shadow"), None)
        manifest = self._standards(said.version).manifest if said else None
        camera = self._memory.camera(label.camera, label.site, label.audit)
        if said is None or manifest is None:
            if camera.labelled.see(label.frame_id, UNUSED, label.occurred_at) is None:
                counts = self._memory.rollout.counts
                counts[UNJOINED] = counts.get(UNJOINED, 0) + 1
            return
        reason = _unused(label, said, camera)
        answer = None if reason else _answer(label, said, manifest)
        of_version = self._memory.channel(said.version, lambda: channel(manifest, self._policy))
        if camera.labelled.outdated(label.frame_id, label.occurred_at):
            of_version.again += 1
            return
        before = camera.labelled.see(label.frame_id, _number(answer, manifest), label.occurred_at)
        if before is not None:
            self._again(of_version, camera, answer, before, manifest)
        elif answer is None:
            of_version.skip(reason)
        else:
            of_version.aged(label.occurred_at - label.captured_at)
            self._new(of_version, camera, answer, label.captured_at, at)

    def _new(self, of_version: LabelChannel, camera: Camera, answer: Answer, taken_at: float, at: float) -> None:
        of_version.take(answer, taken_at)
        if self._policy.label_cross_check:
            self._cross_check.take(of_version.version, of_version.stream, answer.loss, taken_at)
        own = self._memory.camera_labels(camera.name, of_version.version)
        tolerated = of_version.camera_tolerated if of_version.overall else None
        before = own.value(of_version.episode)
        own.take(answer.loss, tolerated, of_version.episode, taken_at)
        of_version.share(before, own.value(of_version.episode))
        count(own.tally, answer, CLASSES_OF_A_CAMERA)
        for case in list(self._memory.cases.values()):
            concerned = (
                case.kind != "fault" and case.incident.version == of_version.version and camera.name in case.incident.cameras
            )
            if concerned and taken_at >= case.incident.since:
                self._of_case(case, of_version, answer, at)
        if of_version.version == self._memory.rollout.champion and of_version.alarms(self._policy):
            of_version.alarmed_at = at
            self._alarm(of_version, at)

    def _again(self, of_version: LabelChannel, camera: Camera, answer: Answer | None, before: int, manifest: Manifest) -> None:
        """A frame that was labelled before: the same truth changes nothing, another one the figures. The alarm's evidence stays as it was weighed."""
        known = answer is not None and answer.matches is None and before < min(OTHER, len(manifest.labels))
        if answer is None or not known or manifest.labels[before] == answer.truth:
            of_version.again += 1
            return
        was = manifest.labels[before]
        of_version.corrected += 1
        of_version.tally.correct(was, answer.truth, answer.said)
        own = self._memory.camera_labels(camera.name, of_version.version)
        own.tally.correct(was, answer.truth, answer.said, CLASSES_OF_A_CAMERA)

    def _of_case(self, case: Case, of_version: LabelChannel, answer: Answer, at: float) -> None:
        count(case.tally, answer)
        self._memory.mark("case", case.incident.incident_id)
        due = case.tally.n >= case.report_at
        verdict = self._bursts.take(case, of_version, answer.loss)
        if due:
            case.report_at = 2 * case.tally.n
        if verdict:
            self._tell(case, self._telling(case, of_version), at, **self._bursts.told(case, verdict))
        elif due:
            self._tell(case, self._telling(case, of_version), at)
        if verdict == "confirmed":
            self._bursts.confirmed(case, of_version, at)

    def _telling(self, case: Case, of_version: LabelChannel) -> Tally:
        """The labels that speak for a case: its own, or after the channel's alarm those since the errors began, while these are the more."""
        return of_version.recent if case.label_alarm and of_version.recent.n > case.tally.n else case.tally

    def _tell(self, case: Case, tally: Tally, at: float, **changes: Any) -> None:
        """Bring a case's realised quality up to date, and whom the labels blame."""
        old = case.incident
        estimates = (*(e for e in old.estimates if e.kind == "estimate"), *self._estimates(old.version, tally))
        changes.setdefault("headline", wording.with_effect(old.headline, estimates))
        if case.label_alarm and case.incident.version in self._memory.labels:
            changes.setdefault("evidence", self._with_blame(old.evidence, self._memory.labels[old.version]))
        have = case.burst.have if case.burst else old.labels_have
        self._book.update(case, at, estimates=estimates, labels_have=have, **changes)

    def _estimates(self, version: str, tally: Tally) -> tuple[Estimate, ...]:
        manifest, of_version = self._standards(version).manifest, self._memory.labels.get(version)
        if manifest is None or of_version is None or of_version.overall is None:
            return ()
        known = {"frame_f1": 1 - of_version.overall.tolerated}
        if manifest.benchmark is not None:
            of_benchmark = {
                name: getattr(manifest.benchmark, name) for name in ("accuracy", "balanced_accuracy", "recall", "precision")
            }
            known |= {name: metric.value for name, metric in of_benchmark.items() if metric is not None}
        return label_estimates(tally, known, manifest.positive)

    def _alarm(self, of_version: LabelChannel, at: float) -> None:
        """The version's drift cases become pages; without one, a case opens. Then retraining is requested."""
        said = self._evidence(of_version)
        cases = [c for c in self._memory.open_cases("drift") if c.incident.version == of_version.version]
        cases = cases or [self._open(of_version, said, at)]
        for case in cases:
            case.label_alarm = True
            if said not in case.incident.evidence:
                evidence = self._with_blame((said, *case.incident.evidence), of_version)
                self._tell(case, self._telling(case, of_version), at, severity="page", evidence=evidence, action=wording.RETRAINING)
        self._bursts.ask_for_retraining(cases[0], of_version, at)

    def _evidence(self, of_version: LabelChannel) -> Evidence:
        assert of_version.overall is not None  # a channel without a benchmark never alarms
        accuracy = of_version.recent.accuracy()
        value = f"e-detector {min(of_version.value, 1e12):.4g}, alarm at {self._policy.label_arl:g} (guaranteed average run length in labels)"
        detail = f"against the least that is tolerated; {value}"
        ratio = min(1e6, of_version.value / self._policy.label_arl)
        now, least = accuracy.value if accuracy else 0.0, 1 - of_version.overall.tolerated
        return Evidence("labels", "accuracy", "", round(ratio, 3), round(now, 4), round(least, 4), detail)

    def _with_blame(self, evidence: tuple[Evidence, ...], of_version: LabelChannel) -> tuple[Evidence, ...]:
        """The evidence with the cameras and classes that labels name by now, after the labels' own line."""
        rest = [e for e in evidence if not (e.channel == "labels" and (e.camera or e.feature.startswith("recall of ")))]
        lead = [e for e in rest if e.channel == "labels"]
        named = segments.blame(of_version, self._memory.labelled.get(of_version.version, {}), self._policy.label_arl)
        return (*lead, *named, *(e for e in rest if e.channel != "labels"))[:MOST_EVIDENCE]

    def _open(self, of_version: LabelChannel, said: Evidence, at: float) -> Case:
        """With inputs above a limit, though not yet confirmed, it is drift; with quiet inputs the concept changed; with unjudged ones nobody knows."""
        labelled = self._memory.labelled[of_version.version]
        cameras = tuple(sorted(name for name, own in labelled.items() if own.last_at >= of_version.since))
        known = [self._memory.cameras[name] for name in cameras]
        moved = self._drift.findings([c for c in known if c.version == of_version.version], 1)
        if moved:
            return self._drift.open(self._memory.cameras[moved[0].camera].site, of_version.version, moved, at)
        blind = self._standards(of_version.version).unjudged or all(camera.unjudged for camera in known)
        cause: Cause = "quality_decay" if blind else "concept_drift"
        estimates = self._estimates(of_version.version, of_version.recent)
        return self._book.open(
            "labels", cause, "page", ", ".join(sorted({camera.site for camera in known})), of_version.version, at,
            cameras=cameras, since=of_version.since, evidence=self._with_blame((said,), of_version), estimates=estimates,
            examples=self._book.examples(cameras), contributions=segments.shares(of_version, labelled),
            headline=wording.label_headline(cause, of_version.version, of_version.since, cameras) + wording.effect(estimates),
            action=wording.ACTIONS[cause],
        )  # fmt: skip


def _unused(label: FrameLabelled, said: Scored, camera: Camera) -> str:
    """Why a label judges nothing; "" when it does."""
    if label.audit:
        return "audit camera"
    if label.sample != "uniform":
        return f"sample {label.sample or 'none'}"
    if camera.faulted_at(label.captured_at):
        return "camera fault"
    if isinstance(label.truth, ClassTruth) is not isinstance(said.prediction, Classification):
        return "truth of another task"
    return ""


def _answer(label: FrameLabelled, said: Scored, manifest: Manifest) -> Answer:
    if isinstance(label.truth, ClassTruth) and isinstance(said.prediction, Classification):
        truth, answer = label.truth.label, said.prediction.label
        return Answer(float(truth != answer), truth, answer)
    assert isinstance(label.truth, BoxesTruth)  # _unused saw to it
    assert isinstance(said.prediction, Detections)
    matches = match(label.truth.boxes, said.prediction.boxes)
    return Answer(matches.loss(manifest.threshold), matches=matches)


def _number(answer: Answer | None, manifest: Manifest) -> int:
    """What a truth is remembered as."""
    if answer is None:
        return UNUSED
    return min(OTHER, manifest.labels.index(answer.truth)) if answer.truth in manifest.labels else OTHER
