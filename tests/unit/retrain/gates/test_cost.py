"""The gate "latency": noise is ignored, a slower graph is found."""

import numpy as np

from retrain.gates.cost import latency


def test_ignores_noise_and_finds_a_slower_graph() -> None:
    random = np.random.default_rng(0)
    base = 0.008 + random.exponential(0.004, 41)
    assert latency(base, base[::-1] + 0.0001).verdict == "pass"
    assert latency(base * 0.001, base * 0.001 * 1.5).verdict == "pass"
    assert latency(base, base * 1.3).verdict == "fail"
