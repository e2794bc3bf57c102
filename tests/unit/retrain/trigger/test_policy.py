"""When a job may start: each reason to wait, its sentence, and which it is when several hold."""

import itertools
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.job import Job
from retrain.trigger.cost import Costs
from retrain.trigger.policy import Limits, Situation, hold, moot, rejections, request_key

DAY = 86_400.0
LIMITS = Limits(
    cooldown_s=DAY,
    rejected_cooldown_s=3 * DAY,
    rejected_cooldown_max_s=14 * DAY,
    runs_per_week=3,
    labels_wanted=200,
    labels_more=50,
    recurs_offer_s=DAY,
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
    assert held == ("budget", "3 runs in the last week, 3 are allowed (setting runs_per_week)")
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
    assert held == ("camera_fault", "every camera of the request has a fault, or had one since the change began: a, b")
    assert (seen(job(cameras=(), excluded=("a", "b"))) or "")[0] == "camera_fault"
    assert seen(job(cameras=("a", "b")), faulty=frozenset({"b"})) is None


def test_a_job_that_the_training_process_held_waits_for_more_labels() -> None:
    held = job(state="held", hold="data", lacks="too few of class defect", labels_tried=220, started_at=99 * DAY)
    reason = "too few of class defect; it is tried again with 270 new labels, 220 were tried"
    assert seen(held, new_labels=269) == ("data", reason)
    assert seen(held, new_labels=270) is None


def test_a_further_round_takes_no_device_time_that_is_not_left() -> None:
    limits = replace(LIMITS, runs_per_week=1, device_minutes_per_month=60.0)
    held = job(state="held", hold="data", lacks="too few of class defect", labels_tried=220, started_at=99 * DAY, device_s=3000.0)
    another = done("another", 99.5 * DAY, device_s=600.0)

    def told(asked: Job) -> str | None:
        found = hold(asked, limits, Situation(100 * DAY, "1", (another, asked), None, 300, frozenset()))
        return found.kind if found else None

    assert told(held) == "budget"
    assert told(msgspec.structs.replace(held, device_s=2999.0)) is None
    assert told(msgspec.structs.replace(held, trigger="operator")) is None


def test_what_it_lacks_is_not_forgotten_over_another_hold() -> None:
    between = job(state="held", hold="rollout_active", lacks="too few of class defect", labels_tried=220, started_at=99 * DAY)
    assert (seen(between, new_labels=269) or "")[0] == "data"


def test_an_archived_version_is_offered_first_and_before_the_cooldown() -> None:
    asked = job(recurs="3", created_at=100 * DAY - 3600)
    held = seen(asked, archived=frozenset({"1", "3"}), jobs=(done("a", 100 * DAY - 60), asked))
    assert held is not None
    assert held[0] == "recurring"
    assert "`keepsight promote 3 --reason TEXT` brings it back" in held[1]


@pytest.mark.parametrize(
    ("fields", "archived"),
    [
        ({"recurs": "3"}, {"1"}),
        ({"recurs": "1"}, {"1"}),
        ({"recurs": ""}, {"1", "3"}),
        ({"recurs": "3", "created_at": 99 * DAY}, {"1", "3"}),
        ({"recurs": "3", "trigger": "operator"}, {"1", "3"}),
        ({"recurs": "3", "started_at": 99.5 * DAY}, {"1", "3"}),
    ],
    ids=["gone", "the champion", "none", "offered for a day", "a person asks", "already begun"],
)
def test_what_is_not_offered(fields: dict[str, object], archived: set[str]) -> None:
    assert seen(job(**{"created_at": 100 * DAY - 3600, **fields}), archived=frozenset(archived)) is None


jobs_of_any_past = st.lists(
    st.builds(
        job,
        job_id=st.text("abcdef", min_size=4, max_size=4),
        state=st.sampled_from(["succeeded", "rejected", "failed", "held"]),
        started_at=st.floats(80 * DAY, 101 * DAY),
        finished_at=st.one_of(st.none(), st.floats(80 * DAY, 101 * DAY)),
        device_s=st.floats(0, 1e5),
        rolled_back=st.booleans(),
    ),
    max_size=6,
)
asked_jobs = st.builds(
    job,
    trigger=st.sampled_from(["monitor", "operator", "calendar", "new_class"]),
    created_at=st.floats(99 * DAY, 100 * DAY),
    harm=st.one_of(st.none(), st.floats(0, 1)),
    recurs=st.sampled_from(["", "1", "3"]),
    lacks=st.sampled_from(["", "too few of class defect"]),
    labels_tried=st.integers(0, 400),
    started_at=st.one_of(st.none(), st.floats(90 * DAY, 100 * DAY)),
)
ANY_LIMITS = replace(
    LIMITS,
    device_minutes_per_month=500.0,
    recurs_offer_s=DAY / 2,
    costs=Costs(0.01, 0.5, 20.0, frames_per_day=1000.0, horizon_days=30),
)


@given(asked=asked_jobs, history=jobs_of_any_past, fewer=st.integers(0, 800), more=st.integers(0, 800))
def test_more_labels_never_turn_a_start_into_a_hold(asked: Job, history: list[Job], fewer: int, more: int) -> None:
    def held(labels: int) -> bool:
        archived = frozenset({"1", "3"})
        return (
            hold(asked, ANY_LIMITS, Situation(100 * DAY, "1", [*history, asked], None, labels, frozenset(), archived)) is not None
        )

    assert held(min(fewer, more)) or not held(max(fewer, more))


@given(jumps=st.lists(st.sampled_from([-3600.0, 0.0, 0.0, 3600.0]), min_size=1, max_size=80))
def test_a_clock_that_is_set_starts_at_most_one_run_more_and_none_within_the_cooldown(jumps: list[float]) -> None:
    """Looks every hour for days, a clock that is set by an hour now and then; a run takes half an hour, and another request waits always."""
    history: list[Job] = []
    true, set_by, starts = 100 * DAY, 0.0, []
    for number, jump in enumerate(jumps):
        true, set_by = true + 3600, max(-3600.0, min(3600.0, set_by + jump))
        now = true + set_by
        if seen(job(), now=now, jobs=(*history, job())) is None:
            starts.append(true)
            history.append(done(f"a{number:03}", now + 1800))
    for first, second in itertools.pairwise(starts):
        assert DAY - 2 * 3600 <= second - first <= DAY + 4 * 3600


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
