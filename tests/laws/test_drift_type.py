"""The laws of courses and of the type told from them: oracles on noiseless series, silence without drift, save and load, bounded memory, bad input."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.incidents import DriftType
from monitor.incidents import drift_type
from monitor.incidents.history import PER_WEIGHT, POINTS, History

D, FRAMES, ONSET, RISE = 12, 64, 60, 60
COURSES: dict[DriftType, float] = {"sudden": 0, "gradual": RISE, "incremental": RISE, "recurring": 0}


def progress(course: DriftType | None, block: int) -> float:
    """How much of the shift is there at a block, or which share of the frames has it."""
    t = block - ONSET
    if course is None:
        return 0.0
    if course == "recurring":
        return float(0 <= t < 25 or t >= 60)
    return float(np.clip(t / RISE, 0, 1)) if COURSES[course] else float(t >= 0)


def played(course: DriftType | None, blocks: int, shift: float = 3.0, noise: float = 1.0, seed: int = 0) -> History:
    """The history of a camera whose frames move by `shift` standard deviations."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(D)
    direction *= shift / np.linalg.norm(direction)
    history = History()
    for block in range(blocks):
        frames = noise * rng.standard_normal((FRAMES, D))
        p = progress(course, block)
        frames += (rng.random((FRAMES, 1)) < p) * direction if course == "gradual" else p * direction
        history.push(1e9 + block, frames.mean(axis=0), float(frames.var(axis=0).mean()))
    return history


def told(history: History) -> str | None:
    """The type."""
    answer = drift_type.of([history.course()])
    return answer.drift_type if answer else None


@pytest.mark.parametrize("course", COURSES)
@pytest.mark.parametrize("blocks", [130, 160])
def test_each_course_is_told_by_its_name(course: DriftType, blocks: int) -> None:
    assert [told(played(course, blocks, seed=seed)) for seed in range(4)] == [course] * 4


@pytest.mark.parametrize("course", ["sudden", "incremental", "recurring"])
def test_a_noiseless_series_is_told_with_the_template_s_own_moments(course: DriftType) -> None:
    answer = drift_type.of([played(course, 150, noise=0.0).course()])
    assert answer is not None
    assert answer.drift_type == course
    words = {"sudden": "a step 90 blocks ago", "incremental": "a rise over 5", "recurring": "it was there before, 6"}
    assert answer.detail.startswith(words[course])


def test_without_drift_nothing_is_told_but_in_one_of_twenty() -> None:
    assert sum(told(played(None, 150, seed=seed)) is not None for seed in range(40)) <= 2


def test_a_rise_that_has_only_begun_is_not_called_sudden() -> None:
    for course in ("incremental", "gradual"):
        assert {told(played(course, ONSET + 30, seed=seed)) for seed in range(4)} <= {"incremental", "gradual", None}


def test_whether_a_rise_goes_on_is_said() -> None:
    answers = [drift_type.of([played("incremental", blocks).course()]) for blocks in (ONSET + 45, ONSET + 100)]
    assert [answer is not None and answer.goes_on for answer in answers] == [True, False]


def test_too_little_is_told_nothing() -> None:
    assert told(History()) is None
    assert told(played("sudden", 7)) is None
    assert told(played("sudden", ONSET + 3)) is None
    assert drift_type.of([]) is None


def test_a_constant_course_is_told_nothing() -> None:
    history = History()
    for block in range(50):
        history.push(float(block), [0.5] * D, 1.0)
    assert told(history) is None


def test_what_is_not_finite_is_left_out() -> None:
    history = played("sudden", 20)
    before = msgspec.msgpack.encode(history)
    history.push(1e9, [float("nan")] * D, 1.0)
    history.push(1e9, [0.0] * D, float("inf"))
    assert msgspec.msgpack.encode(history) == before


def test_another_number_of_features_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="12 features a point, got 3"):
        played("sudden", 5).push(0.0, [0.0] * 3, 1.0)


def test_memory_is_bounded_and_time_is_counted_whole() -> None:
    history = History()
    for block in range(3000):
        history.push(1e9 + block, [0.1] * D, 1.0)
        assert len(history) <= POINTS
        if block < 1500:
            assert history.course().weight.sum() == block + 1
    course = history.course()
    assert len(msgspec.msgpack.encode(history)) < 1024
    assert (np.diff(course.weight) <= 0).all()  # newest finest
    assert max(np.unique(course.weight, return_counts=True)[1]) <= PER_WEIGHT
    assert np.allclose(course.deviation, 0.125)  # a sixteenth's rounding, not adding up over merges
    assert course.spread == pytest.approx(1.0)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=80), st.integers(0, 80))
def test_saving_between_any_two_points_changes_no_bit(values: list[float], at: int) -> None:
    plain, saved = History(), History()
    for number, value in enumerate(values):
        plain.push(number, [value, -value], abs(value))
        saved.push(number, [value, -value], abs(value))
        if number == at:
            saved = msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=History)
    assert saved == plain


def test_most_cameras_decide() -> None:
    courses = [played("sudden", 150, seed=seed).course() for seed in range(3)]
    odd = played("incremental", 150, shift=1.2).course()
    answer = drift_type.of([*courses, odd])
    assert answer is not None
    assert answer.drift_type == "sudden"
    silent = [played(None, 60, seed=seed).course() for seed in range(5)]
    assert drift_type.of([courses[0], *silent]) is None


@pytest.mark.parametrize("blocks", [88, 95])
def test_what_has_just_gone_away_has_not_come_back(blocks: int) -> None:
    assert {told(played("recurring", blocks, seed=seed)) for seed in range(4)} <= {"sudden", None}
