"""Streams without drift, drawn from a reference: how far they lie off, and how limits follow."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, t

from monitor.detectors import bootstrap, ewma

FRAMES = 32


def recordings(count: int, length: int) -> list[NDArray[np.intp]]:
    return [np.arange(i * length, (i + 1) * length) for i in range(count)]


def variances(of: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Of null banks [S], where each of `count` recordings of ten frames has one value."""
    features = np.repeat(of, 10)[:, None]
    rng = np.random.default_rng(1)
    banks = bootstrap.null_banks(features, recordings(count, 10), FRAMES, ewma.weights((1, 4, 16)), rng)
    return np.asarray(np.square(banks, dtype=np.float64).mean(axis=(0, 1))[:, 0])


def test_limits_carry_the_level_s_error_once_and_the_stream_s_own() -> None:
    """Of recordings with variance 1 a block of 32 frames has 10 / 32, less on longer scales (w / (2 - w)), and the level of 60 of them 1 / 60."""
    told = variances(np.random.default_rng(0).permutation(norm.ppf((np.arange(60) + 0.5) / 60)), 60)
    block = 10 / 32 * np.array([1.0, 0.25, 1 / 16])
    assert told[0] == pytest.approx(block[0] + 1 / 60, rel=0.25)
    assert told[2] == pytest.approx(block[2] + 1 / 60, rel=0.3)


def test_neighbours_that_are_alike_widen_the_longer_scales() -> None:
    mixed = np.random.default_rng(0).permutation(np.arange(60)) / 17.3
    assert variances(np.sort(mixed), 60)[2] > 1.5 * variances(mixed, 60)[2]


def test_runs_of_neighbours_have_the_length_asked_for_and_go_round() -> None:
    drawn = bootstrap.neighbours(10, 20_000, 4.0, np.random.default_rng(0))
    follows = np.diff(drawn) % 10 == 1
    assert follows.mean() == pytest.approx(3 / 4 + 1 / 40, abs=0.01)  # the tenth jump in ten lands there as well
    assert np.bincount(drawn, minlength=10) == pytest.approx(2000, rel=0.1)
    assert set(np.unique(drawn[1:][follows & (drawn[:-1] == 9)])) == {0}


def test_the_tail_of_a_normal_mean_is_found_a_hundred_times_beyond_what_was_seen() -> None:
    """The largest of ten standard normals: its limit at 1e-6, from 11,520 of them, within 8 %."""
    seen = np.abs(np.random.default_rng(3).standard_normal((bootstrap.REPLICATES, bootstrap.BLOCKS, 2, 10))).max(axis=-1)
    assert bootstrap.limit(seen, 1e-6, 100_000) == pytest.approx(norm.isf(1e-6 / 20), rel=0.08)


def test_the_fewer_recordings_the_wider_as_student_has_it() -> None:
    seen = np.abs(np.random.default_rng(3).standard_normal((bootstrap.REPLICATES, bootstrap.BLOCKS, 1)))
    known, few = bootstrap.limit(seen, 1e-6, 100_000)[0], bootstrap.limit(seen, 1e-6, 8)[0]
    assert few == pytest.approx(known * t.isf(1e-6, 7) / norm.isf(1e-6), rel=0.15)  # the known one may stand at WORST


def test_a_limit_stands_above_the_worst_that_was_seen() -> None:
    seen = np.abs(np.random.default_rng(3).standard_normal((bootstrap.REPLICATES, bootstrap.BLOCKS, 1)))
    seen[7, 7] = 20.0
    assert bootstrap.limit(seen, 0.01, 60)[0] == pytest.approx(bootstrap.WORST * 20)
    assert bootstrap.limit(np.zeros_like(seen), 1e-6, 60)[0] == 0.0
