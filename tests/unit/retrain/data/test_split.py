"""Sets dealt from whole recordings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.data.split import BOOTSTRAP_SHARES, CANDIDATE_SHARES, SETS, deal, joined, recordings


def test_a_camera_s_frames_are_cut_after_ten_and_at_gaps() -> None:
    cameras = ["a"] * 12 + ["b"] * 3
    times = [float(i) for i in range(12)] + [0.0, 1.0, 100.0]
    groups = recordings(cameras, times)
    assert [len(set(groups[:10])), groups[10] == groups[11], groups[9] == groups[10]] == [1, True, False]
    assert groups[12] == groups[13] != groups[14]
    assert not set(groups[:12]) & set(groups[12:])


def test_recordings_follow_time_and_not_the_order_given() -> None:
    assert recordings(["a", "a", "a"], [200.0, 0.0, 1.0]) == ["a#1", "a#0", "a#0"]


def test_near_duplicates_join_their_recordings() -> None:
    assert joined(["a", "b", "c", "d"], [(0, 1), (1, 2)]) == ["a", "a", "a", "d"]


@given(st.integers(0, 10_000), st.integers(12, 60), st.integers(2, 5))
def test_groups_stay_whole_and_every_frame_has_a_set(seed: int, groups: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    names = [f"g{i // 7}" for i in range(groups * 7)]
    sets = deal(names, random.integers(0, classes, len(names)), BOOTSTRAP_SHARES, seed)
    by_group: dict[str, set[str]] = {}
    for name, dealt in zip(names, sets, strict=True):
        by_group.setdefault(name, set()).add(dealt)
    assert all(len(found) == 1 for found in by_group.values())
    assert set(sets) <= set(SETS)


@pytest.mark.parametrize("shares", [BOOTSTRAP_SHARES, CANDIDATE_SHARES])
@pytest.mark.parametrize("seed", range(6))
def test_sets_have_their_sizes_and_equal_class_shares_where_defects_come_in_stretches(shares: dict[str, float], seed: int) -> None:
    # As on ELPV: whole modules are defective, others almost not.
    random = np.random.default_rng(seed)
    rate = np.repeat(random.choice([0.05, 0.15, 0.5, 0.9], 20), 40)
    truth = (random.random(800) < rate).astype(np.int64)
    names = [f"b{i // 10}" for i in range(800)]
    sets = np.array(deal(names, truth, shares, seed))
    for name in SETS:
        assert abs((sets == name).mean() - shares[name]) < 0.04
        assert abs(truth[sets == name].mean() - truth.mean()) < 0.05


def test_the_same_seed_deals_the_same_and_another_differently() -> None:
    names, truth = [f"b{i // 10}" for i in range(400)], np.arange(400) % 2
    assert deal(names, truth, BOOTSTRAP_SHARES, 1) == deal(names, truth, BOOTSTRAP_SHARES, 1)
    assert deal(names, truth, BOOTSTRAP_SHARES, 1) != deal(names, truth, BOOTSTRAP_SHARES, 2)
