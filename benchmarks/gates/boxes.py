"""The same of a detector's gates: false refusals and power of both policies, by the size of the sealed sets and by what the candidate loses."""

from itertools import product
from typing import Final

from benchmarks.form import Figure
from benchmarks.gates import rates
from benchmarks.gates.rates import CORRELATION, RECORDING, SEED, told
from retrain.gates.box_power import INVENTED, MOST_OBJECTS, verdicts
from retrain.gates.policy import POLICIES
from retrain.gates.power import Domain, World

PART: Final = "boxes"
DRAWS: Final = dict(zip(list(rates.SIZES)[:2], (20, 8), strict=True))
"""By size. A candidate costs 0.3 CPU seconds on the small sets and 1.1 on the others: each figure is of a thousand sets of recordings drawn again."""
DRAWS_QUICK: Final = 3
EFFECTS: Final = {name: effect for name, effect in rates.EFFECTS.items() if name != "+20 new, -2 old"}
"""In points of the objects that are found."""
OLD, NEW, STRESSED = (0.85, 0.04), (0.50, 0.25), (0.70, 0.06)
"""Share of objects that the champion finds, and the least share of which only one of the two does."""

CAVEATS: Final = (
    f"boxes: frames are drawn, not photographed: {RECORDING} frames a recording with 0 to {MOST_OBJECTS} objects each, whether they are found is correlated by "
    f"{CORRELATION:g} within it; two classes (30 % the rarer), three cameras; the champion finds {OLD[0]:.0%} of old objects, {NEW[0]:.0%} of new and "
    f"{STRESSED[0]:.0%} of stressed ones; both detectors invent one in {INVENTED:.0%} of frames, and 2 % each on their own",
    f"boxes: {' and '.join(map(str, DRAWS.values()))} candidates a cell only: none of them is at most 17 and 37 % of all",
)


def figures(quick: bool) -> list[Figure]:
    """How often the gates together said what, for every policy, size and effect; each gate's own share stands as a peer."""
    found: list[Figure] = []
    for policy, size, effect in product(POLICIES.values(), DRAWS, EFFECTS):
        old, new = rates.SIZES[size]
        draws = DRAWS_QUICK if quick else DRAWS[size]
        world = World(Domain(old, *OLD), Domain(new, *NEW), Domain(2 * policy.stressed, *STRESSED), RECORDING, CORRELATION)
        counts = verdicts(world, EFFECTS[effect], policy, draws, SEED)
        found += told(PART, (policy.name, "boxes", size, effect), counts, draws)
    return found
