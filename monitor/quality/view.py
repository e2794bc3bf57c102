"""What a version's labels tell, for people: figures with intervals that may be looked at any number of times, by class and for the worst cameras."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from contracts.quality import Metric
from monitor.quality.labels import LabelChannel
from monitor.quality.segments import CameraLabels

WORST: Final = 20
"""Cameras shown, those with the highest loss."""
ENOUGH: Final = 20
"""Labels of a camera before it is shown."""


def label_view(
    of_version: LabelChannel | None, cameras: Mapping[str, CameraLabels], positive: str | None, arl: float
) -> dict[str, Any]:
    """As JSON: `realised` figures, `per_class`, `worst_cameras`, the alarm's evidence over its line, ages, and what the field's detectors would say."""
    if of_version is None:
        return {"labels": 0, "realised": {}, "label_evidence": 0.0, "unused_labels": {}}
    realised = of_version.tally.metrics(positive)
    if of_version.window.map50 is not None:
        realised["map50"] = of_version.window.map50
    enough = [own for own in cameras.values() if own.tally.n >= ENOUGH]
    worst = sorted(enough, key=lambda own: (-own.tally.loss / own.tally.n, own.camera))[:WORST]
    stream = of_version.stream
    return {
        "labels": of_version.tally.n,
        "realised": plain(realised),
        "per_class": {label: plain(each) for label, each in of_version.tally.per_class().items()},
        "worst_cameras": {own.camera: plain(own.tally.metrics(positive)) for own in worst},
        "label_evidence": round(min(1e6, of_version.value / arl), 6),
        "unused_labels": {**of_version.unused, "labelled again": of_version.again, "corrected": of_version.corrected},
        "label_age_s": _ages(of_version.ages),
        "cross_check": {name: {"alarms": n, "last_at": stream.last_at[name]} for name, n in stream.alarms.items()},
    }


def plain(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Figures as JSON."""
    return {name: msgspec.to_builtins(metric) for name, metric in metrics.items()}


def _ages(ages: list[float]) -> dict[str, float]:
    """The median and the ninth decile of the newest labels' ages; empty without any."""
    ordered = sorted(ages)
    return {name: ordered[int(share * (len(ordered) - 1))] for name, share in (("0.5", 0.5), ("0.9", 0.9)) if ordered}
