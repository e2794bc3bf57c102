"""A mark: what a person called a false alarm, with the worst that its channels showed. What follows from it, marks.py decides.

An incident that closed by itself is kept in the same form, without a name: it may be called a false alarm afterwards, as in the morning after.
"""

from collections.abc import Mapping

import msgspec


class Mark(msgspec.Struct):
    """`worst` holds, by channel, the highest ratio on each scale over the limits as calibrated; a channel without scales has one."""

    incident_id: str
    headline: str
    site: str
    cameras: tuple[str, ...]
    version: str
    worst: dict[str, list[float]]
    at: float
    """When it was marked, or closed."""
    by: str = ""
    """Who says so; "" nobody yet: then it raises nothing."""
    reason: str = ""

    def concerns(self, camera: str) -> bool:
        """Whether it raises this camera's limits: several cameras marked together raise all cameras', one raises its own."""
        return self.by != "" and (len(self.cameras) > 1 or camera in self.cameras)


def grow(worst: dict[str, list[float]], seen: Mapping[str, list[float]]) -> None:
    """Take ratios by scale into the worst that were seen. Where the scales changed, the highest of them counts for all."""
    for channel, ratios in seen.items():
        known = worst.get(channel, ratios)
        if len(known) != len(ratios):
            known = [max(known)] * len(ratios)
        worst[channel] = [max(pair) for pair in zip(ratios, known, strict=True)]
