"""Gate: few old frames that were right become wrong. Users notice these more than the average (Yan et al. 2021, positive-congruent training)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from retrain.gates.clusters import effective_size
from retrain.gates.evidence import Judged
from retrain.gates.paired import Z_95_ONE_SIDED, Z_POWER_80, rounded_up, share_bounds
from retrain.gates.policy import Policy
from retrain.gates.verdict import UNKNOWN, Verdict


def flips(old: Judged, policy: Policy) -> GateResult:
    """Share of flipped frames at most the policy's, by its upper 95 % bound; fail by its lower one. With `small_sets` by the share itself."""
    return few(old.champion_right & ~old.candidate_right, old.group, policy, "were right and became wrong")


def few(flipped: NDArray[np.bool_], group: Sequence[str], policy: Policy, what: str) -> GateResult:
    """The verdict on which old frames [N] `flipped`; `group` [N] names their recordings, `what` says of them in a sentence what became of them."""
    limit, count = policy.flips, len(flipped)
    if not count:
        return GateResult(
            "negative flips", "inconclusive", UNKNOWN, limit, "the champion has no labelled frames of its own to judge on"
        )
    share = float(flipped.mean())
    detail = f"{int(flipped.sum())} of {count} old frames {what}"
    if not policy.three_valued:
        return GateResult("negative flips", "pass" if share <= limit else "fail", share, limit, detail)
    worth = effective_size(flipped.astype(np.float64), group)
    low, high = share_bounds(share * worth, worth)
    verdict: Verdict = "pass" if high <= limit else "fail" if low > limit else "inconclusive"
    detail += f"; 95 % bounds {low:.3f} and {high:.3f}"
    if verdict == "inconclusive":
        detail += f"; {count} frames of {len(set(group))} recordings are worth {worth:.0f} independent ones"
        if worth:
            half = limit / 2.0  # of a candidate that flips half as many as it may
            needed = (Z_95_ONE_SIDED + Z_POWER_80) ** 2 * half * (1.0 - half) / (limit - half) ** 2 * count / worth
            detail += f", about {rounded_up(needed):,} are needed to tell {half:.1%} from {limit:.1%}"
    return GateResult("negative flips", verdict, share, limit, detail)
