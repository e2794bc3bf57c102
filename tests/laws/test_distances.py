"""The laws of the distances: they agree with Evidently's and scipy's, ties included; any split gives the same bits; empty and NaN input is refused in words."""

import importlib.util
import math
import warnings
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import distance

from monitor.detectors import distances
from monitor.detectors.distances import Histogram, histogram

Floats = NDArray[np.float64]


def _pairs() -> dict[str, tuple[Floats, Floats]]:
    rng = np.random.default_rng(8)
    normal = rng.standard_normal(700)
    grid = rng.integers(0, 12, 600) / 4
    return {
        "the same": (normal, normal),
        "no shift": (normal, rng.standard_normal(900)),
        "shift": (normal, rng.standard_normal(400) + 0.7),
        "far": (normal, rng.standard_normal(300) * 0.1 + 40),
        "wider": (normal, 3 * rng.standard_normal(650)),
        "heavy tails": (rng.standard_cauchy(500), rng.standard_cauchy(500) + 1),
        "ties": (grid, rng.integers(2, 14, 500) / 4),
        "ties against values": (grid, rng.standard_normal(500)),
        "values against ties": (normal, grid),
        "constant": (np.full(80, 3.0), np.full(90, 3.0)),
        "constant, moved": (np.full(80, 3.0), np.full(90, 2.0)),
        "constant against values": (np.zeros(60), rng.standard_normal(60)),
        "an atom and a tail": (np.where(normal > 0, normal, 0), np.where(normal > 0.5, normal, 0)),
        "one value each": (np.array([1.0]), np.array([2.0])),
    }


PAIRS = _pairs()


@pytest.fixture(scope="module")
def evidently() -> Callable[[str, object, object, str], float]:
    """Evidently's own statistical tests, by name."""
    if importlib.util.find_spec("evidently") is None:
        pytest.skip("evidently is not installed (pip install 'keepsight[report]')")
    with warnings.catch_warnings(action="ignore"):  # theirs, of their libraries
        import pandas
        from evidently.legacy.calculations.stattests import registry
        from evidently.legacy.core import ColumnType

    def told(name: str, reference: object, current: object, kind: str) -> float:
        a, b, column = pandas.Series(reference), pandas.Series(current), ColumnType(kind)
        with warnings.catch_warnings(action="ignore"):
            return float(registry.get_stattest(a, b, column, name).func(a, b, column, 0.1)[0])

    return told


@pytest.mark.parametrize("name", PAIRS)
def test_they_agree_with_evidently(name: str, evidently: Callable[[str, object, object, str], float]) -> None:
    reference, current = PAIRS[name]
    counts = distances.binned(reference, current)
    assert distances.psi(*counts) == pytest.approx(evidently("psi", reference, current, "num"), rel=1e-9, abs=1e-12)
    assert distances.jensen_shannon(*counts) == pytest.approx(
        evidently("jensenshannon", reference, current, "num"), rel=1e-7, abs=2e-8
    )
    assert distances.wasserstein(reference, current) == pytest.approx(
        evidently("wasserstein", reference, current, "num"), rel=1e-9, abs=1e-12
    )


