"""The gates of a detector, by the same questions and policies as a classifier's: average precision in place of accuracy, a frame's loss in place of right
and wrong. What is judged is the boxes as they would be sent, at IoU 0.5; whole recordings are drawn again, because neighbouring frames show the same objects.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from contracts.events import GateResult
from contracts.predictions import Box
from contracts.quality_detection import DetectionQuality
from retrain.gates import flips as flipping
from retrain.gates.box_evidence import JudgedBoxes, Moved, class_precision_moved, loss_moved, precision_moved, together
from retrain.gates.gain import USES_MOST
from retrain.gates.paired import Z_95_ONE_SIDED, Z_POWER_80, holm, rounded_up
from retrain.gates.policy import Policy
from retrain.gates.recall import SHARE
from retrain.gates.verdict import ALPHA, UNKNOWN, Verdict, decide

MARGIN: Final = 0.01
"""Average precision, or mean loss of a frame, that may be lost: as of accuracy, a point."""
WORTH: Final = 0.05
"""A gain of average precision that a set must be able to see before it may say that there is none."""
MIN_FRAMES: Final = 50
MIN_BOXES: Final = 50
"""Of a class or a size, for a figure of its own."""
FLIPPED: Final = 0.5
"""A frame flips where its loss (1 - F1) rises by more: of two objects that were found one is lost, or one is invented beside each."""
SIZES: Final = ("small", "middling", "large")


def gain(new: JudgedBoxes, policy: Policy, uses: int, seed: int) -> GateResult:
    """Average precision on new frames rises, at one-sided 5 %. Else fail where it surely falls or where a rise worth having would have been seen.

    Without three values inconclusive only where a rise worth having was seen, and may be chance, as of a classifier (see gain.py).
    `uses` counts the verdicts that these recordings gave before; with three values a worn set passes nobody.
    """
    if not _boxes(new):
        return GateResult("gain", "inconclusive", UNKNOWN, ALPHA, f"{len(new)} new frames without a true box: nothing to judge on")
    found = precision_moved(_units(new, policy), seed)
    p = found.p_below(0.0)
    verdict: Verdict = "pass" if p < ALPHA else "fail"
    detail = f"average precision at IoU 0.5 on {_told(new)}: {found.before:.3f} to {found.after:.3f}, p {p:.3f} over recordings drawn again"
    open_still = policy.three_valued or found.difference >= WORTH
    if verdict == "fail" and open_still and found.bounds()[1] >= 0 and _reach(found) > WORTH:
        verdict = "inconclusive"
        detail += f"; {_wanted(found, WORTH, 'a gain')}"
    if verdict == "pass" and policy.three_valued and uses >= USES_MOST:
        verdict = "inconclusive"
        detail += f"; the set has judged {uses} candidates before: label frames of new recordings"
    return GateResult("gain", verdict, p, ALPHA, detail)


def recall(new: JudgedBoxes, labels: Sequence[str], benchmark: DetectionQuality | None, policy: Policy, seed: int) -> GateResult:
    """On new frames each class with MIN_BOXES of them, and all together, may reach SHARE of the benchmark's average precision: where even the upper 95 % bound
    does not, the candidate does not find what it should, however much better than a champion that is lost there. That is what wrong labels come to."""
    if benchmark is None or not _boxes(new):
        lacks = "the champion has no benchmark" if benchmark is None else f"{len(new)} new frames without a true box"
        return GateResult(
            "recall", "inconclusive" if policy.three_valued else "pass", UNKNOWN, UNKNOWN, f"{lacks}: nothing to compare with"
        )
    units = replace(_units(new, policy), champion=((),) * len(new))  # what is left is the candidate's own
    every = {"all classes": (precision_moved(units, seed), benchmark.map50.value)}
    for label in labels:
        if label in benchmark.per_class and _boxes(new, label) >= MIN_BOXES:
            every[label] = (class_precision_moved(units, label, seed), benchmark.per_class[label].value)
    missed = [name for name, (found, usual) in every.items() if not found.after or found.bounds()[1] < SHARE * usual]
    found, usual = every["all classes"]
    detail = (
        f"average precision at IoU 0.5 on {_told(new)} is {found.after:.3f}, upper 95 % bound {found.bounds()[1]:.3f}; half of the benchmark's {usual:.3f} "
        "is asked for"
    )
    detail += f"; not reached: {', '.join(missed)}" if missed else ""
    return GateResult("recall", "fail" if missed else "pass", found.after, SHARE * usual, detail)


def overall(new: JudgedBoxes, old: JudgedBoxes, policy: Policy, seed: int) -> GateResult:
    """Lower 95 % bound of the mean fall of a frame's loss above -1 point, over both domains. With `small_sets` everything else is a fail."""
    both = together(new, old)
    if not len(both):
        return GateResult("overall", "inconclusive", UNKNOWN, -MARGIN, "no sealed frames to judge on")
    found = _fall(loss_moved(_units(both, policy), seed))
    low, _ = found.bounds()
    verdict = _within(found, MARGIN)
    detail = f"the loss of a frame (1 - F1) moves by {-found.difference:+.3f} over {_told(both)}, old and new; 95 % lower bound of what is won {low:+.3f}"
    if verdict == "inconclusive":
        verdict = "inconclusive" if policy.three_valued else "fail"
        detail += f"; {_wanted(found, MARGIN, 'a loss')}" if policy.three_valued else ""
    return GateResult("overall", verdict, _number(low), -MARGIN, detail)


