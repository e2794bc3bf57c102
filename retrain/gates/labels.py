"""Gate: the new labels can be trusted. Labels that are wrong at random contradict heads where they are sure, labels that are hard where they are not.

What separates the two is where the errors lie: heads that never learned from a frame err near their boundary, on the frames they are least sure of,
however hard the domain. A wrong label is as likely to lie anywhere (the accuracy of the surest predictions tells the noise of the labels: after
Northcutt, Jiang and Chuang 2021, who count only confident contradictions, and the risk-coverage curve of El-Yaniv and Wiener 2010).
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from contracts.quality import wilson
from retrain.data.box_suspects import Doubted
from retrain.data.redefined import Redefined
from retrain.gates.paired import Z_95_ONE_SIDED
from retrain.gates.verdict import LABELS, UNKNOWN

SUREST: Final = 1 / 3
"""Of the frames: where even a domain of which three frames of four are predicted right has few errors."""
MARGIN: Final = 0.08
"""Measured on digits and ELPV (docs/gates.md): no deal of clean labels exceeds it surely, every one with a fifth of the labels flipped does."""
BOX_MARGIN: Final = 0.02
"""Of frames of a detector: what it is sure of is seldom contradicted, in 3 of 117 new and 4 of 120 old frames of composed pictures with clean labels."""
LEAST: Final = 50
"""Frames of each side."""


def trusted(new: tuple[NDArray[np.int64], NDArray[np.float64]], old: tuple[NDArray[np.int64], NDArray[np.float64]]) -> GateResult:
    """Inconclusive where the surest predictions contradict surely MARGIN more of the new labels than of the old ones, which the champion was made with.

    Each side is the labels [N] with the probabilities [N, K] of heads that never learned from the frame. The difference of the two shares has
    Newcombe's bound (1998, method 10) at one-sided 95 %. Nothing fails by this gate: what is wrong are labels, and a person can mend them.
    """
    if min(len(new[0]), len(old[0])) < LEAST:
        detail = f"{len(new[0])} new and {len(old[0])} old labels, {LEAST} of each are needed to tell whether the new ones can be trusted"
        return GateResult(LABELS, "inconclusive", UNKNOWN, MARGIN, detail)
    return compared(contradicted(*new), contradicted(*old), "predictions that are surest", MARGIN)


def trusted_boxes(new: Doubted, old: Doubted) -> GateResult:
    """The same of a detector's labels, frame by frame: of those in which it is sure of something, how many have a label that this contradicts."""
    seen = [[doubt is not None for doubt, sure in zip(side.doubts, side.sure, strict=True) if sure] for side in (new, old)]
    if min(map(len, seen)) < LEAST:
        detail = (
            f"the detector is sure of something in {len(seen[0])} new and {len(seen[1])} old frames that it did not learn from, {LEAST} of each are needed to"
            " tell whether the new labels can be trusted"
        )
        return GateResult(LABELS, "inconclusive", UNKNOWN, BOX_MARGIN, detail)
    here, there = ((sum(side), len(side)) for side in seen)
    return compared(here, there, "frames in which the detector is sure of something", BOX_MARGIN)


def compared(new: tuple[int, int], old: tuple[int, int], what: str, margin: float) -> GateResult:
    """The gate's result by how many labels are contradicted of how many of `what`, among new and among old ones: not surely `margin` more."""
    (wrong, n), (usual, m) = new, old
    here, there = (wilson(hits, count, Z_95_ONE_SIDED) for hits, count in (new, old))
    more = here.value - there.value
    low = more - sqrt((here.value - here.low) ** 2 + (there.high - there.value) ** 2)
    detail = f"of the {what} {wrong} of {n} contradict the new label and {usual} of {m} the old one: {more:+.3f}, 95 % lower bound {low:+.3f}"
    if low > margin:
        doubt = f"about {more:.0%} of the new labels may be wrong"
        detail += f"; {doubt}: look at the suspects again (keepsight labels review), and the job goes on"
        return GateResult(LABELS, "inconclusive", low, margin, detail)
    return GateResult(LABELS, "pass", low, margin, detail)


def meant(result: GateResult, moved: Sequence[Redefined], allowed: str) -> GateResult:
    """`trusted`'s result, which passes no classes that mean something else by now unless a person `allowed` it: people may have taken one for another.

    That too few labels are left to tell is then no more than what follows of it.
    """
    if not moved or allowed or result.value > result.limit:
        return result
    surest = max(moved, key=lambda one: one.renamed / one.of)
    detail = (
        f"{'; '.join(map(str, moved))}: old frames of {'these classes' if len(moved) > 1 else 'this class'} are left out. Correct the labels if they are"
        " wrong; if the classes mean something else by now, approve the version, or let the job go on with keepsight jobs override"
    )
    return GateResult(LABELS, "inconclusive", surest.renamed / surest.of, 0.5, detail)


def contradicted(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> tuple[int, int]:
    """How many of the SUREST predictions name another class than the label, and how many there are. Sure is the lead over the second class."""
    ranked = np.sort(probabilities, axis=1)
    surest = np.argsort(ranked[:, -2] - ranked[:, -1], kind="stable")[: max(1, round(SUREST * len(truth)))]
    return int((probabilities[surest].argmax(axis=1) != truth[surest]).sum()), len(surest)