def test_classes_agree_with_evidently(evidently: Callable[[str, object, object, str], float]) -> None:
    reference, current = ["a"] * 70 + ["b"] * 30, ["b"] * 20 + ["c"] * 5
    counts = distances.counted(reference, current)
    assert counts == ([70, 30, 0], [0, 20, 5])
    assert distances.psi(*counts) == pytest.approx(evidently("psi", reference, current, "cat"), rel=1e-9)
    assert distances.jensen_shannon(*counts) == pytest.approx(evidently("jensenshannon", reference, current, "cat"), rel=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_they_agree_with_scipy(name: str) -> None:
    reference, current = PAIRS[name]
    norm = max(float(np.std(reference)), 0.001)
    exact = stats.wasserstein_distance(reference, current) / norm
    assert distances.wasserstein(reference, current) == pytest.approx(exact, rel=1e-9, abs=1e-12)
    p, q = distances.binned(reference, current)
    told = distances.jensen_shannon(p, q)
    assert told == pytest.approx(np.nan_to_num(distance.jensenshannon(p, q)), rel=1e-7, abs=2e-8)
    assert 0 <= told <= math.sqrt(math.log(2)) + 1e-12


@pytest.mark.parametrize("name", PAIRS)
def test_the_streaming_ones_follow_the_exact_ones(name: str) -> None:
    """Wasserstein within the mean spread inside the bins; PSI and Jensen-Shannon are 0 where nothing moved and large where everything did."""
    reference, current = PAIRS[name]
    known = histogram(reference)
    live = known.empty_like()
    live.take(current)
    exact = distances.wasserstein(reference, current)
    spread = _spread(known, reference) + _spread(known, current)
    assert abs(known.wasserstein(live) - exact) <= spread + 2 / distances.QUANTA
    if name in ("the same", "constant"):
        assert known.psi(live) == known.jensen_shannon(live) == known.wasserstein(live) == 0
    if name in ("far", "constant, moved"):
        assert known.psi(live) > 5
        assert known.jensen_shannon(live) > 0.8 * math.sqrt(math.log(2))
        assert known.wasserstein(live) == pytest.approx(exact, rel=2e-3)


def _spread(bins: Histogram, values: Floats) -> float:
    """The mean distance of values to the mean of their bin, over the scale."""
    at = np.searchsorted(bins.edges, values, side="left")
    return float(sum(np.abs(values[at == i] - values[at == i].mean()).sum() for i in np.unique(at)) / len(values) / bins.scale)


def test_null_and_power_of_the_streaming_psi() -> None:
    """Without a shift, PSI times n m / (n + m) is about chi-square with bins - 1 degrees of freedom (Yurdakul and Naranjo 2020); with one it is large."""
    rng = np.random.default_rng(6)
    n, told = 4000, []
    for _ in range(200):
        known = histogram(rng.standard_normal(n))
        live = known.empty_like()
        live.take(rng.standard_normal(n))
        told.append(known.psi(live) * n / 2)
        moved = known.empty_like()
        moved.take(rng.standard_normal(n) + 0.3)
        assert known.psi(moved) * n / 2 > stats.chi2.ppf(0.9999, distances.STREAM_BINS - 1)
    assert np.mean(told) == pytest.approx(distances.STREAM_BINS - 1, abs=5 * math.sqrt(2 * 19 / 200))


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_any_split_and_order_gives_the_same_bits(parts: list[list[float]], random: object) -> None:
    known = histogram(PAIRS["an atom and a tail"][0])
    whole = known.empty_like()
    whole.take([value for part in parts for value in part])
    shuffled = parts[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    merged = known.empty_like()
    for part in shuffled:
        one = known.empty_like()
        one.take(part)
        one = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Histogram)
        merged.merge(one)
    assert msgspec.msgpack.encode(merged) == msgspec.msgpack.encode(whole)
    assert sum(whole.counts) == sum(map(len, parts))


def test_memory_is_bounded() -> None:
    known = histogram(np.random.default_rng(1).integers(0, 30, 5000) / 7)
    size = len(known.counts)
    assert size <= 2 * distances.STREAM_BINS + 1
    for seed in range(50):
        known.take(np.random.default_rng(seed).standard_normal(100) * 1e6)
    assert len(known.counts) == size
    assert len(msgspec.msgpack.encode(known)) < 1024


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused_and_counted(bad: float) -> None:
    good, spoilt = [1.0, 2.0, 3.0], [1.0, bad, bad]
    for measure in (distances.wasserstein, distances.binned):
        with pytest.raises(ValueError, match="current sample has 2 of 3 values that are not finite"):
            measure(good, spoilt)
        with pytest.raises(ValueError, match="reference sample has 2 of 3"):
            measure(spoilt, good)
    known = histogram(good)
    before = msgspec.msgpack.encode(known)
    with pytest.raises(ValueError, match="not finite"):
        known.take(spoilt)
    assert msgspec.msgpack.encode(known) == before
    with pytest.raises(ValueError, match="not finite"):
        histogram(spoilt)


def test_empty_samples_are_refused() -> None:
    for measure in (distances.wasserstein, distances.binned, distances.counted):
        with pytest.raises(ValueError, match="current sample is empty"):
            measure([1.0], [])  # type: ignore[operator]  # the same for all three
        with pytest.raises(ValueError, match="reference sample is empty"):
            measure([], [1.0])  # type: ignore[operator]  # the same for all three
    with pytest.raises(ValueError, match="reference counts are"):
        distances.psi([0, 0], [1, 2])
    with pytest.raises(ValueError, match="current counts are"):
        distances.jensen_shannon([1, 2], [-1, 2])
    known = histogram([1.0, 2.0])
    with pytest.raises(ValueError, match="current histogram is empty"):
        known.wasserstein(known.empty_like())
    with pytest.raises(ValueError, match="different bins"):
        known.merge(histogram([5.0, 6.0]))
