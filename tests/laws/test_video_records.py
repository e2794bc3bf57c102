"""The laws of small numbers: records hold two bytes where four were, and what moves in steps smaller than two bytes can tell does not stick in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.monitor.sites import START
from monitor.detectors.ewma import Floats
from monitor.video import almanac as almanacs
from monitor.video import bank, limits
from monitor.video.almanac import STEP
from monitor.video.aspect import DAY, LARGEST_F16, WEIGHT, Aspect, Channel, Records, halves
from tests.video_weeks import site

FLOOR = np.array([2.0, 0.005])
SMALL = Aspect("image", ("luma", "clipped"), tuple(FLOOR), (Channel("image statistics", "image", slice(0, 2), "largest"),))
TAIL = limits.tails(SMALL, 1.0)
NOON = 12 * 60 // SMALL.slot
MONDAY = START // SMALL.slot
"""The first slot of a Monday."""


def learnt(almanac: Records, level: Floats, slot: int = MONDAY + NOON, square: Floats | None = None) -> None:
    """A whole slot of one level [F] goes into an almanac [1]."""
    live = np.zeros(1, SMALL.live)
    live["slot"], live["n"], live["sum"] = slot, SMALL.slot, SMALL.slot * level
    if square is not None:
        live["heard"], live["square"] = SMALL.slot, SMALL.slot * square
    almanacs.learn(SMALL, live, almanac, TAIL, np.zeros(1, bool))


levels = st.tuples(st.floats(-3e6, 3e6), st.floats(-3e6, 3e6)).map(np.array)


@settings(max_examples=20)
@given(levels, levels)
def test_a_context_learns_what_it_is_shown_to_a_fraction_of_a_floor(first: Floats, then: Floats) -> None:
    """To ten of the table's units: 8 % of a floor; for a value beyond 256 floors they are a 2^14th of the largest ever seen, at most."""
    almanac = np.zeros(1, SMALL.almanac)
    for _ in range(25):
        learnt(almanac, first)
    for _ in range(400):
        learnt(almanac, then)
    largest = np.maximum(np.abs(first), np.abs(then))
    allowed = np.maximum(0.08 * FLOOR, 10.1 * largest / 2**14)
    assert (np.abs(almanacs.level(almanac, NOON)[0] - then) <= allowed).all()


def test_a_context_that_outgrows_the_table_rounds_the_others_and_moves_none() -> None:
    almanac = np.zeros(1, SMALL.almanac)
    usual = np.array([118.0, 0.01])
    for c in range(SMALL.slots):
        learnt(almanac, usual, MONDAY + c)
    learnt(almanac, np.array([60_000.0, 0.01]), MONDAY + SMALL.slots)  # the first slot again, a day later
    unit = almanac["unit"][0]
    assert unit[0] > FLOOR[0] * STEP
    assert unit[1] == np.float32(FLOOR[1] * STEP)
    rest = almanac["table"][0, 1 : SMALL.slots] * unit
    assert np.abs(rest - usual).max(axis=0) == pytest.approx(0, abs=float(unit[0]))
    assert almanacs.level(almanac, 0)[0, 0] == pytest.approx((118 + 60_000) / 2, rel=1e-3)


def test_a_spread_is_the_mean_it_would_be_in_doubles() -> None:
    """Squares of slots scatter by their own size: 3,000 of them through two bytes, beside the same recursion in eight."""
    rng = np.random.default_rng(1)
    almanac, exact = np.zeros(1, SMALL.almanac), None
    scale = np.array([3.0, 1e-3]) ** 2
    for i, noise in enumerate(rng.exponential(size=(3000, 2, 2))):
        square = scale * noise
        overall = almanac["overall"][0].astype(float)
        seen = min(int(almanac["seen"][0, 12, 0]), 112)
        learnt(almanac, np.zeros(2), MONDAY + NOON + i % 4 + i // 4 * SMALL.slots, square)
        if exact is None:
            exact = overall + (square - overall)
        exact += (square - exact) / (seen + 8)
    assert np.square(almanac["spread"][0, 12], dtype=float) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("constant", [0.7, 1.3, -40.0])
def test_a_bank_follows_a_residual_as_it_would_in_doubles(constant: float) -> None:
    """Two weeks of noise, then a constant: to 1 % of the mean or of the noise's. A minute moves the slowest scale by less than float16 can tell."""
    rng = np.random.default_rng(2)
    held, exact = np.zeros((2, len(WEIGHT), 2), np.float16), np.zeros((2, len(WEIGHT), 2))
    for m in range(14 * DAY):
        residual = rng.standard_normal((2, 1, 2)) if m < 7 * DAY else constant
        wide = held.astype(float)
        held = halves(wide + WEIGHT[:, None] * (residual - wide), m)
        exact += WEIGHT[:, None] * (residual - exact)
        if m in (7 * DAY - 1, 7 * DAY + 1000, 14 * DAY - 1):
            assert held == pytest.approx(exact, rel=0.01, abs=2e-3), m


def test_a_deviation_of_the_bank_is_the_mean_it_would_be_in_doubles() -> None:
    """Learnt by a 2,688th a slot from squares that scatter by their own size, in two bytes: each to 1.5 % (a standard deviation), their mean to 0.3 %."""
    rng = np.random.default_rng(3)
    held, exact = np.zeros((50, 2, 6, 4)), np.zeros((50, 2, 6, 4))
    for i in range(6000):
        rate = 1 / (min(i, 2688) + 1)
        square = rng.exponential(size=exact.shape)
        wide = np.square(held.astype(float))
        held = halves(np.sqrt(wide + rate * (square - wide)), np.full(50, i))
        exact += rate * (square - exact)
    ratio = np.square(held.astype(float)) / exact
    assert float(ratio.std()) < 0.02
    assert abs(float(ratio.mean()) - 1) < 3e-3


def test_halves_lose_nothing_over_their_turns() -> None:
    values = np.array([1.0001, 0.99999, -7.0005, 1e-3, 12345.6, 3e-7]).reshape(1, 1, 6)
    mean = np.mean([halves(values, turn).astype(float) for turn in range(5000)], axis=0)
    assert mean == pytest.approx(values, rel=1e-5, abs=1e-10)
    assert np.array_equal(halves(values[None], np.array([7]))[0], halves(values, 7))


def test_what_no_record_can_hold_is_cut_and_judged() -> None:
    """A camera that shows a million deviations: finite everywhere, its alarm open, and closed again when it is as usual."""
    level, spread = np.array([100.0, 0.01]), np.array([4.0, 0.005])
    state = site(SMALL, 4, level, spread, TAIL)
    means = np.tile(level, (4, 1))
    means[1] = 4e6
    for m in range(20):
        bank.step(SMALL, state, means, START + m, TAIL)
    assert np.isfinite(state.live["bank"]).all()
    assert state.live["bank"].max() >= LARGEST_F16 - 32
    assert state.alarmed().tolist() == [False, True, False, False]
    nobody, everyone = np.zeros(4, bool), np.ones(4, bool)
    for m in range(20, 3 * DAY):
        bank.step(SMALL, state, means, START + m, TAIL, nobody, everyone)
    for name in ("table", "unit", "spread", "overall", "deviation", "limit"):
        assert np.isfinite(state.almanac[name].astype(float)).all(), name
