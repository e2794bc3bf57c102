"""A version's reference: limits that can be divided by, whatever the model."""

from dataclasses import replace

import numpy as np

from monitor.items.reference import Budget, calibrate
from tests.laws.test_detectors import MANIFEST, baseline, rows


def test_a_model_that_is_always_sure_has_limits_that_stand() -> None:
    """Balanced recordings, probabilities of 0 and 1: neither the mix nor the certainty moves in any null block."""
    rng = np.random.default_rng(0)
    known = baseline(rows(720, rng), rng)
    labels = len(known.labels)
    truth = np.arange(len(known)) % labels
    sure = replace(
        known,
        probabilities=np.eye(labels, dtype=np.float32)[truth],
        truth=truth.astype(np.int32),
        group=(np.arange(len(known)) // (8 * labels)).astype(np.int32),
    )
    reference = calibrate(MANIFEST, sure, Budget(1.0, 1.0, 8 * labels))
    names = [channel.name for channel in reference.channels]
    assert (reference.limits[names.index("softmax")] == 1.0).all()
    bank = np.ones((len(reference.scales), len(reference.level)))
    assert np.isfinite(reference.ratios(bank)).all()
