"""The instruments of the retrain service: what is rare is there from zero, and names stay within their budget."""

from prometheus_client import CollectorRegistry

from retrain.metrics import Instruments


def test_what_is_rare_is_counted_from_zero() -> None:
    """An increase from nothing is none: the first rollback would be on no dashboard."""
    registry = CollectorRegistry()
    Instruments(registry)
    for by in ("guard", "person"):
        assert registry.get_sample_value("keepsight_rollout_rollbacks_total", {"by": by}) == 0
    assert registry.get_sample_value("keepsight_retrain_runs_total", {"trigger": "calendar", "outcome": "rejected"}) == 0
    assert registry.get_sample_value("keepsight_retrain_labels_received_total", {"outcome": "unusable"}) == 0


def test_names_beyond_the_budget_are_counted_together() -> None:
    instruments = Instruments(CollectorRegistry())
    names = [instruments.bounded(f"figure-{number}") for number in range(120)]
    assert names[:100] == [f"figure-{number}" for number in range(100)]
    assert set(names[100:]) == {"other"}
    assert instruments.bounded("figure-3") == "figure-3"
