"""When to stop."""

import pytest

from retrain.training.stopping import Best, better, over


def test_only_a_higher_score_is_better() -> None:
    best = Best(0.5, 3)
    assert [better(score, best) for score in (0.4, 0.5, 0.5000001)] == [False, False, True]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_none_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match=f"score is {score}, expected a finite number"):
        better(score, Best(0.0, 0))


def test_over_after_patience_epochs_without_a_better_one() -> None:
    assert [over(epoch, Best(0.5, 3), 2) for epoch in (3, 4, 5, 6)] == [False, False, True, True]
