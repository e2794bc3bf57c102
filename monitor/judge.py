"""The judge: events of one model in, in the order of event time, and verdicts out. All the monitor decides, it decides from here; no clock, no chance.

A frame is counted once, looked at for camera health, and taken into its camera's drift watch; a label feeds its version's label channel; a swap
rebases; a command is obeyed. What the incident desk says of it is returned.
"""

from collections.abc import Callable
from typing import Final

from contracts.events import Acknowledge, AnyEvent, FrameLabelled, FrameScored, MarkFalseAlarm, RolloutAdvanced
from contracts.incidents import Evidence
from monitor import health
from monitor.camera import Camera
from monitor.incidents import wording
from monitor.incidents.casebook import Casebook
from monitor.incidents.drift_desk import DriftDesk
from monitor.incidents.fault_desk import DIFFERS, FaultDesk
from monitor.incidents.label_desk import LabelDesk
from monitor.incidents.marks import Marks
from monitor.incidents.severity import BLIND
from monitor.incidents.video_desk import VideoDesk
from monitor.items.answers import IncompleteFrameError
from monitor.items.reference import Reference
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standard
from monitor.video.watch import VideoWatch

SETTLED_S: Final = 30.0
"""A frame of another champion this long after the last change of champions shows a change that no event told: then the frame is believed."""
CHECK_EVERY_S: Final = 5.0
"""Silence is looked for so often in event time."""


