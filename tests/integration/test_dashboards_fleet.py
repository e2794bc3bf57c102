"""Ten thousand cameras: how many series the services' own instruments make of them, and that no dashboard's query grows with them.

The figures are made up (a fleet of that size does not fit here), the instruments, the scrapes and the queries are real. Serving is counted as 24 replicas.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contracts import metrics_process, metrics_serving
from contracts.health import HealthServer
from contracts.listener import listen
from monitor.exports import Exports
from monitor.overview import STATES, CameraView, Overview
from retrain.metrics import Instruments as RetrainInstruments
from serving.problems import KINDS
from serving.telemetry.instruments import Instruments as ServingInstruments
from serving.telemetry.requests import Counted
from tests.alert_rules import program
from tests.dashboards import queries
from tests.prometheus_server import Prometheus

CAMERAS, REPLICAS, CLASSES, VERSIONS = 10_000, 24, 64, ("1", "2", "3", "4")
CHANNELS = [f"channel-{number}" for number in range(40)]
ALERT_AT = 45_000
"""Series of the whole fleet; the design's budget is 37,000."""
OUTCOMES = ("answered", "rejected", "refused", "overloaded", "failed", "gone")
SHARE = {"value": 0.9, "low": 0.85, "high": 0.95}
LINES = 100
"""Series of one query's answer; nobody reads a graph with more."""


def monitor_of(cameras: int) -> CollectorRegistry:
    """The monitor's instruments for a fleet on a bad day: every state, every channel, 400 open incidents."""
    registry = CollectorRegistry()
    metrics_process.export(registry, "monitor", "small")
    exports = Exports(registry, "small", lambda _: dict.fromkeys(CHANNELS, "image"))
    views = [
        CameraView(
            f"camera-{number}", f"hall-{number % 50}", STATES[number % len(STATES)], VERSIONS[number % 4], {"frames": number, "judged": number},
            9, 1.0, number / cameras, dict.fromkeys(CHANNELS, number / cameras), replay={"alarms": 1.0, "camera_months": 2.0},
        )
        for number in range(cameras)
    ]  # fmt: skip
    figures = {"accuracy": SHARE, "balanced_accuracy": SHARE, "recall": SHARE, "precision": SHARE, "auc": SHARE}
    version: dict[str, Any] = {
        "labels": 400,
        "label_evidence": 0.3,
        "realised": figures,
        "benchmark": figures,
        "replay": SHARE,
        "estimated": {**SHARE, "beyond": 3},
        "per_class": {f"class-{number}": {"recall": SHARE, "precision": SHARE} for number in range(CLASSES)},
        "unused_labels": {"audit": 3, "not_uniform": 4},
        "label_age_s": {"0.5": 60.0, "0.9": 600.0},
        "cross_check": {name: {"alarms": 1} for name in ("adwin", "page_hinkley", "ddm", "kswin")},
        "worst_cameras": {f"camera-{number}": {"accuracy": SHARE} for number in range(20)},
    }
    incident = {
        "cause": "camera_fault",
        "severity": "ticket",
        "site": "hall",
        "cameras": ["camera-1"],
        "since": 1.0,
        "opened_at": 1.0,
        "estimates": [],
    }
    more = {"headline": "black", "action": "look", "acknowledged_by": "", "labels_wanted": 0, "labels_have": 0}
    incidents = [{**incident, **more, "incident_id": f"0197-{number}"} for number in range(400)]
    exports.role(True)
    exports.progress({}, {}, 10, 100.0, 101.0)
    exports.show(Overview("small", "1", 0.0, dict.fromkeys(VERSIONS, version), views, incidents, [], {}))
    return registry


def serving_of(cameras: range) -> CollectorRegistry:
    """A replica's instruments for its cameras, all of which have trouble, after sixteen versions."""
    registry = CollectorRegistry()
    metrics_process.export(registry, "serving", "small")
    instruments = ServingInstruments(registry)
    Counted(lambda *_: None, instruments)  # type: ignore[arg-type,return-value]  # it counts, nobody asks it
    for kind in KINDS:
        instruments.refusals.labels(kind).inc()
    for version in range(16):
        instruments.invalid_outputs.inc("small", str(version))
        for outcome in OUTCOMES:
            instruments.frames.inc("small", str(version), outcome)
    for camera in cameras:
        for outcome in OUTCOMES[1:]:
            instruments.worst_cameras.add(f"camera-{camera}", outcome, "truncated")
    versions = instruments.versions.blank()
    for variant in ("champion", "candidate", "shadow", "standby"):
        versions[metrics_serving.MODEL_INFO].labels("small", "1", variant, "a" * 64, "CPUExecutionProvider").set(1)
    instruments.versions.show(versions)
    instruments.log_up.set(1)
    instruments.queue_limit.set(64)
    return registry


def retrain_of() -> CollectorRegistry:
    """Retrain's instruments with all the names that they admit, thirty of them gates."""
    registry = CollectorRegistry()
    metrics_process.export(registry, "retrain", "small")
    instruments = RetrainInstruments(registry)
    instruments.active.labels("small").set(1)
    for number in range(100):
        name = instruments.bounded(f"name-{number}")
        instruments.stage_seconds.labels(name).observe(1)
        instruments.figures.labels(name).set(1)
        for verdict in ("pass", "fail", "inconclusive") if number < 30 else ():
            instruments.gates.labels(name, verdict).inc()
    return registry


def series_of(registry: CollectorRegistry) -> int:
    return sum(len(metric.samples) for metric in registry.collect())


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program("prometheus", "prometheus")
    with ExitStack() as things:

        def served(registry: CollectorRegistry) -> str:
            server = HealthServer(listen("127.0.0.1", 0, "test"), registry, lambda: None)
            things.callback(server.close)
            return f"127.0.0.1:{server.port}"

        each = CAMERAS // REPLICAS
        targets = {
            "keepsight-serving": [served(serving_of(range(each * number, each * (number + 1)))) for number in range(REPLICAS)],
            "keepsight-monitor": [served(monitor_of(CAMERAS))],
            "keepsight-retrain": [served(retrain_of())],
        }
        server = Prometheus(tmp_path_factory.mktemp("prometheus"), targets)
        things.callback(server.close)
        server.until(f'count(up{{job=~"keepsight-.*"}} == 1) == {REPLICAS + 2}')
        server.until('min(count_over_time(up{job=~"keepsight-.*"}[1m])) >= 6')
        yield server


def test_the_monitor_s_series_do_not_grow_with_the_fleet() -> None:
    assert series_of(monitor_of(CAMERAS)) == series_of(monitor_of(200)) < 5000


@pytest.mark.slow
def test_ten_thousand_cameras_stay_within_the_budget(prometheus: Prometheus) -> None:
    (total,) = prometheus.figures('sum(scrape_samples_scraped{job=~"keepsight-.*"})')
    (largest,) = prometheus.figures('max(scrape_samples_scraped{job=~"keepsight-.*"})')
    print(f"{total:.0f} series, {largest:.0f} of the largest target")
    assert 15_000 < total < ALERT_AT


@pytest.mark.slow
def test_no_query_explodes(prometheus: Prometheus) -> None:
    asked = list(queries())
    costs = {one: prometheus.cost(one.filled) for one in asked}
    slowest = max(costs, key=lambda one: costs[one].seconds)
    print(f"the slowest: {costs[slowest].seconds:.3f} s, {slowest.board} / {slowest.panel}")
    assert not [(one.board, one.panel, cost) for one, cost in costs.items() if cost.seconds >= 1]
    assert not [(one.board, one.panel, cost.series, one.filled) for one, cost in costs.items() if cost.series > LINES]
