"""Gate: confidences mean what they say."""

from typing import Final

from contracts.events import GateResult
from retrain.gates.evidence import Judged, together
from retrain.gates.policy import Policy
from retrain.gates.verdict import Verdict
from retrain.models.calibrate import calibration_error, honest_error

FLOOR: Final = 0.05
ABOVE_CHAMPION: Final = 0.01


def calibration(new: Judged, old: Judged, seed: int, policy: Policy) -> GateResult:
    """ECE-15 at most 0.05 or the champion's + 0.01. What a perfectly calibrated model may show on so few frames is inconclusive, with `small_sets` a pass."""
    both = together(new, old)
    error = calibration_error(both.candidate, both.truth)
    champion = calibration_error(both.champion, both.truth)
    honest = honest_error(both.candidate, seed)
    limit = max(FLOOR, champion + ABOVE_CHAMPION)
    if not policy.three_valued:
        limit = max(limit, honest)
    verdict: Verdict = "pass" if error <= limit else "inconclusive" if policy.three_valued and error <= honest else "fail"
    detail = f"expected calibration error on {len(both)} sealed frames (champion {champion:.3f}; a perfect model shows up to {honest:.3f} on so few)"
    return GateResult("calibration", verdict, error, limit, detail)