class Judge:
    """Judges the events of `model` on its `memory`. `standards` gives what a version is judged by; it may raise StoreError, before anything changed."""

    def __init__(self, model: str, policy: Policy, memory: Memory, standards: Callable[[str], Standard]) -> None:
        self._model = model
        self._policy = policy
        self._memory = memory
        self._standards = standards
        self._out: list[AnyEvent] = []
        self._book = Casebook(model, memory, self._out, policy.reports)
        self._faults = FaultDesk(memory, self._book)
        self._marks = Marks(memory, policy.false_alarm_days)
        self._video = VideoWatch(policy, memory, standards)
        self._drift = DriftDesk(policy, memory, standards, self._book, self._faults, self._marks, self._video)
        self._minutes = VideoDesk(memory, self._video, self._book, self._drift, self._faults, self._marks)
        self._labels = LabelDesk(policy, memory, standards, self._book, self._drift)

    def apply(self, event: AnyEvent, at: float) -> list[AnyEvent]:
        """Take one event at its time `at` (Unix seconds) and return what is to be said. Raises ValueError for an event that cannot be used."""
        if event.model != self._model:
            self._count("other model")
            return []
        match event:
            case FrameScored():
                self._frame(event, at)
            case FrameLabelled():
                self._labels.take(event, at)
            case RolloutAdvanced(state="champion"):
                self._champion(event.version, at)
            case RolloutAdvanced(state="rolled_back"):
                self._champion(event.parent, at)
            case MarkFalseAlarm():
                self._false_alarm(event, at)
            case Acknowledge():
                self._book.acknowledge(event.incident_id, event.by, at)
        self._count(type(event).__name__)
        return self.rest()

    def prepare(self, event: AnyEvent) -> None:
        """Fetch what the event's version is judged by: a StoreError here changes nothing, one in `apply` may leave memory half-changed."""
        if event.model != self._model:
            return
        match event:
            case FrameScored():
                self._standards(event.version)
            case FrameLabelled():
                for scored in event.predictions:
                    self._standards(scored.version)
            case RolloutAdvanced() if self._memory.rollout.champion:
                self._standards(self._memory.rollout.champion)

    def rest(self) -> list[AnyEvent]:
        """What an event that could not be handled to its end had to say until then: memory holds it."""
        said = self._out[:]
        self._out.clear()
        return said

    def _count(self, what: str) -> None:
        counts = self._memory.rollout.counts
        counts[what] = counts.get(what, 0) + 1
        self._memory.mark("rollout", "")

    def _frame(self, frame: FrameScored, at: float) -> None:
        standard = self._standards(frame.version)
        camera = self._memory.camera(frame.camera, frame.site, frame.audit)
        seen = camera.seen.see(frame.event_id)
        counts = camera.counts
        if seen == "repeat":
            counts.repeats += 1
            return
        counts.frames += 1
        if seen == "late":
            counts.late += 1
        elif frame.audit:
            camera.last_at = at
            counts.audit += 1
        elif frame.variant == "shadow":
            counts.shadow += 1
        else:
            self._live(frame, camera, standard, at)

    def _live(self, frame: FrameScored, camera: Camera, standard: Standard, at: float) -> None:
        self._pass_time(at)
        camera.stream = frame.stream
        camera.last_at = max(camera.last_at, at)
        if camera.fault == "silent":
            self._faults.healthy(camera, at, "it sends again")
        self._look(frame, camera, standard, at)
        if frame.variant == "candidate":
            camera.counts.candidate += 1
            return
        self._follow_champion(frame.version, at)
        if camera.version != frame.version:
            camera.version = frame.version
        if camera.fault not in ("", DIFFERS) or camera.accepted in BLIND:
            camera.counts.faulted += 1
            return
        self._watch(frame, camera, standard, at)

    def _look(self, frame: FrameScored, camera: Camera, standard: Standard, at: float) -> None:
        """Health: a fault opens with a run of one symptom, and closes with a run of frames without."""
        health.sharpen(frame, camera)
        symptom = health.symptom_of(frame, camera, standard.reference, self._policy.clock_skew_s)
        health.observe(frame, camera, symptom)
        if symptom != camera.accepted:
            camera.accepted = ""
        if camera.fault in ("", DIFFERS):
            if not symptom or symptom == camera.accepted or camera.symptom_run < self._policy.fault_frames:
                return  # before the peers are looked at: a site may have thousands
            peers = [c for c in self._memory.active(camera.site, at) if c.name != camera.name]
            if health.is_fault(camera, peers, self._policy.fault_frames):
                camera.open_fault(symptom, camera.symptom_since)
                self._faults.broken(camera, at, (health.evidence(camera, self._policy.fault_frames),))
        elif camera.healthy_run >= self._policy.healthy_frames:
            self._faults.healthy(camera, at, f"{camera.healthy_run} frames in a row without a symptom")

    def _watch(self, frame: FrameScored, camera: Camera, standard: Standard, at: float) -> None:
        camera.unjudged = "" if frame.stream == "video" else standard.unjudged
        try:
            if frame.stream == "video":
                self._video.take(frame, camera, at)
            elif standard.reference is not None:
                self._count_in(standard.reference.layout.row(frame), frame, camera, standard.reference, at)
        except IncompleteFrameError as error:
            camera.unjudged = str(error)
            camera.counts.incomplete += 1

    def _count_in(self, row: list[float], frame: FrameScored, camera: Camera, calibrated: Reference, at: float) -> None:
        camera.counts.judged += 1
        watch = self._memory.watch(camera, frame.version)
        reference = self._marks.reference(camera, calibrated)
        if watch.take(row, at, frame.stored, reference, self._policy.block_frames):
            self._drift.block(camera, at)

    def _follow_champion(self, version: str, at: float) -> None:
        rollout = self._memory.rollout
        if version != rollout.champion and (not rollout.champion or at > rollout.champion_since + SETTLED_S):
            self._champion(version, at)

    def _champion(self, version: str, at: float) -> None:
        rollout = self._memory.rollout
        if version and version != rollout.champion:
            before, rollout.champion, rollout.champion_since = rollout.champion, version, at
            self._memory.mark("rollout", "")
            self._drift.replaced(before, version, at)

    def _false_alarm(self, command: MarkFalseAlarm, at: float) -> None:
        """Close the case. Drift: its cameras are muted and their limits raised (marks.py); a symptom is accepted while it lasts. Of a
        closed one the limits are raised, too. Said twice, it changes nothing the second time."""
        case = self._memory.cases.get(command.incident_id)
        if case is None:
            self._marks.add(command.incident_id, at, command.by, command.reason)
            return
        by_blocks = case.kind == "drift" or case.fault == DIFFERS
        for camera in (self._memory.cameras[name] for name in case.incident.cameras):
            if by_blocks:
                camera.muted = self._policy.recovered_blocks
            if case.kind == "fault":
                camera.accepted = "" if by_blocks else case.fault
                camera.close_fault(at)
            self._memory.mark("camera", camera.name)
        self._book.close(
            case, at, f"{command.by} marked it as a false alarm: {command.reason or 'no reason given'}", false_alarm=True
        )
        self._marks.add(command.incident_id, at, command.by, command.reason)

    def _pass_time(self, at: float) -> None:
        """Event time goes on: who has fallen silent? A gap in which nobody sent was serving's, not the cameras'."""
        rollout, silence_s = self._memory.rollout, self._policy.silence_s
        if at > rollout.watermark + silence_s / 2:
            rollout.resumed_at = at
        rollout.watermark = max(rollout.watermark, at)
        for site, cameras in self._video.due(rollout.watermark):
            self._minutes.judged(site, cameras, rollout.watermark)
        if rollout.watermark < rollout.checked_at + CHECK_EVERY_S:
            return
        rollout.checked_at = rollout.watermark
        self._book.remind(rollout.watermark, self._policy.reminder_hours * 3600)
        self._close_absent(rollout.watermark)
        for camera in list(self._memory.cameras.values()):
            last = max(camera.last_at, rollout.resumed_at)
            used_to_send = camera.counts.frames >= health.USUAL_FRAMES and not camera.audit
            silent = silence_s < rollout.watermark - last <= self._policy.away_days * 86_400
            if used_to_send and not camera.fault and camera.last_at and silent and camera.accepted != "silent":
                camera.open_fault("silent", camera.last_at)
                self._memory.mark("camera", camera.name)
                self._faults.broken(camera, rollout.watermark, (_silence(camera, rollout.watermark - last, silence_s),))

    def _close_absent(self, at: float) -> None:
        """Of cameras that sent nothing for days nothing more can be said: nobody is kept waiting for it. What labels called harm stays."""
        since = at - self._policy.away_days * 86_400
        if self._memory.rollout.resumed_at > since:
            return
        for case in [c for c in self._memory.cases.values() if not c.label_alarm]:
            cameras = [self._memory.cameras[name] for name in case.incident.cameras]
            if all(camera.last_at < since for camera in cameras):
                for camera in (c for c in cameras if c.fault == case.fault != ""):
                    camera.close_fault(at)
                    self._memory.mark("camera", camera.name)
                self._book.close(case, at, wording.absent(case.incident.cameras, max(camera.last_at for camera in cameras)))


def _silence(camera: Camera, lasted_s: float, allowed_s: float) -> Evidence:
    return Evidence(
        "camera health",
        "silent",
        camera.name,
        round(lasted_s / allowed_s, 3),
        round(lasted_s, 1),
        allowed_s,
        "seconds without a frame",
    )
