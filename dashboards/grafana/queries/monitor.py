"""Queries on the monitor: incidents, drift, quality, cameras, and how fresh the evidence is. Verdicts are its own; nothing here judges anew but QUALITY."""

from typing import Final

from contracts import metrics_monitor as m
from contracts import metrics_serving
from dashboards.grafana.promql import MONITORS, Query, increase, of_monitor, or_zero, rate, series

_MODEL: Final = {"model": "$model"}
_VERSION: Final = {"model": "$model", "version": "$version"}
_METRIC: Final = {"model": "$model", "version": "$version", "metric": "$metric"}
_ANSWERS: Final = series(metrics_serving.MODEL_INFO, variant="champion|candidate", **_MODEL)
_NO_LOSS: Final = 0.1
"""The loss of quality that counts as excluded where it lies outside the interval: ten points."""


def _sum(expr: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} ({of_monitor(expr)})"


def _max(expr: str, by: str = "") -> str:
    return f"max{f' by ({by})' if by else ''} ({of_monitor(expr)})"


def _open(severity: str) -> Query:
    return Query(or_zero(_sum(series(m.INCIDENTS, severity=severity, **_MODEL)), f"{MONITORS} == 1"), severity)


def _of_each(expr: str, legend: str) -> Query:
    """By model, zero where a monitor is there and counts none."""
    return Query(f"sum by (model) ({of_monitor(expr)}) or sum by (model) ({MONITORS} == 1) * 0", legend)


def _verdict(**match: str) -> str:
    """By version that answers frames: 2 worse than the benchmark (the intervals do not meet), 0 when a loss of ten points is excluded, 1 while neither.

    A version that was taken back stays on record with its bad figures; it is nobody's trouble any more.
    """
    keys = "on (model, version, metric)"
    low, high = (of_monitor(series(m.QUALITY, bound=bound, **match)) for bound in ("low", "high"))
    benchmark = f"max by (model, version, metric) ({series(m.BENCHMARK, bound='low', **match)})"
    worse = f"2 * (max by (model, version, metric) ({high}) < bool {keys} {benchmark})"
    unknown = f"(max by (model, version, metric) ({low}) < bool {keys} ({benchmark} - {_NO_LOSS}))"
    return f"clamp_max({worse} + {keys} {unknown}, 2) and on (model, version) {_ANSWERS}"


PAGES, TICKETS = _open("page"), _open("ticket")
PAGES_OF_MODEL: Final = _of_each(series(m.INCIDENTS, severity="page", **_MODEL), "pages")
TICKETS_OF_MODEL: Final = _of_each(series(m.INCIDENTS, severity="ticket", **_MODEL), "tickets")
DRIFTED_OF_MODEL: Final = _of_each(series(m.CAMERAS, state="drifted", **_MODEL), "cameras drifted")
FAULTS_OF_MODEL: Final = _of_each(series(m.CAMERAS, state="fault", **_MODEL), "cameras at fault")
QUALITY_OF_MODEL: Final = Query(f"max by (model) ({_verdict(metric='accuracy', **_MODEL)})", "accuracy")
LAG_OF_MODEL: Final = Query(
    f"max by (model) ({series(m.LAG_SECONDS)} * on (instance) group_left (model) ({MONITORS} == 1))", "evidence late"
)
_INCIDENT: Final = (
    f"{series(m.INCIDENT_SINCE, **_MODEL)} * on (instance, incident) group_left (headline, site, effect, acknowledged_by, path) "
    f"{series(m.INCIDENT_INFO, **_MODEL)}"
)
INCIDENTS: Final = Query(
    f"max by (severity, headline, site, effect, acknowledged_by, path) ({of_monitor(_INCIDENT)}) * 1000", "since"
)
"""In milliseconds, as Grafana wants times."""
BEGUN: Final = Query(f"max by (model, incident, cause, severity, headline) ({of_monitor(_INCIDENT)}) * 1000", "{{headline}}")
BY_CAUSE: Final = Query(_sum(series(m.INCIDENTS, **_MODEL), "cause, severity"), "{{cause}} ({{severity}})")
CAMERAS: Final = Query(_sum(series(m.CAMERAS, **_MODEL), "state"), "{{state}}")
DRIFT_OF_MODEL: Final = Query(_max(series(m.DRIFT, **_MODEL), "model"), "{{model}}")

