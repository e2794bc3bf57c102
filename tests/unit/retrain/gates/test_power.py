"""The simulation draws what it says, and the gates answer about it as they must."""

from dataclasses import replace

import numpy as np
import pytest

from retrain.gates.clusters import effective_size
from retrain.gates.policy import POLICIES, STRICT, Policy
from retrain.gates.power import GATES, Domain, Effect, World, candidates, drawn, judged_by, verdicts

WORLD = World(old=Domain(300, 0.9, 0.04), new=Domain(100, 0.6, 0.3), stressed=Domain(24, 0.75, 0.06), recording=10, correlation=0.1)


def test_draws_the_accuracies_and_the_loss_that_were_asked_for() -> None:
    large = drawn(Domain(200_000, 0.9, 0.08), -0.05, 10, 0.2, WORLD, np.random.default_rng(0))
    champion, candidate = large.champion_right, large.candidate_right
    assert champion.mean() == pytest.approx(0.9, abs=0.005)
    assert (candidate & ~champion).mean() == pytest.approx(0.015, abs=0.003)
    assert (champion & ~candidate).mean() == pytest.approx(0.065, abs=0.004)
    assert large.truth.mean() == pytest.approx(WORLD.rare, abs=0.01)
    assert len(set(large.group)) == 20_000


def test_frames_of_a_recording_are_worth_less_only_where_they_are_correlated() -> None:
    worth = []
    for correlation in (0.0, 0.5):
        frames = drawn(Domain(20_000, 0.9, 0.2), 0.0, 10, correlation, WORLD, np.random.default_rng(1))
        worth.append(effective_size(frames.candidate_right.astype(np.float64) - frames.champion_right, frames.group))
    assert worth[0] > 18_000
    assert worth[1] < 12_000


def test_an_impossible_world_is_refused() -> None:
    with pytest.raises(ValueError, match=r"accuracy 0\.99 cannot change by \+0\.05"):
        drawn(Domain(10, 0.99, 0.05), 0.05, 10, 0.0, WORLD, np.random.default_rng(0))


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_same_seed_gives_the_same_verdicts_and_every_gate_speaks_each_time(policy: Policy) -> None:
    first, second = (verdicts(WORLD, Effect(0.2, 0.0), policy, 8, seed=3) for _ in range(2))
    assert first == second
    assert set(first) == {"all", *GATES}
    assert all(sum(said.values()) == 8 for said in first.values())
    new, old, stressed = next(candidates(WORLD, Effect(0.2, 0.0), 1, 3))
    assert tuple(result.gate for result in judged_by(policy, new, old, stressed)) == GATES


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_good_ones_are_not_refused_and_bad_ones_not_passed(policy: Policy) -> None:
    assert verdicts(WORLD, Effect(0.2, 0.0), policy, 60, seed=1)["all"]["fail"] <= 4
    for effect in (Effect(0.2, -0.1), Effect(-0.1, 0.0)):
        assert verdicts(WORLD, effect, policy, 60, seed=2)["all"]["pass"] == 0


def test_with_more_frames_strict_passes_the_good_and_refuses_the_worse() -> None:
    large = replace(WORLD, old=Domain(4000, 0.9, 0.02), new=Domain(800, 0.6, 0.3))
    good = verdicts(large, Effect(0.2, 0.0), STRICT, 12, seed=4)
    assert all(good[gate]["pass"] == 12 for gate in ("gain", "overall", "forgetting", "negative flips"))
    assert verdicts(large, Effect(0.2, -0.05), STRICT, 12, seed=4)["all"]["fail"] == 12
