"""Gate: bears what cameras do to frames no worse than the champion."""

from typing import Final

import numpy as np

from contracts.events import GateResult
from retrain.gates.evidence import Judged
from retrain.gates.paired import Z_99_ONE_SIDED, Z_POWER_80, rounded_up
from retrain.gates.policy import Policy
from retrain.gates.verdict import UNKNOWN, Verdict

LIMIT: Final = 1.05


def stress(judged: Judged, corruption: tuple[str, ...], policy: Policy) -> GateResult:
    """Mean over corruptions of candidate error over champion error at most LIMIT (Hendrycks and Dietterich 2019, relative corruption error).

    `corruption` names each judged frame's corruption; the variants of one image stand together, each image under all of them. Fails only when the loss,
    image by image, is beyond chance as well (one-sided 99 %): variants of one image fail together, and say little more than one. Above LIMIT but not
    beyond chance it is inconclusive, with `small_sets` a pass.
    """
    names = np.array(corruption)
    each = len(dict.fromkeys(corruption))
    if len(judged) < 2 * max(1, each):
        return GateResult("stress", "inconclusive", UNKNOWN, LIMIT, "two images are the least that tell anything")
    wrong = np.stack([~judged.champion_right, ~judged.candidate_right]).astype(np.float64)
    ratios = {}
    for name in dict.fromkeys(corruption):
        champion, candidate = wrong[:, names == name].mean(axis=1)
        ratios[name] = float((candidate + 0.01) / (champion + 0.01))  # one in a hundred: a champion without an error has no ratio
    mean, worst = float(np.mean(list(ratios.values()))), max(ratios, key=lambda name: ratios[name])
    by_image = (wrong[1] - wrong[0]).reshape(-1, each).mean(axis=1)
    spread = float(by_image.std(ddof=1))
    low = float(by_image.mean() - Z_99_ONE_SIDED * spread / np.sqrt(len(by_image)))
    detail = (
        f"mean relative corruption error over {each} corruptions of {len(by_image)} images; the worst is {worst} with {ratios[worst]:.2f}; "
        f"error moves by {by_image.mean():+.3f}, 99 % lower bound {low:+.3f}"
    )
    verdict: Verdict = "pass"
    if mean > LIMIT and low > 0:
        verdict = "fail"
    elif mean > LIMIT and policy.three_valued:
        verdict = "inconclusive"
        allowed = (LIMIT - 1.0) * (float(wrong[0].mean()) + 0.01)
        needed = rounded_up(((Z_99_ONE_SIDED + Z_POWER_80) * spread / allowed) ** 2)
        detail += f"; about {needed:,} images would tell a rise of {LIMIT - 1:.0%}"
    elif mean > LIMIT:
        detail += "; above the limit by no more than chance may show"
    return GateResult("stress", verdict, mean, LIMIT, detail)
