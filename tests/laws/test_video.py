"""The laws of the video channel: sums that add, states that any batching leaves alike, quiet without drift, power at a stated shift, and crashes."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.monitor.sites import ASPECTS, CAMERAS, LUMA, START, Sites
from monitor.detectors.ewma import Floats
from monitor.standard import Standard
from monitor.video import bank, limits
from monitor.video.aspect import DAY, SCALES, Aspect, Channel
from monitor.video.plan import plan
from monitor.video.scene import Block, Scene
from tests.video_weeks import NOISE, WEATHER, site

BUDGET = 1.0
SMALL = Aspect("image", ("luma", "contrast"), (2.0, 1.0), (Channel("image statistics", "image", slice(0, 2), "largest"),))
TAIL = limits.tails(SMALL, BUDGET)
LEVEL, SPREAD = np.array([100.0, 30.0]), np.array([4.0, 2.0])
IMAGE_PLAN = plan(Standard(None, None), BUDGET)
WIDTH = IMAGE_PLAN.width


def residuals(minutes: int, cameras: int, rng: np.random.Generator) -> Floats:
    """Means [minutes, cameras, 2] of quiet cameras: shared weather with a memory of an hour and own noise, half of the variance each."""
    weather, own = np.zeros(2), np.zeros((cameras, 2))
    found = np.empty((minutes, cameras, 2))
    for m in range(minutes):
        weather = WEATHER * weather + np.sqrt(1 - WEATHER**2) * rng.standard_normal(2)
        own = NOISE * own + np.sqrt(1 - NOISE**2) * rng.standard_normal((cameras, 2))
        found[m] = LEVEL + SPREAD * (weather + own) * np.sqrt(0.5)
    return found


# Blocks


frames = st.lists(st.lists(st.floats(-300, 300, width=32), min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=20)


@given(frames, st.integers(0, 20))
def test_merging_is_addition_bit_for_bit(rows: list[list[float]], cut: int) -> None:
    whole, first, second = (Block(1, "1") for _ in range(3))
    for i, row in enumerate(rows):
        whole.take(row, IMAGE_PLAN)
        (first if i < cut else second).take(row, IMAGE_PLAN)
    for block in (whole, first, second):
        block.fold(IMAGE_PLAN)
    merged, other = (msgspec.structs.replace(block) for block in (first, second))
    merged.merge(second.n, second.sums)
    other.merge(first.n, first.sums)
    assert (merged.n, merged.sums) == (other.n, other.sums) == (whole.n, whole.sums)


def test_a_block_saved_after_any_frame_is_the_same_block() -> None:
    rng = np.random.default_rng(1)
    whole, parts = Scene("cam"), Scene("cam")
    for row in rng.normal(100, 30, (61, WIDTH)):
        for scene in (whole, parts):
            scene.block(7, "1").take(list(row), IMAGE_PLAN)
        parts = msgspec.msgpack.decode(msgspec.msgpack.encode(parts), type=Scene)
    assert whole == parts
    assert np.array_equal(whole.block(7, "1").mean(IMAGE_PLAN), parts.block(7, "1").mean(IMAGE_PLAN))
    assert len(msgspec.msgpack.encode(parts)) < 1000


def test_a_frame_that_is_no_number_counts_for_nothing() -> None:
    block = Block(1, "1")
    block.take([float("nan")] * WIDTH, IMAGE_PLAN)
    assert np.isnan(block.mean(IMAGE_PLAN)).all()
    block.take([1.0] * WIDTH, IMAGE_PLAN)
    assert np.isfinite(block.mean(IMAGE_PLAN)).all()


# The bank


def test_others_median_is_the_median_of_the_others() -> None:
    rng = np.random.default_rng(2)
    for cameras in range(4, 10):
        values = rng.integers(0, 5, (3, cameras, 4)).astype(float)  # ties in plenty
        expected = np.stack([np.median(np.delete(values, k, axis=1), axis=1) for k in range(cameras)], axis=1)
        assert np.array_equal(bank.others_median(values), expected)


def test_records_saved_after_any_minute_are_the_same_records() -> None:
    values = residuals(200, 4, np.random.default_rng(3))
    whole, parts = (site(SMALL, 4, LEVEL, SPREAD, TAIL) for _ in range(2))
    for m, means in enumerate(values):
        bank.step(SMALL, whole, means, START + m, TAIL)
        bank.step(SMALL, parts, means, START + m, TAIL)
        live, almanac = parts.live.tobytes(), parts.almanac.tobytes()
        parts = bank.State(np.frombuffer(live, SMALL.live).copy(), np.frombuffer(almanac, SMALL.almanac).copy())
    assert whole.live.tobytes() == parts.live.tobytes()
    assert whole.almanac.tobytes() == parts.almanac.tobytes()


def test_sites_stacked_or_alone_give_the_same_bits() -> None:
    rng = np.random.default_rng(4)
    values = np.stack([residuals(120, 4, rng) for _ in range(3)], axis=1)  # [minutes, sites, cameras, F]
    alone = [site(SMALL, 4, LEVEL, SPREAD, TAIL) for _ in range(3)]
    stacked = bank.State(np.stack([s.live for s in alone]), np.stack([s.almanac for s in alone]))
    for m, means in enumerate(values):
        bank.step(SMALL, stacked, means, START + m, TAIL)
        for each, mean in zip(alone, means, strict=True):
            bank.step(SMALL, each, mean, START + m, TAIL)
    assert stacked.live.tobytes() == b"".join(each.live.tobytes() for each in alone)


def test_quiet_cameras_stay_quiet() -> None:
    """40 sites of 4 cameras for a day: the budget of a month and camera allows 5.3 alarms in all of it, half of that is calibrated."""
    rng = np.random.default_rng(5)
    values = np.stack([residuals(DAY, 4, rng) for _ in range(40)], axis=1)
    one = site(SMALL, 4, LEVEL, SPREAD, TAIL)
    state = bank.State(np.repeat(one.live[None], 40, axis=0), np.repeat(one.almanac[None], 40, axis=0))
    opened = 0
    for m, means in enumerate(values):
        before = state.live["opened"] > 0
        bank.step(SMALL, state, means, START + m, TAIL)
        opened += int(((state.live["opened"] > 0) & ~before).sum())
    assert opened <= 12  # the 99.99 % quantile of the whole budget's Poisson count is 16


@pytest.mark.parametrize(("shift", "within"), [(4.0, 30), (2.0, 180)])
def test_a_lone_shift_is_told_against_peers_at_once_and_the_peers_are_not_blamed(shift: float, within: int) -> None:
    for seed in range(5):
        values = residuals(within, 8, np.random.default_rng(seed))
        values[:, 1, 0] += shift * SPREAD[0]
        state = site(SMALL, 8, LEVEL, SPREAD, TAIL)
        for m, means in enumerate(values):
            bank.step(SMALL, state, means, START + m, TAIL)
        opened = state.live["opened"][:, 0, 1] > 0
        assert opened.tolist() == [k == 1 for k in range(8)], seed


def test_what_all_share_is_no_peers_alarm() -> None:
    values = residuals(600, 4, np.random.default_rng(6)) + 6 * SPREAD
    state = site(SMALL, 4, LEVEL, SPREAD, TAIL)
    for m, means in enumerate(values):
        bank.step(SMALL, state, means, START + m, TAIL)
    assert (state.live["opened"][:, 0, 0] > 0).all()
    assert not (state.live["opened"][:, 0, 1] > 0).any()


def test_the_first_minute_after_a_start_may_alarm() -> None:
    state = site(SMALL, 4, LEVEL, SPREAD, TAIL)
    ratios = bank.step(SMALL, state, np.tile(LEVEL + 40 * SPREAD, (4, 1)), START, TAIL)
    assert (ratios[:, 0, 0] >= 1).all()
    assert (state.live["opened"][:, 0, 0] == START).all()


def test_an_alarm_opens_once_and_closes_after_hours_below() -> None:
    state = site(SMALL, 1, LEVEL, SPREAD, TAIL)
    for m in range(4):
        bank.step(SMALL, state, (LEVEL + (30 * SPREAD if m < 2 else 0))[None], START + m, TAIL)
    assert state.live["opened"][0, 0, 0] == START
    m = START + 4
    while state.alarmed()[0]:
        bank.step(SMALL, state, LEVEL[None], m, TAIL)
        m += 1
    assert bank.CLOSE < m - START < bank.CLOSE + 2000


def test_a_drift_is_not_learnt_while_its_alarm_is_open() -> None:
    state = site(SMALL, 4, LEVEL, SPREAD, TAIL)
    table = state.almanac["table"].copy()
    for m in range(60):
        bank.step(SMALL, state, np.tile(LEVEL + 20 * SPREAD, (4, 1)), START + m, TAIL)
    assert np.array_equal(state.almanac["table"], table)


def test_what_a_person_forgave_raises_the_limit() -> None:
    state = site(SMALL, 4, LEVEL, SPREAD, TAIL)
    before = state.almanac["limit"].copy()
    everyone, nobody = np.ones(4, bool), np.zeros(4, bool)
    for m in range(DAY + 60):
        bank.step(SMALL, state, np.tile(LEVEL + 20 * SPREAD, (4, 1)), START + m, TAIL, nobody, everyone)
    assert (state.almanac["limit"][:, 0, 0] > before[:, 0, 0]).all()
    assert not (state.live["ratio"][:, 0, 0] >= 1).any()


def test_absent_cameras_and_absent_minutes_leave_banks_untouched() -> None:
    state = site(SMALL, 4, LEVEL, SPREAD, TAIL)
    means = np.tile(LEVEL + SPREAD, (4, 1))
    bank.step(SMALL, state, means, START, TAIL)
    held = state.live[2].copy()
    means[2] = np.nan
    for m in range(1, 30):
        bank.step(SMALL, state, means, START + m, TAIL)
    assert state.live[2] == held
    assert (state.live["bank"][[0, 1, 3], 1] == 0).all()  # three are left: too few peers


@pytest.mark.parametrize("kind", ["constant", "nan", "quantised"])
def test_degenerate_cameras_are_never_judged_wrongly(kind: str) -> None:
    """Ten days: a constant, nothing but NaN, and whole grey levels of a sensor that hardly moves. No alarm, no warning, no NaN in the records."""
    rng = np.random.default_rng(7)
    state = bank.start(SMALL, (4,))
    for m in range(0, 10 * DAY, 5):
        means = np.tile(LEVEL, (4, 1))
        if kind == "nan":
            means[:] = np.nan
        if kind == "quantised":
            means = means + rng.integers(0, 2, (4, 2))
        bank.step(SMALL, state, means, START + m, TAIL)
        assert not state.alarmed().any()
    assert np.isfinite(state.live["bank"]).all()
    assert np.isfinite(state.almanac["deviation"]).all()


def test_a_young_camera_gives_no_verdict() -> None:
    state = bank.start(SMALL, (4,))
    for m, means in enumerate(residuals(2 * DAY, 4, np.random.default_rng(8))):
        means = means + (50 * SPREAD if m > DAY else 0)
        assert (bank.step(SMALL, state, means, START + m, TAIL) == 0).all()


@pytest.mark.slow
def test_a_simulated_month_in_bounded_state_with_power_at_its_end() -> None:
    """One site from its first minute: no alarm of its image in 5 weeks, records of one size, every scale joined, and a 4-sigma step told within the hour."""
    aspect = ASPECTS[0]
    tail = limits.tails(aspect, BUDGET)
    state, sites = bank.start(aspect, (1, CAMERAS)), Sites(1, seed=3)
    size = (state.live.nbytes, state.almanac.nbytes)
    for day in range(35):
        values = sites.features(sites.day())["image"]
        for m in range(DAY):
            bank.step(aspect, state, values[m], START + day * DAY + m, tail)
    assert not state.alarmed().any()
    assert (state.live.nbytes, state.almanac.nbytes) == size
    assert (state.almanac["limit"] > 0).all()
    assert len(SCALES) == state.almanac["limit"].shape[-1]
    values = sites.features(sites.day())["image"]
    values[:, 0, 3, LUMA] += 4 * float(np.sqrt(state.almanac["overall"][0, 3, 0, LUMA]))
    for m in range(60):
        bank.step(aspect, state, values[m], START + 35 * DAY + m, tail)
    assert state.live["opened"][0, 3, 0, 1] > 0
