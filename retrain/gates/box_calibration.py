"""Gate of a detector: of the boxes that it gives a score of 0.8, eight in ten are there."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from contracts.quality_detection import Matches
from retrain.gates.box_evidence import JudgedBoxes, together
from retrain.gates.calibration import ABOVE_CHAMPION, FLOOR
from retrain.gates.policy import Policy
from retrain.gates.verdict import UNKNOWN, Verdict

_BINS: Final = 15
_DRAWS: Final = 400
_QUANTILE: Final = 0.99
Doubles = NDArray[np.float64]


def calibration(new: JudgedBoxes, old: JudgedBoxes, seed: int, policy: Policy) -> GateResult:
    """The expected calibration error of the scores of all boxes said (Kueppers et al. 2020, by score alone) at most 0.05 or the champion's + 0.01.

    What perfectly calibrated scores may show on so few boxes is inconclusive, with `small_sets` a pass.
    """
    champion, candidate = (_scores(each) for each in together(new, old).matches)
    if not len(candidate[0]):
        return GateResult("calibration", "inconclusive", UNKNOWN, FLOOR, "the candidate finds no box on any sealed frame")
    error, before = _error(*candidate), _error(*champion) if len(champion[0]) else 0.0
    honest = _honest(candidate[0], seed)
    limit = max(FLOOR, before + ABOVE_CHAMPION)
    if not policy.three_valued:
        limit = max(limit, honest)
    verdict: Verdict = "pass" if error <= limit else "inconclusive" if policy.three_valued and error <= honest else "fail"
    detail = f"expected calibration error of the scores of {len(candidate[0])} boxes (champion {before:.3f}; perfect scores show up to {honest:.3f} on so few)"
    return GateResult("calibration", verdict, error, limit, detail)


def _scores(matches: Sequence[Matches]) -> tuple[Doubles, Doubles]:
    """Score and hit, 0 or 1, of every box said."""
    found = [(one.score, float(one.hit)) for frame in matches for one in frame.found]
    table = np.array(found, np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _error(score: Doubles, hit: Doubles) -> float:
    place = np.minimum((score * _BINS).astype(np.int64), _BINS - 1)
    return float(np.abs(np.bincount(place, weights=score - hit, minlength=_BINS)).sum() / len(score))


def _honest(score: Doubles, seed: int) -> float:
    """The error that scores which mean what they say show on so few boxes (Vaicenavicius et al. 2019)."""
    random = np.random.default_rng(seed)
    return float(
        np.quantile([_error(score, (random.random(len(score)) < score).astype(np.float64)) for _ in range(_DRAWS)], _QUANTILE)
    )