def forgetting(old: JudgedBoxes, labels: Sequence[str], policy: Policy, seed: int) -> GateResult:
    """On old frames average precision falls by less than 1 point and each class's by less than the policy's margin, each shown at one-sided 5 %.

    With an allowance instead (`small_sets`): the fall is at most 1 point, or so many standard errors; a class may not lose more than the slices allow.
    """
    if len(old) < MIN_FRAMES or not _boxes(old):
        detail = f"the champion has {_told(old)} of its own to judge on, {MIN_FRAMES} frames are needed: import it with labelled references"
        return GateResult("forgetting", "inconclusive", UNKNOWN, -MARGIN, detail)
    units = _units(old, policy)
    found = precision_moved(units, seed)
    low, _ = found.bounds()
    detail = f"average precision at IoU 0.5 on {_told(old)} moves by {found.difference:+.3f} (standard error {found.error:.3f})"
    each = {label: class_precision_moved(units, label, seed) for label in labels if _boxes(old, label) >= MIN_BOXES}
    if not policy.three_valued:
        limit = -min(policy.allowed_most, max(MARGIN, policy.allowed_errors * found.error))
        gone = [name for name, one in each.items() if one.difference < -policy.slice_drop]
        detail += f"; lost: {', '.join(gone)}" if gone else ""
        verdict: Verdict = "pass" if found.difference >= limit and not gone else "fail"
        return GateResult("forgetting", verdict, found.difference, limit, detail)
    whole = _within(found, MARGIN)
    detail += f", 95 % lower bound {low:+.3f}" + (f"; {_wanted(found, MARGIN, 'a loss')}" if whole == "inconclusive" else "")
    classes, said = _by_class(each, policy)
    return GateResult("forgetting", decide([whole, classes]), _number(low), -MARGIN, detail + said)


def flips(old: JudgedBoxes, policy: Policy) -> GateResult:
    """Share of old frames whose loss rises by more than FLIPPED, at most the policy's."""
    before, after = old.losses
    return flipping.few(after - before > FLIPPED, old.group, policy, f"lost more than {FLIPPED:g} of their F1")


def slices(new: JudgedBoxes, old: JudgedBoxes, labels: Sequence[str], policy: Policy, seed: int) -> GateResult:
    """No class, size, camera, light, viewpoint or occlusion of MIN_FRAMES frames has a higher loss: Holm over one-sided tests, none beyond the policy's drop.

    Where verdicts have three values, a rise beyond it that may be chance is inconclusive, and so is having no slice to look at.
    """
    named = _named(new, old, labels)
    if not named:
        detail = f"no class, size, camera, light, viewpoint or occlusion has {MIN_FRAMES} sealed frames: nothing to compare"
        return GateResult("slices", "inconclusive" if policy.three_valued else "pass", UNKNOWN, policy.slice_drop, detail)
    found = {name: loss_moved(_units(judged, policy), seed) for name, judged in named.items()}
    sure = dict(zip(found, holm([one.p_below(0.0) for one in found.values()], policy.slice_alpha), strict=True))
    deep = [name for name, one in found.items() if one.difference > policy.slice_drop and not sure[name]]
    lost = [name for name in found if sure[name]] + ([] if policy.three_valued else deep)
    verdict: Verdict = "fail" if lost else "inconclusive" if deep else "pass"
    worst = max(found, key=lambda name: found[name].difference)
    detail = f"{len(named)} slices; the worst is {worst}, the loss of a frame {found[worst].difference:+.3f} (p {found[worst].p_below(0.0):.3f})"
    if lost:
        detail += f"; lost: {', '.join(lost)}"
    elif deep:
        detail += "; perhaps lost: " + ", ".join(
            f"{name} ({found[name].frames} frames of {found[name].recordings} recordings)" for name in deep
        )
    return GateResult("slices", verdict, found[worst].difference, policy.slice_drop, detail)


