"""Which techniques a retraining tries. A rule says which two are likely to do best; the bake-off (bakeoff.py) finds out.

head only       a new linear head on the champion's embedding, fitted to new and old frames
LP-FT           that head first, then the whole network at a low rate (Kumar et al. 2022: linear probing, then fine-tuning, distorts features less)
full            the whole network from the champion's weights, lower rates towards the input (Howard and Ruder 2018)
from scratch    the same network from random weights, on all that is known
"""

from collections.abc import Mapping, Sequence
from typing import Final

from contracts.incidents import Cause
from retrain.request import TECHNIQUES, Technique

FEW: Final = 1_000
"""Labels: with fewer, weights that were learned elsewhere are better than what they can teach, where the champion's embedding still fits."""
MANY: Final = 10_000
NEAR: Final = 0.03
FAR: Final = 0.15
"""Of balanced accuracy: a linear probe that is no more than NEAR worse on old frames than the champion's benchmark says its embedding suits them; one
that is more than FAR worse on new frames says that they show what it was never taught to tell apart."""
TIE: Final = 0.01
"""Scores that differ by less are as good as each other: the cheaper technique is taken."""
ERRORS: Final = 2.0
"""And so are those that as many standard errors of the best one part: one by the one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, one
because a network's best epoch was picked by the very frames that it is compared on (Cawley and Talbot 2010), and the head alone by none of them. With one,
`full` was taken for solar cells and for a new garment, refused by the gates, and 20 points behind the head on frames that nothing had seen."""
_OUTPUT_SHIFT: Final = frozenset[Cause]({"new_class", "concept_drift"})


def near(probe_old: float, champion: float) -> bool:
    """Whether a linear probe suits the old frames: balanced accuracies of the probe, out of fold, and of the champion's benchmark."""
    return probe_old >= champion - NEAR


def far(probe_new: float, champion: float) -> bool:
    """Whether a linear probe fails on the new frames."""
    return probe_new < champion - FAR


def prior(labels: int, is_near: bool, cause: Cause | None, is_far: bool) -> tuple[Technique, Technique]:
    """First choice and runner-up for `labels` new labelled frames."""
    if cause in _OUTPUT_SHIFT:
        return "lp_ft", "full"
    if labels >= MANY or is_far:
        return "full", "scratch"
    if labels < FEW and is_near:
        return "head_only", "lp_ft"
    return "full", "lp_ft"


def in_turn(wanted: Sequence[Technique]) -> tuple[Technique, ...]:
    """What is tried, each once: the head alone first, always, because it takes seconds and the others begin from it or are compared with it."""
    return tuple(dict.fromkeys(("head_only", *wanted)))


def best(scores: Mapping[Technique, tuple[float, float]]) -> Technique:
    """The cheapest technique that is as good as the best: scores with their standard errors, see TIE and ERRORS. Raises ValueError for none."""
    top, error = max(scores.values())
    return min((name for name, (score, _) in scores.items() if score >= top - max(TIE, ERRORS * error)), key=TECHNIQUES.index)
