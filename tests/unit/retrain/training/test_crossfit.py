"""The head chosen and judged out of fold."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from retrain.models.calibrate import log_loss
from retrain.training.crossfit import PENALTIES, Development, cross_fit
from retrain.training.score import scored


@pytest.fixture(scope="module")
def development() -> Development:
    data = load_digits()
    groups = tuple(f"g{i // 10}" for i in range(400))
    return Development(data.data[:400].astype(np.float32), data.target[:400].astype(np.int64), groups, np.arange(400) >= 300)


def test_out_of_fold_scores_are_honest_and_useful(development: Development) -> None:
    fitted = cross_fit(development, 10, 1)
    judged = (fitted.out_of_fold.argmax(axis=1) == development.truth).mean()
    trained = (fitted.head.logits(development.embedding).argmax(axis=1) == development.truth).mean()
    assert 0.85 < judged < trained
    assert fitted.l2 in PENALTIES
    assert fitted.score == pytest.approx(scored(fitted.out_of_fold.argmax(axis=1), development.truth, development.new).harmonic)


def test_a_frame_is_never_judged_by_a_head_that_saw_its_recording() -> None:
    # Every recording carries its own random label on one feature of its own: only memory could know it.
    random = np.random.default_rng(0)
    group = np.arange(200) // 10
    truth = random.integers(0, 2, 20)[group]
    own = np.eye(20, dtype=np.float32)[group] * 5
    fitted = cross_fit(Development(own, truth, tuple(f"g{g}" for g in group), np.zeros(200, dtype=np.bool_)), 2, 1)
    remembered = (fitted.head.logits(own).argmax(axis=1) == truth).mean()
    judged = (fitted.out_of_fold.argmax(axis=1) == truth).mean()
    assert remembered == 1.0
    assert judged < 0.75


def test_the_temperature_lowers_the_log_loss(development: Development) -> None:
    fitted = cross_fit(development, 10, 1)
    ones = np.ones(400)
    assert (
        log_loss(fitted.out_of_fold / fitted.temperature, development.truth, ones)
        <= log_loss(fitted.out_of_fold, development.truth, ones) + 0.02
    )


def test_few_new_frames_weigh_as_much_as_many_old_ones() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(440, 6)).astype(np.float32)
    new = np.arange(440) >= 400
    truth = np.where(new, x[:, 0] > 0, x[:, 0] < 0).astype(np.int64)  # new frames mean the opposite: shares decide
    rows = Development(x, truth, tuple(f"g{i // 10}" for i in range(440)), new)
    even, mostly_old = (cross_fit(rows, 2, 1, share).head.logits(x).argmax(axis=1) == truth for share in (0.5, 0.1))
    assert mostly_old[~new].mean() > 0.9
    assert mostly_old[new].mean() < 0.2
    assert even[new].mean() > mostly_old[new].mean() + 0.2


def test_one_recording_alone_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="all 20 development frames are one recording"):
        cross_fit(Development(np.zeros((20, 2), np.float32), np.arange(20) % 2, ("a",) * 20, np.zeros(20, np.bool_)), 2, 1)
