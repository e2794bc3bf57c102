"""Time from rows and from a clock that somebody sets."""

from retrain.job import Job
from retrain.trigger.clock import Watch, believed

HOUR, DAY = 3600.0, 86_400.0


def job(job_id: str, started_at: float | None, finished_at: float | None = None) -> Job:
    given = {"request_key": "k", "trigger": "monitor", "version": "1", "reason": "", "since": 0.0, "created_at": 0.0}
    return Job(job_id=job_id, started_at=started_at, finished_at=finished_at, **given)  # type: ignore[arg-type]


def test_now_is_never_before_the_newest_row() -> None:
    jobs = [job("a", 10 * DAY, 10 * DAY + HOUR), job("b", None)]
    assert believed(jobs, 11 * DAY) == (jobs, 11 * DAY)
    assert believed(jobs, 10 * DAY) == (jobs, 10 * DAY + HOUR)
    assert believed([], 5.0) == ([], 5.0)


def test_a_row_of_a_clock_that_was_far_off_stops_nothing() -> None:
    fine, wrong = job("a", 9 * DAY), job("b", 375 * DAY, 375 * DAY + HOUR)
    assert believed([fine, wrong], 10 * DAY) == ([fine], 10 * DAY)


def test_a_clock_that_is_set_is_told_once_and_one_that_runs_never() -> None:
    watch = Watch()
    looks = [(1000.0, 0.0), (1001.0, 1.0), (4602.0, 2.0), (4603.0, 3.0), (1004.0, 4.0), (1035.0, 5.0)]
    assert [watch.moved_s(*look) for look in looks] == [0.0, 0.0, 3600.0, 0.0, -3600.0, 0.0]