QUALITY: Final = Query(f"max by (version) ({_verdict(**_METRIC)})", "version {{version}}")
REALISED: Final = tuple(
    Query(_max(series(m.QUALITY, bound=bound, **_METRIC), "version"), f"realised{word}, version {{{{version}}}}")
    for bound, word in (("value", ""), ("low", " at least"), ("high", " at most"))
)
BENCHMARK: Final = Query(_max(series(m.BENCHMARK, bound="low", **_METRIC), "version"), "benchmark at least, version {{version}}")
ESTIMATED: Final = Query(
    _max(series(m.ESTIMATED, bound="value", **_VERSION), "version"), "accuracy expected without labels, version {{version}}"
)
BEYOND: Final = Query(_sum(series(m.BEYOND, **_VERSION)), "beyond their reference")
LABELS: Final = Query(_max(series(m.LABELS, **_VERSION), "version"), "version {{version}}")
LABEL_EVIDENCE: Final = Query(_max(series(m.LABEL_EVIDENCE, **_VERSION), "version"), "version {{version}}")
DRIFT_BY_FAMILY: Final = Query(_max(series(m.DRIFT, **_VERSION), "family"), "{{family}}")
DRIFT_BY_CHANNEL: Final = Query(f"topk(20, {_max(series(m.DRIFT, **_VERSION), 'version, family, channel')})", "score over limit")
WORST_CLASSES: Final = Query(
    f"bottomk(10, {_max(series(m.CLASS_QUALITY, bound='value', metric='recall', **_VERSION), 'version, class')})",
    "{{class}}, version {{version}}",
)
LABEL_AGE: Final = Query(_max(series(m.LABEL_AGE, **_VERSION), "version, quantile"), "version {{version}}, quantile {{quantile}}")
UNUSED_LABELS: Final = Query(_sum(series(m.LABELS_UNUSED, **_VERSION), "reason"), "{{reason}}")
UNJOINED_LABELS: Final = Query(_sum(series(m.LABELS_UNJOINED, **_MODEL)), "of frames that no known version answered")
WANTED_LABELS: Final = Query(_sum(series(m.LABELS_WANTED, **_MODEL)), "asked for by open incidents")
CROSS_CHECK: Final = Query(_max(series(m.CONCEPT_ALARMS, **_VERSION), "version, detector"), "alarms")
REPLAY: Final = Query(_max(series(m.REPLAY, bound="value", **_VERSION), "version"), "version {{version}}")
VIDEO_REPLAY: Final = Query(_max(series(m.VIDEO_REPLAY, bound="value", **_MODEL)), "video cameras")
DEMOTED: Final = Query(_sum(series(m.DEMOTED, **_MODEL)), "told as tickets only")
DOUBTFUL: Final = Query(_sum(series(m.DOUBTFUL, **_MODEL)), "items that look like video")
MARKS: Final = Query(_sum(series(m.MARKS, **_MODEL)), "false alarms marked")

WORST_CAMERAS: Final = Query(f"topk(20, {_max(series(m.DRIFT_CAMERA, camera='$camera', **_MODEL), 'camera')})", "{{camera}}")
SITES: Final = Query(_sum(series(m.SITE_CAMERAS, **_MODEL), "site, state"), "cameras")
WORST_OVER_TIME: Final = Query(f"topk(5, {_max(series(m.DRIFT_CAMERA, camera='$camera', **_MODEL), 'camera')})", "{{camera}}")
LEAST_ACCURATE: Final = tuple(
    Query(_max(series(m.CAMERA_QUALITY, bound=bound, metric="accuracy", camera="$camera", **_MODEL), "camera"), name)
    for bound, name in (("value", "accuracy"), ("low", "at least"), ("high", "at most"))
)
IN_STATE: Final = {
    state: Query(_sum(series(m.CAMERAS, state=state, **_MODEL)), state) for state in ("fault", "drifted", "away", "no_verdict")
}
FATES: Final = Query(
    f"sum by (fate) (deriv({series(m.FRAMES, fate='!frames')}[$__rate_interval]) and on (instance) ({MONITORS} == 1)) >= 0",
    "{{fate}}",
)

LAG: Final = Query(_max(series(m.LAG_SECONDS)), "monitor")
LAG_RECORDS: Final = Query(_sum(series(m.LAG_RECORDS)), "records that wait")
AGE: Final = Query(f"time() - ({_max(series(m.WATERMARK))} > 0)", "newest event that is judged")
JUDGED: Final = Query(_sum(rate(m.EVENTS, topic="keepsight.frames|keepsight.labels")), "taken by the monitor")
TAKEN: Final = Query(_sum(rate(m.EVENTS), "topic, fate"), "{{topic}} {{fate}}")
DEAD: Final = Query(_sum(increase(m.EVENTS, fate="dead")), "monitor: could not be judged")
SAID: Final = Query(_sum(increase(m.OUTBOX, "1h"), "type"), "{{type}}")
REPORTS: Final = Query(_sum(increase(m.REPORTS, "1h"), "result"), "reports {{result}}")
REFUSED: Final = Query(_sum(rate(m.REFUSALS), "problem"), "{{problem}}")
RENEWALS_REFUSED: Final = Query(_sum(increase(m.RENEWALS, "1h", outcome="refused")), "monitor: files refused")
ACTIVE: Final = Query(f"sum by (model) ({MONITORS})", "monitor of {{model}}")
