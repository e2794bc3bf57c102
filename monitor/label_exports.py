"""The instruments that labels set, from an overview; see contracts/metrics_monitor.py for what each means."""

from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import Gauge

from contracts import metrics_monitor
from contracts.metrics import Spec
from monitor.incidents.label_desk import UNJOINED
from monitor.overview import Overview

BOUNDS: Final = ("value", "low", "high")


def show(gauge: Mapping[Spec, Gauge], overview: Overview) -> None:
    """Set them all, on gauges that are blank."""
    gauge[metrics_monitor.LABELS_UNJOINED].labels(overview.model).set(overview.events.get(UNJOINED, 0))
    for version, view in overview.versions.items():
        _show(gauge, view, overview.model, version)
    champion = overview.versions.get(overview.champion, {})
    for camera, figures in champion.get("worst_cameras", {}).items():
        _set(gauge[metrics_monitor.CAMERA_QUALITY], figures, overview.model, camera)


def _show(gauge: Mapping[Spec, Gauge], view: dict[str, Any], model: str, version: str) -> None:
    gauge[metrics_monitor.LABELS].labels(model, version).set(view["labels"])
    gauge[metrics_monitor.LABEL_EVIDENCE].labels(model, version).set(view["label_evidence"])
    _set(gauge[metrics_monitor.QUALITY], view["realised"], model, version)
    for label, figures in view.get("per_class", {}).items():
        _set(gauge[metrics_monitor.CLASS_QUALITY], figures, model, version, label)
    for reason, count in view["unused_labels"].items():
        gauge[metrics_monitor.LABELS_UNUSED].labels(model, version, reason).set(count)
    for quantile, seconds in view.get("label_age_s", {}).items():
        gauge[metrics_monitor.LABEL_AGE].labels(model, version, quantile).set(seconds)
    for name, said in view.get("cross_check", {}).items():
        gauge[metrics_monitor.CONCEPT_ALARMS].labels(model, version, name).set(said["alarms"])


def _set(gauge: Gauge, figures: Mapping[str, Mapping[str, float]], *labels: str) -> None:
    for name, metric in figures.items():
        for bound in BOUNDS:
            gauge.labels(*labels, name, bound).set(metric[bound])
