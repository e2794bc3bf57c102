"""False refusals and power of both policies, by the size of the sealed sets, the churn of answers and what the candidate loses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from benchmarks.form import Figure
from retrain.gates.paired import share_bounds
from retrain.gates.policy import POLICIES, Policy
from retrain.gates.power import GATES, Domain, Effect, World, verdicts
from retrain.gates.verdict import Verdict

PART: Final = "rates"
SEED: Final = 20_240_613
DRAWS: Final = 500
DRAWS_QUICK: Final = 60
RECORDING: Final = 10
CORRELATION: Final = 0.1
MOST: Final = 0.05
"""What a good candidate's refusal, and a bad one's pass, may come to."""


@dataclass(frozen=True, slots=True)
class Churn:
    """Shares of frames on which only one of the two models is right, whatever the candidate gains or loses: half of them are flips."""

    old: float
    new: float
    stressed: float


CHURNS: Final = {"clear labels": Churn(0.02, 0.25, 0.04), "doubtful labels": Churn(0.08, 0.35, 0.12)}
"""1 % of old frames flip in the first, 4 % in the second: what a new head on the same embedding shows on ELPV, whose labels experts doubted."""
SIZES: Final = {"160 old, 72 new": (160, 72), "800 old, 250 new": (800, 250), "3,000 old, 800 new": (3000, 800)}
GOOD: Final = "+20 new"
EFFECTS: Final = {
    GOOD: Effect(0.20, 0.0),
    "no gain": Effect(0.0, 0.0),
    "+20 new, -2 old": Effect(0.20, -0.02),
    "+20 new, -5 old": Effect(0.20, -0.05),
    "+20 new, -10 old": Effect(0.20, -0.10),
}
"""In points of accuracy. The second loses nothing but is not worth a rollout."""
SAID: Final[tuple[Verdict, ...]] = ("pass", "inconclusive", "fail")

CAVEATS: Final = (
    f"rates: frames are drawn, not photographed: {RECORDING} frames a recording whose hidden normal variable is correlated by {CORRELATION:g}, three cameras, "
    "two classes (30 % the rarer); the champion is right on 90 % of old, 60 % of new and 75 % of stressed frames",
    "rates: gates that do not judge by right and wrong (data, labels, artefact, export parity, recall, calibration, latency, "
    "drift closure, memory) are not drawn; all six that do are asked",
    "rates: the peers of a figure are the single gates' shares of the same verdict, on the same candidates",
    "rates: intervals are exact 95 % intervals of the draws (Clopper and Pearson)",
)


def figures(quick: bool) -> list[Figure]:
    """How often the gates together said what, for every policy, churn, size and effect; each gate's own share stands as a peer."""
    draws = DRAWS_QUICK if quick else DRAWS
    cells = product(POLICIES.values(), CHURNS, SIZES, EFFECTS)
    return [figure for policy, churn, size, effect in cells for figure in figures_of(policy, churn, size, effect, draws)]


def figures_of(policy: Policy, churn: str, size: str, effect: str, draws: int) -> Iterator[Figure]:
    """One cell: a figure for each verdict."""
    (old, new), changed = SIZES[size], CHURNS[churn]
    world = World(
        old=Domain(old, 0.90, changed.old),
        new=Domain(new, 0.60, changed.new),
        stressed=Domain(2 * policy.stressed, 0.75, changed.stressed),
        recording=RECORDING,
        correlation=CORRELATION,
    )
    yield from told(PART, (policy.name, churn, size, effect), verdicts(world, EFFECTS[effect], policy, draws, SEED), draws)


def told(part: str, cell: tuple[str, ...], counts: Mapping[str, Mapping[Verdict, int]], draws: int) -> Iterator[Figure]:
    """A cell's figures, one for each verdict. Its last name is that of the effect."""
    for said in SAID:
        hits, goal = counts["all"][said], _goal(cell[-1], said)
        low, high = share_bounds(hits, draws, 0.025)
        yield Figure(
            part=part,
            name="; ".join((*cell, said)),
            unit="%",
            value=100 * hits / draws,
            low=round(100 * low, 2),
            high=round(100 * high, 2),
            goal=goal,
            ok=hits <= MOST * draws if goal else None,
            peers={gate: 100 * counts[gate][said] / draws for gate in GATES},
        )


def _goal(effect: str, said: Verdict) -> str:
    """Good ones are not refused; those without a gain, and those that lose 5 points or more, do not pass. At -2 there is nothing to promise."""
    if (effect == GOOD and said == "fail") or (said == "pass" and effect in ("no gain", "+20 new, -5 old", "+20 new, -10 old")):
        return f"<= {100 * MOST:g}"
    return ""
