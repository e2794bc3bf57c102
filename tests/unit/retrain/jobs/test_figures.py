"""The jobs as gauges: right from the first look on, as after a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from retrain.job import Job
from retrain.jobs.figures import Figures
from retrain.jobs.table import Jobs
from retrain.metrics import Instruments
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState
from retrain.trigger.policy import Limits

NOW = 1_760_000_000.0
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    with database.transaction():
        yield database
    database.close()


def job(job_id: str, state: str, hold: str = "", **fields: object) -> Job:
    given = {"request_key": "k", "trigger": "monitor", "version": "1", "reason": "", "since": 0.0, "created_at": 0.0, **fields}
    return Job(job_id=job_id, state=state, hold=hold, **given)  # type: ignore[arg-type]


def shown(registry: CollectorRegistry) -> dict[str, float]:
    """Gauges that are not 0, by name and label."""
    return {
        " ".join([sample.name.removeprefix("keepsight_retrain_"), *sample.labels.values()]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if metric.type == "gauge" and sample.value
    }


def test_the_rows_as_gauges(database: Database) -> None:
    jobs, registry = Jobs(database), CollectorRegistry()
    ran = {"started_at": NOW - 3 * DAY, "finished_at": NOW - 3 * DAY + HOUR, "device_s": 600.0}
    for one in (
        job("a", "succeeded", **ran),
        job("b", "rejected", started_at=NOW - 2 * DAY, finished_at=NOW - 2 * DAY + HOUR, device_s=1800.0),
        job("c", "held", "labels", labels_seen=37),
        job("d", "held", "labels", labels_seen=150),
        job("e", "held", "cooldown"),
    ):
        jobs.save(one)
    for _ in range(3):
        jobs.count_verdict(["r1"])
    jobs.count_verdict(["r2"])
    monotonic = [0.0]
    limits = Limits(DAY, DAY, DAY, 7, 200, 50, device_minutes_per_month=2000.0)
    figures = Figures(jobs, limits, Instruments(registry), lambda: monotonic[0])
    figures.show(NOW)
    assert shown(registry) == {
        "held labels": 2,
        "held cooldown": 1,
        "labels_wanted": 163,
        "budget_used runs_7d": 2,
        "budget_used device_minutes_30d": 40,
        "budget_limit runs_7d": 7,
        "budget_limit device_minutes_30d": 2000,
        "consecutive_failures": 1,
        "last_success_timestamp_seconds": NOW - 3 * DAY + HOUR,
        "gate_uses": 3,
    }
    jobs.save(job("c", "rejected", cancelled=True))
    figures.show(NOW)
    assert shown(registry)["held labels"] == 2  # looked at not long ago
    monotonic[0] = 5.0
    figures.show(NOW)
    assert shown(registry)["held labels"] == 1


def test_what_has_no_limit_shows_none(database: Database) -> None:
    registry = CollectorRegistry()
    Figures(Jobs(database), Limits(DAY, DAY, DAY, 7, 200, 50), Instruments(registry)).show(NOW)
    assert shown(registry) == {"budget_limit runs_7d": 7}
