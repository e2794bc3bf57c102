"""Runs in a week, device minutes in a month: what counts, and when nothing is left."""

import pytest

from retrain.job import Job
from retrain.trigger.budget import Budget, spent, used

DAY = 86_400.0
NOW = 100 * DAY


def run(ago_d: float, device_min: float = 0.0, **fields: object) -> Job:
    given = {"state": "succeeded", "started_at": NOW - ago_d * DAY, "finished_at": NOW - ago_d * DAY + 60, **fields}
    return Job(job_id="a", request_key="k", trigger="monitor", version="1", reason="", since=0.0, created_at=0.0, device_s=60 * device_min, **given)  # type: ignore[arg-type]  # fmt: skip


def test_runs_count_for_a_week_and_minutes_for_thirty_days() -> None:
    jobs = [run(1, 10), run(6.9, 20), run(7.1, 40), run(29, 80), run(31, 160), run(1, 5, state="queued", started_at=None)]
    assert used(jobs, NOW) == (2, 150)


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({}, 90.0),  # started 90 minutes ago, nothing counted yet
        ({"device_s": 180 * 60.0}, 180.0),  # on two devices
        ({"round": 2, "device_s": 7 * 60.0}, 7.0),  # it waited for labels in between
    ],
)
def test_a_running_job_counts_by_its_time_so_far(fields: dict[str, object], minutes: float) -> None:
    given = {"state": "running", "finished_at": None, **fields}
    device_min = float(given.pop("device_s", 0.0)) / 60  # type: ignore[arg-type]
    assert used([run(90 / 1440, device_min, **given)], NOW).device_minutes == pytest.approx(minutes)


def test_nothing_is_left_when_either_is_used_up() -> None:
    jobs = [run(1, 100), run(2, 100)]
    assert spent(jobs, Budget(3, 201), NOW) is None
    assert spent(jobs, Budget(3), NOW) is None
    assert spent(jobs, Budget(2, 0), NOW) == ("budget", "2 runs in the last week, 2 are allowed (setting runs_per_week)")
    held = ("budget", "200 device minutes in the last 30 days, 200 are allowed (setting device_minutes_per_month)")
    assert spent(jobs, Budget(3, 200), NOW) == held
