"""The threshold of a trained detector."""

from contracts.predictions import Box
from retrain.trainer.detector_training import THRESHOLDS, best_threshold

HERE = Box("bolt", 0, 0, 10, 10)


def said(*scores: float) -> list[tuple[Box, ...]]:
    """Frames with the object at the first score, and something beside it at 0.2."""
    return [(Box("bolt", 0, 0, 10, 10, score), Box("bolt", 50, 50, 60, 60, 0.2)) for score in scores]


def test_the_threshold_is_where_least_is_lost() -> None:
    truth = [(HERE,)] * 3
    assert 0.2 < best_threshold(truth, said(0.4, 0.45, 0.9)) <= 0.4
    assert best_threshold([()] * 3, said(0.9, 0.9, 0.9)) > 0.9
    assert best_threshold(truth, [()] * 3) in THRESHOLDS  # nothing is found at any
