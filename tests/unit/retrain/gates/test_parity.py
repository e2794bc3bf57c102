"""The gate "export parity": rounding is allowed, no more."""

import numpy as np

from retrain.gates.parity import parity


def test_allows_rounding_and_refuses_more() -> None:
    logits = np.random.default_rng(0).normal(size=(48, 3)) * 4
    assert parity(logits, logits + 1e-4, (1, 3, 16)).verdict == "pass"
    assert parity(logits, logits + 0.1, (1, 3, 16)).verdict == "fail"
    assert parity(logits, logits[:, ::-1], (1, 3, 16)).verdict == "fail"
    assert parity(logits, np.full_like(logits, np.nan), (1, 3, 16)).verdict == "fail"
