"""The join of monitor and retrain on weeks of a line: quiet ones start nothing, each true episode one. The figures of docs/retraining.md."""

import pytest

from tests.quiet_weeks import weeks

DAY_H = 24


def test_four_quiet_weeks_start_nothing_where_a_raw_threshold_would() -> None:
    found = weeks(0)
    assert found.ours == 0
    assert found.raw > found.cooldown >= 2


def test_each_true_episode_starts_one() -> None:
    found = weeks(0, (3 * DAY_H, 9 * DAY_H), days=14)
    first, second = found.hours
    assert 3 * DAY_H < first < 6 * DAY_H
    assert 9 * DAY_H < second < 12 * DAY_H


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_other_weeks_alike(seed: int) -> None:
    assert weeks(seed).ours == 0
    assert weeks(seed, (7 * DAY_H, 18 * DAY_H)).ours == 2