def _named(new: JudgedBoxes, old: JudgedBoxes, labels: Sequence[str]) -> dict[str, JudgedBoxes]:
    """The slices that are large enough, by name, in an order that does not depend on the frames' own."""
    parts = {f"old {label}": old.of(lambda box, label=label: box.label == label) for label in labels}  # type: ignore[misc]
    areas = [_area(box) for boxes in old.truth for box in boxes]
    if areas:
        ends = np.quantile(areas, (1 / 3, 2 / 3))
        for k, size in enumerate(SIZES):
            parts[f"old {size} objects"] = old.of(lambda box, k=k: int(np.searchsorted(ends, _area(box))) == k)  # type: ignore[misc]
    for title, judged in (("old", old), ("new", new)):
        for column in (judged.camera, judged.light, judged.viewpoint, judged.occlusion):
            values = np.asarray(column, dtype=np.str_)
            parts |= {f"{title} {value}": judged.where(values == value) for value in sorted(set(column) - {""})}
        if judged.hidden:
            parts[f"{title} objects cut off or overlapped"] = judged.partly_hidden()
    return {name: part for name, part in parts.items() if len(part) >= MIN_FRAMES}


def _by_class(each: dict[str, Moved], policy: Policy) -> tuple[Verdict, str]:
    """The verdict on each class of which there are enough boxes, and what there is to say of it."""
    margin = policy.class_margin
    if margin is None:
        return "pass", ""
    lost = [name for name, sure in zip(each, holm([one.p_above(-margin) for one in each.values()], ALPHA), strict=True) if sure]
    if lost:
        return "fail", f"; average precision fell by more than {100 * margin:g} points: {', '.join(lost)}"
    unsure = [f"of {name}, {_wanted(one, margin, 'a loss')}" for name, one in each.items() if one.p_below(-margin) >= ALPHA]
    return ("inconclusive", "; " + "; ".join(unsure)) if unsure else ("pass", "")


def _within(found: Moved, margin: float) -> Verdict:
    """Non-inferiority in three values, each shown at one-sided 5 %."""
    if found.p_below(-margin) < ALPHA:
        return "pass"
    return "fail" if found.p_above(-margin) < ALPHA else "inconclusive"


def _fall(found: Moved) -> Moved:
    """A loss turned round, so that more is better."""
    return Moved(-found.before, -found.after, found.error, found.frames, found.recordings)


def _units(judged: JudgedBoxes, policy: Policy) -> JudgedBoxes:
    """What is drawn again together: recordings, or each frame for itself."""
    if policy.by_recording:
        return judged
    alone = tuple(map(str, range(len(judged))))
    return replace(judged, group=alone)


def _reach(found: Moved) -> float:
    """The least difference that would be seen four times of five."""
    return (Z_95_ONE_SIDED + Z_POWER_80) * found.error


def _wanted(found: Moved, margin: float, what: str) -> str:
    """How many recordings like these would tell."""
    there = f"{found.frames} frames of {found.recordings} recordings cannot tell {what} of {100 * margin:g} point{'s' if margin != 0.01 else ''}"
    if found.recordings < 2 or not np.isfinite(found.error):
        return f"{there}: frames of more recordings are needed"
    needed = found.recordings * (_reach(found) / margin) ** 2
    return (
        f"{there}; about {rounded_up(needed):,} recordings would" if needed > found.recordings else f"{there}: it is too near that"
    )


def _boxes(judged: JudgedBoxes, label: str | None = None) -> int:
    return sum(label in (None, box.label) for boxes in judged.truth for box in boxes)


def _told(judged: JudgedBoxes) -> str:
    return f"{len(judged)} frames with {_boxes(judged)} objects"


def _area(box: Box) -> float:
    return (box.x2 - box.x1) * (box.y2 - box.y1)


def _number(value: float) -> float:
    """JSON knows no infinity: the bound of a single recording."""
    return value if np.isfinite(value) else UNKNOWN
