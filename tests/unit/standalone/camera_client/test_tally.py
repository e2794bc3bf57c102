"""Quantiles in constant space, and the summary."""

import numpy as np
import pytest

from standalone.camera_client.tally import KINDS, Durations, Tally, told


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_are_right_to_one_per_cent(seed: int) -> None:
    values = np.random.default_rng(seed).lognormal(-4, 1.5, 5000)
    durations = Durations()
    for value in values:
        durations.add(float(value))
    for share in (0.01, 0.5, 0.9, 0.99, 1.0):
        assert durations.quantile(share) == pytest.approx(np.quantile(values, share, method="inverted_cdf"), rel=0.0101)
    assert durations.largest_s == values.max()


def test_odd_durations_are_counted_too() -> None:
    durations = Durations()
    assert durations.quantile(0.5) == 0.0
    for value in (0.0, 1e-9, 1e9):
        durations.add(value)
    assert durations.count == 3
    assert durations.quantile(0.5) < 2e-5


def test_kinds_of_refusal_are_bounded() -> None:
    tally = Tally(0.0)
    for number in range(500):
        tally.settled(f"kind-{number}", 10, 0.01)
    assert len(tally.refusals) == KINDS + 1
    assert tally.refused == 500
    assert tally.refusals["other"] == 500 - KINDS


def test_the_summary_names_what_happened_and_nothing_else() -> None:
    tally = Tally(100.0)
    for _ in range(30):
        tally.settled("", 50_000, 0.02)
    quiet = told(tally.summary(103.0, 0, 0, 0, 0))
    assert quiet.startswith("30 frames answered in 3.0 s; 10.0/s, 0.50 MB/s; latency p50 19.87 ms, p99 19.87 ms, max 20 ms")
    assert "busy" not in quiet
    tally.settled("truncated", 1, 0.02)
    full = told(tally.summary(103.0, 4, 5, 6, 7))
    assert full.endswith("refused: 1 truncated; 4 frames skipped; 5 times busy (429); 6 times failing; 7 times unreachable")
