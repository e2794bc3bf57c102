"""Gate: the class that matters is still found on the new domain."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from contracts.quality import Quality, wilson
from retrain.gates.paired import Z_95_ONE_SIDED
from retrain.gates.verdict import UNKNOWN, Verdict

SHARE: Final = 0.5
"""Of the benchmark's recall, at least this share on the new domain: poly cells are harder (recall .47 to .70 for good candidates, benchmark .57 to .89)."""


def recall(
    truth: NDArray[np.int64], p: NDArray[np.float64], labels: tuple[str, ...], positive: str | None, benchmark: Quality | None
) -> GateResult:
    """The class that matters is still found on the new domain. "Always fine" has an accuracy of .71 on poly cells, and must not pass.

    `p` [N, K] are probabilities of new frames by heads that never learned from them: the sealed ones by the candidate, the others out of fold (sealed
    ones alone hold some twenty positives, and refused a quarter of the good candidates). Fails when the positive class's recall is surely (one-sided
    95 %) under SHARE of the benchmark's, or balanced accuracy not surely above chance. Without a positive class the mean recall stands for it.
    """
    predicted = p.argmax(axis=1)
    balanced, low = balanced_accuracy(predicted, truth)
    chance = 1.0 / max(2, len(np.unique(truth)))
    if positive is None:
        wanted = benchmark.balanced_accuracy.value if benchmark else 0.0
        limit = max(chance, SHARE * wanted)
        detail = f"mean recall {balanced:.3f} on {len(truth)} new frames (95 % lower bound {low:.3f}; chance {chance:.2f}, benchmark {wanted:.3f})"
        return GateResult("recall", "pass" if low > chance and balanced >= limit else "fail", balanced, limit, detail)
    mask = truth == labels.index(positive)
    if not mask.any():
        return GateResult(
            "recall", "inconclusive", UNKNOWN, 0.0, f"no {positive} frame among the {len(truth)} new frames to judge on"
        )
    hits = int((predicted[mask] == labels.index(positive)).sum())
    found = wilson(hits, int(mask.sum()), z=Z_95_ONE_SIDED)
    wanted = benchmark.recall.value if benchmark and benchmark.recall else 0.5
    limit = SHARE * wanted
    verdict: Verdict = "pass" if found.high >= limit and low > chance else "fail"
    detail = (
        f"{hits} of {found.n} {positive} found: recall {found.value:.3f}, 95 % upper bound {found.high:.3f}, must reach half the benchmark's {wanted:.3f}; "
        f"balanced accuracy {balanced:.3f}, 95 % lower bound {low:.3f}, must be above chance ({chance:.2f})"
    )
    return GateResult("recall", verdict, found.value, limit, detail)


def balanced_accuracy(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[float, float]:
    """The mean recall of the classes that occur, and its one-sided 95 % lower bound (recalls shrunk by half a case as above)."""
    recalls, variance = [], 0.0
    classes = np.unique(truth)
    for k in classes:
        hit = predicted[truth == k] == k
        p = (hit.sum() + 0.5) / (len(hit) + 1.0)
        recalls.append(float(hit.mean()))
        variance += p * (1.0 - p) / len(hit)
    value = float(np.mean(recalls))
    return value, value - Z_95_ONE_SIDED * np.sqrt(variance) / len(classes)
