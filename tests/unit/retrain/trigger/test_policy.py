"""When a job may start: each reason to wait, its sentence, and which it is when several hold."""

import msgspec
import pytest

from retrain.job import Job
from retrain.trigger.policy import Limits, Situation, hold, moot, rejections, request_key

DAY = 86_400.0
LIMITS = Limits(
    cooldown_s=DAY,
    rejected_cooldown_s=3 * DAY,
    rejected_cooldown_max_s=14 * DAY,
    runs_per_week=3,
    labels_wanted=200,
    labels_more=50,
)


def job(job_id: str = "z", **fields: object) -> Job:
    given = {"request_key": "k", "trigger": "monitor", "version": "1", "reason": "", "since": 0.0, "created_at": 0.0, **fields}
    return Job(job_id=job_id, **given)  # type: ignore[arg-type]


def done(job_id: str, at: float, state: str = "succeeded", **fields: object) -> Job:
    return job(job_id, state=state, started_at=at - 60, finished_at=at, **fields)


def seen(one: Job, **fields: object) -> tuple[str, str] | None:
    given = {"now": 100 * DAY, "champion": "1", "jobs": (one,), "rollout": None, "new_labels": 200, "faulty": frozenset(), **fields}
    return hold(one, LIMITS, Situation(**given))  # type: ignore[arg-type]


def test_a_job_with_enough_labels_starts() -> None:
    assert seen(job()) is None


def test_too_few_labels_are_counted_out_loud() -> None:
    assert seen(job(), new_labels=37) == ("labels", "waiting for labels: 37 of 200")


def test_one_job_at_a_time_and_none_beside_a_rollout() -> None:
    assert seen(job(), jobs=(job("a", state="running"), job())) == ("job_active", "job a is training: one at a time")
    held = seen(job(), rollout="2")
    assert held is not None
    assert held[0] == "rollout_active"


@pytest.mark.parametrize(("ago_d", "holds"), [(0.5, True), (1.1, False)])
def test_the_cooldown_after_a_run(ago_d: float, holds: bool) -> None:
    held = seen(job(), jobs=(done("a", (100 - ago_d) * DAY), job()))
    assert (held is not None and held[0] == "cooldown") is holds


@pytest.mark.parametrize(("refused", "cooldown_d"), [(1, 3), (2, 6), (3, 12), (4, 14), (9, 14)])
def test_the_cooldown_doubles_with_each_refused_candidate_up_to_two_weeks(refused: int, cooldown_d: int) -> None:
    for ago_d, holds in ((cooldown_d - 0.1, True), (cooldown_d + 0.1, False)):
        history = [done(f"a{i}", (100 - ago_d - i) * DAY, "rejected") for i in range(refused)]
        held = hold(job(), Limits(DAY, 3 * DAY, 14 * DAY, 99, 200, 50), situation([*history, job()]))
        assert (held is not None) is holds


def situation(jobs: list[Job]) -> Situation:
    return Situation(100 * DAY, "1", jobs, None, 200, frozenset())


def test_a_rolled_back_candidate_counts_as_refused_and_a_cancelled_job_as_no_run() -> None:
    assert rejections([done("a", 1.0), done("b", 2.0, rolled_back=True), done("c", 3.0, "failed")]) == 2
    assert rejections([done("a", 1.0, "rejected"), done("b", 2.0)]) == 0
    assert rejections([done("a", 1.0, "rejected", cancelled=True)]) == 0


def test_the_weekly_budget() -> None:
    history = tuple(done(f"a{i}", (98 - i) * DAY) for i in range(3))
    held = seen(job(), jobs=(*history, job()))
    assert held == ("budget", "3 runs in the last week, 3 are allowed")
    assert seen(job(trigger="operator"), jobs=(*history, job(trigger="operator"))) is None


def test_a_person_passes_the_cooldown_but_not_the_labels() -> None:
    asked = job(trigger="operator", version="")
    history = (done("a", 100 * DAY - 60), asked)
    assert seen(asked, jobs=history) is None
    held = seen(asked, jobs=history, new_labels=3)
    assert held is not None
    assert held[0] == "labels"


def test_camera_faults_on_all_cameras_of_the_request_hold_it() -> None:
    held = seen(job(cameras=("a", "b"), excluded=("a",)), faulty=frozenset({"b"}))
    assert held == ("camera_fault", "every camera of the request has an open fault: a, b")
    assert seen(job(cameras=("a", "b")), faulty=frozenset({"b"})) is None


def test_a_job_that_the_training_process_held_waits_for_more_labels() -> None:
    held = job(state="held", hold="data", detail="too few of class defect", labels_tried=220, started_at=99 * DAY)
    assert seen(held, new_labels=269) == ("data", "too few of class defect")
    assert seen(held, new_labels=270) is None


def test_without_a_champion_nothing_starts() -> None:
    held = seen(job(), champion=None)
    assert held is not None
    assert held[0] == "no_champion"


def test_a_request_about_a_former_champion_is_moot() -> None:
    assert moot(job(version="1"), "2") == "the request speaks of version 1; the champion is 2 by now"
    assert moot(job(version="2"), "2") is None
    assert moot(job(version=""), "2") is None
    assert moot(job(version="1"), None) is None


def test_the_key_of_an_episode_is_its_parts() -> None:
    assert request_key("a", "b") == request_key("a", "b")
    assert request_key("a", "b") != request_key("ab")
    assert msgspec.structs.replace(job(), request_key=request_key("a")).request_key
