"""Gate of a detector: bears what cameras do to frames no worse than the champion."""

from collections.abc import Sequence

import numpy as np

from contracts.events import GateResult
from contracts.quality_detection import mean_average_precision
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.paired import Z_99_ONE_SIDED
from retrain.gates.policy import Policy
from retrain.gates.stress import LIMIT
from retrain.gates.verdict import UNKNOWN, Verdict


def stress(judged: JudgedBoxes, corruption: Sequence[str], policy: Policy) -> GateResult:
    """Mean over corruptions of candidate error over champion error at most LIMIT (Hendrycks and Dietterich 2019), the error being 1 - average precision.

    `corruption` names each judged frame's; the variants of one image stand together, each image under all of them in the same order. Fails only when the
    loss of frames, image by image, rises beyond chance as well (one-sided 99 %); else inconclusive, with `small_sets` a pass.
    """
    names = np.array(corruption)
    kinds = list(dict.fromkeys(corruption))
    if len(judged) < 2 * len(kinds) or not any(judged.truth):
        return GateResult("stress", "inconclusive", UNKNOWN, LIMIT, f"{len(judged)} corrupted frames: too few to judge on")
    ratios = {}
    for name in kinds:
        part = judged.where(names == name)
        champion, candidate = (1.0 - (mean_average_precision(each) or 0.0) for each in part.matches)
        ratios[name] = (candidate + 0.01) / (champion + 0.01)  # one in a hundred: a champion without an error has no ratio
    mean, worst = float(np.mean(list(ratios.values()))), max(ratios, key=lambda name: ratios[name])
    before, after = judged.losses
    by_image = (after - before).reshape(-1, len(kinds)).mean(axis=1)
    low = float(by_image.mean() - Z_99_ONE_SIDED * by_image.std(ddof=1) / np.sqrt(len(by_image)))
    verdict: Verdict = "pass"
    if mean > LIMIT:
        verdict = "fail" if low > 0 else "inconclusive" if policy.three_valued else "pass"
    detail = (
        f"mean relative error (1 - average precision) over {len(kinds)} corruptions of {len(by_image)} images; the worst is {worst} with {ratios[worst]:.2f}; "
        f"the loss of a frame moves by {by_image.mean():+.3f}, 99 % lower bound {low:+.3f}"
    )
    return GateResult("stress", verdict, mean, LIMIT, detail)
