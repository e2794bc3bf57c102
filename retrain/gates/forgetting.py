"""Gate: what the champion knew is still known, on its own sealed frames, as a whole and class by class."""

from typing import Final

from contracts.events import GateResult
from retrain.gates.clusters import changes
from retrain.gates.evidence import Judged
from retrain.gates.paired import Z_95_ONE_SIDED, holm
from retrain.gates.policy import Policy
from retrain.gates.recall import balanced_accuracy
from retrain.gates.verdict import ALPHA, UNKNOWN, Verdict, decide, wanted, within

MARGIN: Final = 0.01
MIN_FRAMES: Final = 50


def forgetting(old: Judged, labels: tuple[str, ...], policy: Policy) -> GateResult:
    """Accuracy on old frames falls by less than 1 point and each class's recall by less than the policy's margin, each shown at one-sided 5 %.

    Passing takes every one of them, and is no likelier for that (Berger 1982); failing takes one, and Holm keeps the chance of it together. With an
    allowance instead (`small_sets`): the fall is at most 1 point, or so many standard errors.
    """
    if len(old) < MIN_FRAMES:
        detail = f"the champion has {len(old)} sealed frames of its own to judge on, {MIN_FRAMES} are needed: import it with labelled references"
        return GateResult("forgetting", "inconclusive", UNKNOWN, -MARGIN, detail)
    found = changes(old.champion_right, old.candidate_right, old.group if policy.by_recording else None)
    low, high = found.bounds()
    error = (high - low) / (2.0 * Z_95_ONE_SIDED)
    before, _ = balanced_accuracy(old.champion.argmax(axis=1), old.truth)
    after, _ = balanced_accuracy(old.candidate.argmax(axis=1), old.truth)
    detail = f"on {len(old)} old frames accuracy moves by {found.difference:+.3f} (standard error {error:.3f}) and balanced accuracy by {after - before:+.3f}"
    if not policy.three_valued:
        limit = -min(policy.allowed_most, max(MARGIN, policy.allowed_errors * error))
        return GateResult("forgetting", "pass" if found.difference >= limit else "fail", found.difference, limit, detail)
    whole = within(found, MARGIN)
    detail += f", 95 % lower bound {low:+.3f}" + (f"; {wanted(found, MARGIN)}" if whole == "inconclusive" else "")
    classes, said = _by_class(old, labels, policy)
    return GateResult("forgetting", decide([whole, classes]), low, -MARGIN, detail + said)


def _by_class(old: Judged, labels: tuple[str, ...], policy: Policy) -> tuple[Verdict, str]:
    """The verdict on the recall of each class that occurs, and what there is to say of it."""
    margin = policy.class_margin
    if margin is None:
        return "pass", ""
    named = {}
    for k, label in enumerate(labels):
        part = old.where(old.truth == k)
        if len(part):
            named[label] = changes(part.champion_right, part.candidate_right, part.group if policy.by_recording else None)
    lost = [name for name, sure in zip(named, holm([one.p_beyond(margin) for one in named.values()], ALPHA), strict=True) if sure]
    if lost:
        return "fail", f"; recall fell by more than {100 * margin:g} points: {', '.join(lost)}"
    open_ones = [f"recall of {name}: {wanted(one, margin)}" for name, one in named.items() if one.p_within(margin) >= ALPHA]
    return ("inconclusive", "; " + "; ".join(open_ones)) if open_ones else ("pass", "")
