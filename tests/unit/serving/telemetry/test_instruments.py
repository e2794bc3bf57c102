"""The instruments: every declared metric is exported, and versions that are long gone leave no series."""

from prometheus_client import CollectorRegistry, Counter, generate_latest

from contracts.metrics_serving import ALL
from serving.telemetry.instruments import Instruments, VersionCounter


def test_every_declared_metric_is_exported_as_declared() -> None:
    exposition = generate_latest(Instruments(CollectorRegistry()).registry).decode()
    for spec in ALL:
        assert f"# TYPE {spec.name} {spec.kind}\n" in exposition, spec.name


def test_the_versions_that_came_first_are_forgotten() -> None:
    registry = CollectorRegistry()
    frames = VersionCounter(Counter("frames", "Frames.", ("model", "version", "outcome"), registry=registry), kept=3)
    for version in ("1", "2", "3", "4", "4", "5"):
        frames.inc("small", version, "answered")
        frames.inc("small", "", "refused")
    found = {
        sample.labels["version"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "frames_total"
    }
    assert found == {"": 6, "3": 1, "4": 2, "5": 1}
    frames.inc("small", "1", "answered")
    assert registry.get_sample_value("frames_total", {"model": "small", "version": "1", "outcome": "answered"}) == 1


def test_what_is_rare_is_counted_from_zero() -> None:
    """An increase from nothing is none: the first event that is lost would raise no alert."""
    registry = Instruments(CollectorRegistry()).registry
    for outcome in ("spooled", "published", "refused", "dropped"):
        assert registry.get_sample_value("keepsight_serving_events_total", {"outcome": outcome}) == 0
    assert registry.get_sample_value("keepsight_serving_shadow_frames_total", {"outcome": "failed"}) == 0
