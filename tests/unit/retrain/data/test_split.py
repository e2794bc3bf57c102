"""Sets dealt from whole recordings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.data.split import BOOTSTRAP_SHARES, CANDIDATE_SHARES, SETS, assigned, counted, deal
from retrain.request import Set


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


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 40))
def test_what_is_known_stays_and_the_others_make_up_for_it(seed: int, before: int, more: int) -> None:
    random = np.random.default_rng(seed)
    counts = {f"r{i}": random.integers(0, 6, 3).astype(np.float64) for i in range(before + more)}
    known: dict[str, Set] = {f"r{i}": SETS[int(random.integers(3))] for i in range(before)}
    sets = assigned(counts, known | {"of another time": "gate"}, CANDIDATE_SHARES, seed)
    assert sets.keys() == counts.keys()
    assert {name: sets[name] for name in known} == known


def test_a_set_that_the_known_recordings_lack_is_filled_first() -> None:
    counts = {f"r{i}": np.array([5.0, 5.0]) for i in range(20)}
    known: dict[str, Set] = {f"r{i}": "train" for i in range(10)}
    sets = list(assigned(counts, known, CANDIDATE_SHARES, 0).values())
    assert sets.count("train") == 10
    assert sets.count("gate") == 6
    assert sets.count("validation") == 4


def test_recordings_are_counted_by_class_in_the_order_they_come() -> None:
    found = counted(["b", "a", "b"], np.array([0, 1, 1]), 3)
    assert {name: counts.tolist() for name, counts in found.items()} == {"b": [1.0, 1.0, 0.0], "a": [0.0, 1.0, 0.0]}
    assert list(found) == ["b", "a"]
    assert assigned({}, {}, CANDIDATE_SHARES, 0) == {}
