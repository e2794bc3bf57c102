"""Old labels are void only where frames look as ever and are called otherwise."""

import numpy as np
import pytest

from retrain.data.redefined import Redefined, redefined

LABELS = ("nut", "bolt", "washer")
CENTRES = np.random.default_rng(7).normal(0, 1, (3, 12))
OLD, NEW = 90, 60


def _world(rename: dict[int, int], share: float = 1.0, shift: float = 0.0, classes: int = 3) -> tuple[Redefined, ...]:
    """Three clusters that the champion knows; of the new frames a share is labelled by `rename`, and all look shifted."""
    random = np.random.default_rng(3)
    shown = np.tile(np.arange(3), (OLD + NEW) // 3)
    new = np.arange(OLD + NEW) >= OLD
    embedding = CENTRES[shown] * 3 + random.normal(0, 1, (OLD + NEW, 12)) + shift * new[:, None]
    truth = shown.copy()
    for given, name in rename.items():
        truth[new & (shown == given) & (random.random(OLD + NEW) < share)] = name
    recordings = [f"r{number // 3}" for number in range(OLD + NEW)]
    assert truth.max() < classes
    return redefined(shown, truth, new, embedding.astype(np.float32), recordings, LABELS)


def test_classes_that_change_names_are_found() -> None:
    found = _world({0: 1, 1: 0})
    assert [(one.label, one.now, one.renamed, one.of) for one in found] == [("nut", "bolt", 20, 20), ("bolt", "nut", 20, 20)]
    assert str(found[0]) == "20 of 20 new frames that look like 'nut' are labelled 'bolt'"


def test_a_class_that_goes_into_another_is_found() -> None:
    assert [(one.label, one.now) for one in _world({2: 0})] == [("washer", "nut")]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_labels_flipped_now_and_then_redefine_nothing(share: float) -> None:
    assert _world({0: 1, 1: 0}, share) == ()


def test_frames_that_look_otherwise_leave_old_labels_true() -> None:
    assert _world({0: 1, 1: 0}, shift=3.0) == ()


def test_a_new_class_renames_no_old_one() -> None:
    assert _world({0: 3}, classes=4) == ()


def test_too_few_frames_say_nothing() -> None:
    said = np.zeros(18, dtype=np.int64)
    new = np.arange(18) >= 9
    assert redefined(said, new.astype(np.int64), new, np.zeros((18, 4), np.float32), [str(i) for i in range(18)], LABELS) == ()
