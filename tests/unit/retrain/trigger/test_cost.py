"""Whether a retraining pays: both sums by hand, and what is not weighed."""

from retrain.job import Job
from retrain.trigger.cost import Costs, unpaid, usual_device_s

COSTS = Costs(error=0.02, label=0.1, device_hour=3.0, frames_per_day=1000.0, horizon_days=30.0)


def job(harm: float | None, device_s: float = 0.0, state: str = "queued") -> Job:
    return Job(job_id="a", request_key="k", trigger="monitor", version="1", reason="", since=0.0, created_at=0.0, harm=harm, device_s=device_s, state=state)  # type: ignore[arg-type]  # fmt: skip


def test_it_pays_when_the_errors_until_the_horizon_cost_more() -> None:
    runs = [job(None, 1800, "succeeded"), job(None, 3600, "rejected"), job(None, 36_000, "failed"), job(None, 9e9, "running")]
    assert usual_device_s(runs) == 3600
    assert unpaid(job(0.1), 100, runs, COSTS) is None  # 3,000 errors, 60; 10 + 3
    held = unpaid(job(0.02), 100, runs, COSTS)  # 600 errors, 12; 10 + 3
    assert held == (
        "cost",
        "it does not pay: 2.00% of answers wrong beyond what is tolerated are 600 in 30 days, worth 12.00; "
        "100 labels and 1.00 device hours cost 13.00",
    )
    assert unpaid(job(0.02), 80, runs, COSTS) is None  # labels that are there cost nothing any more


def test_without_harm_nothing_is_weighed_and_without_runs_only_labels_cost() -> None:
    assert unpaid(job(None), 10_000, [], COSTS) is None
    assert unpaid(job(0.001), 5, [], COSTS) is None
    assert unpaid(job(0.001), 7, [], COSTS) is not None
    assert unpaid(job(0.0), 0, [], COSTS) is not None
