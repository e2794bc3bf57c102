"""How much of the old is replayed, and which."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.data.replay import replay_share, replayed, wanted


def test_a_change_of_meaning_replays_half_and_a_change_of_inputs_a_quarter() -> None:
    assert replay_share("concept_drift", 0.25) == replay_share("new_class", 0.0) == 0.5
    assert replay_share("environment_change", 0.0) == replay_share("population_change", 0.0) == replay_share(None, 0.0) == 0.25
    assert replay_share("environment_change", 0.4) == 0.4
    assert replay_share("new_class", 0.7) == 0.7


@pytest.mark.parametrize(("new", "share", "old"), [(300, 0.25, 100), (300, 0.5, 300), (1, 0.25, 1), (0, 0.5, 0), (100, 0.0, 0)])
def test_old_frames_make_up_their_share(new: int, share: float, old: int) -> None:
    assert wanted(new, share) == old


@given(st.integers(0, 1000), st.integers(0, 120), st.integers(0, 130))
def test_classes_come_in_turn_as_far_as_they_go(seed: int, frames: int, count: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.choice(4, frames, p=[0.7, 0.2, 0.08, 0.02])
    recordings = tuple(f"r{k}" for k in random.integers(0, 12, frames))
    rows = replayed(truth, recordings, count, seed)
    assert len(rows) == min(count, frames)
    assert all(a < b for a, b in pairwise(rows.tolist()))
    taken, there = Counter(truth[rows].tolist()), Counter(truth.tolist())
    most = max(taken.values(), default=0)
    assert all(taken[k] >= min(there[k], most - 1) for k in there), "no class is short that had more to give"
    assert rows.tolist() == replayed(truth, recordings, count, seed).tolist()


def test_within_a_class_recordings_come_in_turn_and_the_seed_decides_among_them() -> None:
    recordings = tuple(f"r{i // 20}" for i in range(200))
    truth = np.zeros(200, dtype=np.int64)
    rows = replayed(truth, recordings, 30, 0)
    assert set(Counter(recordings[row] for row in rows).values()) == {3}
    assert rows.tolist() != replayed(truth, recordings, 30, 1).tolist()
