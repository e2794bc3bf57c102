"""The simulation of detectors draws what it says, and the gates answer about it as they must."""

import numpy as np
import pytest

from retrain.gates.box_power import INVENTED, candidates, drawn, judged_by, verdicts
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT, Policy
from retrain.gates.power import GATES, Domain, Effect, World

WORLD = World(old=Domain(100, 0.85, 0.04), new=Domain(50, 0.5, 0.25), stressed=Domain(6, 0.7, 0.06), recording=10, correlation=0.1)


def test_draws_the_shares_that_were_asked_for() -> None:
    large = drawn(Domain(4000, 0.8, 0.1), -0.05, 10, 0.2, WORLD, np.random.default_rng(0))
    objects = sum(map(len, large.truth))
    found = [sum(one.hit for frame in each for one in frame.found) / objects for each in large.matches]
    assert found == pytest.approx([0.8, 0.75], abs=0.02)
    empty = [said for true, said in zip(large.truth, large.champion, strict=True) if not true]
    assert np.mean([bool(said) for said in empty]) == pytest.approx(INVENTED + 0.02, abs=0.04)
    assert sum(box.label == "rare" for frame in large.truth for box in frame) / objects == pytest.approx(WORLD.rare, abs=0.02)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_same_seed_gives_the_same_verdicts_and_every_gate_speaks_each_time(policy: Policy) -> None:
    first, second = (verdicts(WORLD, Effect(0.2, 0.0), policy, 1, seed=3) for _ in range(2))
    assert first == second
    assert all(sum(said.values()) == 1 for said in first.values())
    new, old, stressed = next(candidates(WORLD, Effect(0.2, 0.0), 1, 3))
    assert tuple(result.gate for result in judged_by(policy, new, old, stressed, 3)) == GATES


def test_what_loses_a_seventh_of_the_old_objects_passes_nowhere() -> None:
    for policy in (STRICT, SMALL_SETS):
        assert verdicts(WORLD, Effect(0.2, -0.15), policy, 2, seed=2)["all"]["pass"] == 0
