"""Gate: more right than the champion on sealed frames of the new domain, beyond chance."""

from collections.abc import Iterable, Mapping
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
FRESH: Final = 0.3
"""Of the recordings, whose verdicts do not count: so many new ones make a worn set a fresh one."""


def uses(recordings: Iterable[str], verdicts: Mapping[str, int]) -> int:
    """How often the set has judged: as often as all of its recordings but the FRESH least used ones, at least. `verdicts` counts each one's."""
    counts = sorted(verdicts.get(name, 0) for name in set(recordings))
    return counts[int(FRESH * len(counts))] if counts else 0


def gain(new: Judged, policy: Policy, used: int) -> GateResult:
    """One-sided McNemar mid-p below 0.05. Without it: fail where surely worse or where a gain worth having would have been seen, else inconclusive.

    Without three values inconclusive only where a gain worth having was seen, and may be chance: more labels tell, a refusal would cost days.
    `used` is how often the set has judged before (see `uses`); with three values a worn set passes nobody.
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
    open_still = policy.three_valued or after.mean() - before.mean() >= WORTH
    if verdict == "fail" and open_still and found.bounds()[1] >= 0 and found.smallest_visible() > WORTH:
        verdict = "inconclusive"
        more = f"about {found.frames_needed(WORTH):,} are needed" if found.n else "frames of more recordings are needed"
        worth = f"of {found.recordings} recordings, worth {found.n:.0f} independent ones: " if policy.by_recording else ""
        detail += f"; {worth}{more} to see a gain of {100 * WORTH:g} points"
    if verdict == "pass" and policy.three_valued and used >= USES_MOST:
        verdict = "inconclusive"
        detail += f"; the set has judged {used} candidates before: label frames of new recordings, {FRESH:.0%} of it must be fresh"
    return GateResult("gain", verdict, p, ALPHA, detail)
