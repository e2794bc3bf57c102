"""What a network learns from."""

import numpy as np
import pytest

from retrain.training.lesson import lesson
from tests.training_material import material


def test_old_frames_are_replayed_to_their_share_and_the_gate_is_never_touched() -> None:
    whole = material(200, 100)
    part = lesson(whole, "full", 0.25, seed=1)
    sets = np.array([item.set for item in whole.dataset.items])
    assert set(sets[part.rows]) == {"train"}
    assert set(sets[part.judged]) == {"validation"}
    new = whole.new[part.rows]
    assert int(new.sum()) == 60
    assert int((~new).sum()) == 20
    assert part.weight.mean() == pytest.approx(1.0)
    assert len(set(part.rows.tolist())) == len(part.rows)
    assert bool(whole.new[part.judged].any())
    assert bool((~whole.new[part.judged]).any())


def test_from_scratch_learns_all_that_is_known_at_the_same_share() -> None:
    whole = material(200, 100)
    part = lesson(whole, "scratch", 0.25, seed=1)
    new = whole.new[part.rows]
    assert int((~new).sum()) == 120
    assert part.weight[~new].sum() / part.weight.sum() == pytest.approx(0.25)


def test_rare_classes_count_more_within_their_domain() -> None:
    whole = material(0, 300)
    part = lesson(whole, "lp_ft", 0.25, seed=1)
    truth = whole.truth[part.rows]
    counts = np.bincount(truth)
    rare, common = int(counts.argmin()), int(counts.argmax())
    assert part.weight[truth == rare][0] > part.weight[truth == common][0]


def test_the_seed_decides_which_old_frames() -> None:
    whole = material(200, 60)
    one, again, other = (lesson(whole, "full", 0.25, seed).rows.tolist() for seed in (1, 1, 2))
    assert one == again
    assert one != other
