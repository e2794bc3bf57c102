"""What people marked as false alarms, and what follows: from the marking on, limits stand at least WORST above what was marked.

A mark keeps the worst ratio of each channel and scale of its episode, over the limits as calibrated, so that it carries over to a version whose limits
are others. It is of event time, as everything else that a verdict depends on: it holds from the command's own time, whoever calibrated what and when,
for `false_alarm_days`. Its cameras stay muted for as many blocks as a recovery needs, the longest scale settles in them, or until one is quiet, and
what they show meanwhile belongs to the mark.
"""

from collections.abc import Mapping
from dataclasses import replace

from monitor.camera import Camera
from monitor.detectors.bootstrap import WORST
from monitor.detectors.ewma import Floats
from monitor.incidents.mark import Mark, grow
from monitor.items.reference import Reference
from monitor.memory import Memory


class Marks:
    """The marks of one model, kept in its memory."""

    def __init__(self, memory: Memory, days: float) -> None:
        self._memory = memory
        self._lasts_s = days * 86_400
        self._raised: dict[tuple[str, str], tuple[Reference, Reference]] = {}
        """By camera and version: the reference as calibrated, and as raised. Made anew after each change of a mark."""
        self._made_of: dict[str, Mark] = {}
        self._until = 0.0
        """When the first of the marks that it was made of ends."""

    def add(self, number: str, at: float, by: str, reason: str) -> None:
        """A person called an incident a false alarm that blocks had opened and that is closed by now. Once: who said so first, stays."""
        mark = self._memory.marks.get(number)
        if mark is not None and not mark.by:
            mark.at, mark.by, mark.reason = at, by or "somebody", reason
            self._memory.keep_mark(mark)
            self._until = 0.0

    def learn(self, camera: str, seen: Mapping[str, list[float]]) -> None:
        """A muted camera closed a block: what it shows belongs to the newest mark that names it."""
        named = [m for m in self._memory.marks.values() if m.by and camera in m.cameras]
        if named:
            mark = max(named, key=lambda m: (m.at, m.incident_id))
            grow(mark.worst, seen)
            self._until = 0.0
            self._memory.mark("mark", mark.incident_id)

    def factors(self, camera: str) -> dict[str, list[float]]:
        """By channel and scale, how far a camera's limits stand above the calibrated ones now; channels without a mark are left out."""
        found: dict[str, list[float]] = {}
        for mark in self._memory.marks.values():
            if mark.concerns(camera) and self._memory.rollout.watermark < mark.at + self._lasts_s:
                grow(found, mark.worst)
        return {channel: [max(1.0, WORST * ratio) for ratio in ratios] for channel, ratios in found.items()}

    def reference(self, camera: Camera, calibrated: Reference) -> Reference:
        """What to judge a camera by now."""
        marks, now = self._memory.marks, self._memory.rollout.watermark
        if not marks:
            return calibrated
        if marks is not self._made_of or now >= self._until:
            self._raised.clear()
            self._made_of = marks
            self._until = min((end for m in marks.values() if (end := m.at + self._lasts_s) > now), default=float("inf"))
        key = (camera.name, calibrated.version)
        known = self._raised.get(key)
        if known is None or known[0] is not calibrated:
            known = self._raised[key] = (calibrated, raised(calibrated, self.factors(camera.name)))
        return known[1]


def raised(reference: Reference, factors: Mapping[str, list[float]]) -> Reference:
    """A reference with its limits multiplied; where the scales are others than those of the factors, by the highest of them."""
    if not factors:
        return reference
    limits = reference.limits.copy()
    for c, channel in enumerate(reference.channels):
        by = factors.get(channel.name, [1.0])
        limits[c] *= by if len(by) == limits.shape[1] else max(by)
    return replace(reference, limits=limits)


def by_channel(reference: Reference, bank: Floats) -> dict[str, list[float]]:
    """A bank's ratios, by channel and scale."""
    ratios = zip(reference.channels, reference.by_scale(bank), strict=True)
    return {channel.name: [round(float(ratio), 3) for ratio in each] for channel, each in ratios}
