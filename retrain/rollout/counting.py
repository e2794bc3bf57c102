"""Counts the frames of a turn as evidence: gathered one by one, entered together, so that a fleet costs a few statements a turn and not some a frame.

What a version said of a frame is remembered for as long as a publisher may repeat itself: a frame counts once, and is compared with what the other
version says of it, whichever comes first.
"""

from collections import Counter
from collections.abc import Collection
from typing import Final

from contracts.events import FrameScored
from retrain.rollout import states
from retrain.rollout.comparison import said, same
from retrain.rollout.evidence import Answer, Rollouts
from retrain.rollout.guards import GuardLimits
from retrain.rollout.states import Rollout

REPEATS_S: Final = 600.0
"""How long a publisher may still repeat a frame's event, and how far apart two versions' answers to one frame may arrive."""


class Counting:
    """`begin`, then `take` and `count` inside one transaction; between two nothing is kept here."""

    def __init__(self, rollouts: Rollouts, limits: GuardLimits) -> None:
        self._rollouts, self._limits = rollouts, limits
        self._arrived: list[tuple[FrameScored, float]] = []

    def begin(self) -> None:
        """Nothing has arrived."""
        self._arrived = []

    def take(self, event: FrameScored, now: float) -> None:
        """A frame was scored. Raises ValueError for names that no database can hold."""
        if any("\0" in name for name in (event.frame_id, event.camera, event.version)):
            raise ValueError("a name holds a NUL")
        if not event.audit:
            self._arrived.append((event, now))

    def count(self, rollout: Rollout, faulty: Collection[str]) -> Rollout:
        """Enter what has arrived, without the cameras that are `faulty`, into the guards; the rollout with its frames."""
        arrived = [(event, now) for event, now in self._arrived if event.camera not in faulty]
        self._arrived = []
        if not (arrived and rollout.applied and rollout.state in states.GUARDED):
            return rollout
        cameras = self._rollouts.cameras({event.camera for event, _ in arrived})
        thresholds = {rollout.parent: rollout.parent_threshold, rollout.version: rollout.threshold}
        answers = [
            Answer(event.frame_id, event.version, said(event.prediction, thresholds[event.version]), now)
            for event, now in arrived
            if event.version in thresholds
        ]
        fresh = self._rollouts.remember(answers)
        known = {(one.frame_id, one.version): one.label for one in answers}
        met = Counter(frame_id for frame_id, _ in known)
        known |= self._rollouts.remembered(sorted({frame_id for frame_id, _ in fresh if met[frame_id] == 1}))
        for event, _ in arrived:
            seen, share = cameras[event.camera]
            cameras[event.camera] = (max(seen, event.received_at), share)
            one = (event.frame_id, event.version)
            if one not in fresh:
                continue
            fresh.remove(one)
            rollout = states.scored(rollout, event.version, event.variant)
            if event.version == rollout.version:
                rollout.guards.frame(event, event.variant, share, rollout.labels, self._limits)
            other = (event.frame_id, rollout.parent if event.version == rollout.version else rollout.version)
            if other not in fresh and known[one] and known.get(other):
                rollout.guards.pair(same(known[one], known[other]))
        self._rollouts.save_cameras(cameras)
        return rollout
