"""The gates "latency" and "memory": noise is ignored, a slower graph, a slow tail and a larger graph are found."""

import numpy as np
import pytest

from retrain.gates.cost import latency, memory
from retrain.gates.verdict import Verdict

MIB = 2**20


def test_ignores_noise_and_finds_a_slower_graph() -> None:
    random = np.random.default_rng(0)
    base = 0.008 + random.exponential(0.004, 41)
    assert latency(base, base[::-1] + 0.0001).verdict == "pass"
    assert latency(base * 0.001, base * 0.001 * 1.5).verdict == "pass"
    assert latency(base, base * 1.3).verdict == "fail"


@pytest.mark.parametrize(("slow", "verdict"), [(0, "pass"), (2, "pass"), (3, "fail")])
def test_a_few_slow_runs_are_chance_and_more_are_a_slow_tail(slow: int, verdict: Verdict) -> None:
    champion, candidate = np.full(41, 0.010), np.full(41, 0.010)
    candidate[:slow] = 0.030
    result = latency(champion, candidate)
    assert result.verdict == verdict
    assert f"{slow} of 41 runs" in result.detail


@pytest.mark.parametrize(
    ("before", "after", "verdict"), [(200, 227, "pass"), (200, 229, "fail"), (1, 9, "pass"), (1, 10, "fail"), (200, 20, "pass")]
)
def test_memory_may_grow_by_a_tenth_and_an_allowance(before: int, after: int, verdict: Verdict) -> None:
    result = memory(before * MIB, after * MIB)
    assert (result.gate, result.verdict, result.value) == ("memory", verdict, float(after))
    assert f"champion {before} MiB" in result.detail
