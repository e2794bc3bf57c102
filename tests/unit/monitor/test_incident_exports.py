"""Open incidents as gauges: an identity that stays while words change, bounded in number and length, gone when they are over."""

from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contracts.incidents import Estimate, Incident
from monitor import incident_exports
from monitor.exports import Exports
from monitor.overview import Overview

SINCE, INFO = "keepsight_monitor_incident_since_timestamp_seconds", "keepsight_monitor_incident_info"


def incident(number: int, **changes: Any) -> Incident:
    given: dict[str, Any] = {
        "incident_id": f"0197-{number:04}",
        "cause": "camera_fault",
        "severity": "ticket",
        "headline": f"belt-{number} sends black frames since 2026-03-01 03:12:00 UTC (Hall 2)",
        "action": "Look for a lens cap.",
        "site": "hall 2",
        "cameras": (f"belt-{number}",),
        "version": "1",
        "since": 1000.7 + number,
        "opened_at": 2000.0 + number,
        **changes,
    }
    return Incident(**given)


def shown(*open_ones: Incident, registry: CollectorRegistry | None = None) -> CollectorRegistry:
    registry = registry or CollectorRegistry()
    Exports(registry, "solar", lambda _: {}).show(seen(*open_ones))
    return registry


def seen(*open_ones: Incident) -> Overview:
    told = [msgspec.to_builtins(one) for one in open_ones]
    return Overview("solar", "1", 0.0, {}, [], told, [], {})


def info(registry: CollectorRegistry) -> list[dict[str, str]]:
    return [sample.labels for metric in registry.collect() for sample in metric.samples if sample.name == INFO]


def test_it_tells_when_it_began_and_what_to_read() -> None:
    registry = shown(incident(1, acknowledged_by="Ada"))
    labels = {"model": "solar", "incident": "0197-0001", "cause": "camera_fault", "severity": "ticket"}
    assert registry.get_sample_value(SINCE, labels) == 1001.0
    (told,) = info(registry)
    assert told == {
        "model": "solar",
        "incident": "0197-0001",
        "headline": "belt-1 sends black frames since 2026-03-01 03:12:00 UTC (Hall 2)",
        "site": "hall 2",
        "cameras": "belt-1",
        "effect": "answers from these pictures cannot be relied on; nothing is judged or trained on them meanwhile",
        "action": "Look for a lens cap.",
        "acknowledged_by": "Ada",
        "path": "/console/incidents/0197-0001",
    }
    assert registry.get_sample_value("keepsight_monitor_incidents_left_out", {"model": "solar"}) == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {
                "cause": "environment_change",
                "headline": "Hall 2 moved; embedding at 3.1 times its limit; estimated accuracy 0.81 -> 0.62",
                "estimates": (Estimate("accuracy (CBPE)", "estimate", 0.81, 0.62, 0.6, 0.64, 640),),
            },
            "estimated accuracy 0.81 -> 0.62",
        ),
        ({"cause": "environment_change"}, "no estimate of accuracy without labels"),
        ({"cause": "pipeline_change"}, "the model was not measured on pictures of this form"),
    ],
)
def test_what_it_costs(changes: dict[str, Any], says: str) -> None:
    assert incident_exports.effect(msgspec.to_builtins(incident(1, **changes))) == says


def test_pages_and_the_newest_are_shown_and_the_rest_is_counted() -> None:
    old_page = incident(0, severity="page")
    registry = shown(*(incident(number) for number in range(1, 400)), old_page)
    numbers = [labels["incident"] for labels in info(registry)]
    assert numbers == ["0197-0000", *(f"0197-{number:04}" for number in range(399, 350, -1))]
    assert registry.get_sample_value("keepsight_monitor_incidents_left_out", {"model": "solar"}) == 350


def test_no_text_is_longer_than_its_bound_and_none_breaks_the_format() -> None:
    long = "a" * 3000
    evil = incident(
        1,
        headline=f'x"}} 1\nkeepsight_evil 1 {long}',
        action=long,
        site=long,
        cameras=tuple(f"{long}{number}" for number in range(10_000)),
        acknowledged_by=long,
    )
    registry = shown(evil)
    (told,) = info(registry)
    assert {name: len(told[name]) for name in ("headline", "action", "site", "acknowledged_by")} == {
        "headline": 400,
        "action": 600,
        "site": 64,
        "acknowledged_by": 64,
    }
    assert told["cameras"].endswith("… and 9995 more")
    assert len(told["cameras"]) <= 400
    assert not [line for line in generate_latest(registry).decode().splitlines() if line.startswith("keepsight_evil")]


def test_words_may_change_and_an_end_is_an_end() -> None:
    registry = CollectorRegistry()
    exports = Exports(registry, "solar", lambda _: {})
    exports.show(seen(incident(1), incident(2)))
    exports.show(seen(incident(2, headline="more cameras")))
    assert [labels["headline"] for labels in info(registry)] == ["more cameras"]
    since = [sample.labels["incident"] for metric in registry.collect() for sample in metric.samples if sample.name == SINCE]
    assert since == ["0197-0002"]
    exports.show(seen())
    assert info(registry) == []
