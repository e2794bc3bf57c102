"""Gate: more right than the champion on sealed frames of the new domain, beyond chance."""

from typing import Final

from contracts.events import GateResult
from retrain.gates.clusters import changes
from retrain.gates.evidence import Judged
from retrain.gates.policy import Policy
from retrain.gates.verdict import ALPHA, UNKNOWN, Verdict

WORTH: Final = 0.05
"""A set on which a gain of 5 points would be seen four times of five may say that there is none; a smaller one cannot tell."""
USES_MOST: Final = 5
"""Verdicts of one gate set: candidates are chosen by it, so that the sixth is no blind one any more (Dwork et al. 2015 on reused holdouts)."""


def gain(new: Judged, policy: Policy, uses: int) -> GateResult:
    """One-sided McNemar mid-p below 0.05. Without it: fail where surely worse or where a gain worth having would have been seen, else inconclusive.

    `uses` counts the verdicts that these recordings gave before; with three values a worn set passes nobody.
    """
    if not len(new):
        return GateResult("gain", "inconclusive", UNKNOWN, ALPHA, "no new frames to judge on")
    found = changes(new.champion_right, new.candidate_right, new.group if policy.by_recording else None)
    p = found.p_gain
    verdict: Verdict = "pass" if p < ALPHA else "fail"
    before, after = new.champion_right, new.candidate_right
    detail = (
        f"one-sided McNemar mid-p on {len(new)} new frames: accuracy {before.mean():.3f} to {after.mean():.3f}, "
        f"{int((after & ~before).sum())} became right and {int((before & ~after).sum())} wrong"
    )
    if verdict == "fail" and policy.three_valued and found.bounds()[1] >= 0 and found.smallest_visible() > WORTH:
        verdict = "inconclusive"
        more = f"about {found.frames_needed(WORTH):,} are needed" if found.n else "frames of more recordings are needed"
        detail += f"; of {found.recordings} recordings, worth {found.n:.0f} independent ones: {more} to see a gain of {100 * WORTH:g} points"
    if verdict == "pass" and policy.three_valued and uses >= USES_MOST:
        verdict = "inconclusive"
        detail += f"; the set has judged {uses} candidates before: label frames of new recordings"
    return GateResult("gain", verdict, p, ALPHA, detail)
