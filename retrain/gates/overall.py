"""Gate: over old and new frames together the candidate is not worse than the champion."""

from typing import Final

from contracts.events import GateResult
from retrain.gates.clusters import changes
from retrain.gates.evidence import Judged, together
from retrain.gates.policy import Policy
from retrain.gates.verdict import wanted, within

MARGIN: Final = 0.01


def overall(new: Judged, old: Judged, policy: Policy) -> GateResult:
    """Lower 95 % bound of the paired difference above -1 point. With `small_sets` everything else is a fail."""
    both = together(new, old)
    found = changes(both.champion_right, both.candidate_right, both.group if policy.by_recording else None)
    low, _ = found.bounds()
    verdict = within(found, MARGIN)
    detail = f"accuracy moves by {found.difference:+.3f} over {len(both)} sealed frames, old and new; 95 % lower bound {low:+.3f}"
    if verdict == "inconclusive":
        verdict = "inconclusive" if policy.three_valued else "fail"
        detail += f"; {wanted(found, MARGIN)}" if policy.three_valued else ""
    return GateResult("overall", verdict, low, -MARGIN, detail)
