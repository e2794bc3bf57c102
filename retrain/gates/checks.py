"""Whether a candidate may replace the champion: each gate a pure function of figures, giving its verdict, value, limit and a sentence.

Cheap gates come first; an error inside a gate is a failure, never a pass. Limits are the design's where they could be met, and otherwise stand beside
the measurement that moved them. Both error rates on ELPV, mono to poly, 240 labels, 30 seeds (tests/integration/test_retrain_training_rates.py): of good
candidates 30 passed; of those trained without replay, of those that call everything fine, and of unchanged ones none. Drift closure is not
judged here: the monitor compares the new version's stream with its baseline, and closes the incident or does not.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from contracts.quality import Quality, wilson
from retrain.gates.paired import (
    Z_95_ONE_SIDED,
    Z_99_ONE_SIDED,
    Judged,
    balanced_accuracy,
    holm,
    mcnemar_mid_p,
    paired_difference,
    together,
)
from retrain.models.calibrate import calibration_error, honest_error

Verdict = Literal["pass", "fail", "inconclusive"]
ALPHA: Final = 0.05
PARITY_MAX_ABS: Final = 1e-3
PARITY_AGREEMENT: Final = 0.999
OVERALL_MARGIN: Final = 0.01
FORGETTING_MARGIN: Final = 0.01
FORGETTING_ERRORS: Final = 3.0
"""Old accuracy may fall by 1 point, or by 3 standard errors where 1 point cannot be seen: 160 old frames have a standard error of 2 to 2.4 points, and
a plain 1 point refused most candidates that forgot nothing. The allowance shrinks as the old gate set grows, and is never above FORGETTING_MOST."""
FORGETTING_MOST: Final = 0.10
FORGETTING_MIN: Final = 50
FLIPS_LIMIT: Final = 0.08
RECALL_SHARE: Final = 0.5
"""Of the benchmark's recall, at least this share on the new domain: poly cells are harder (recall .47 to .70 for good candidates, benchmark .57 to .89)."""
SLICE_MIN: Final = 50
SLICE_DROP: Final = 0.15
"""No slice may fall further, whatever the tests say: three standard errors of a slice of SLICE_MIN. At the design's 10 points luck refused 5 %."""
SLICE_ALPHA: Final = 0.01
"""A retraining has a dozen verdicts: at 0.05 this one alone refused 5 % of good candidates."""
STRESS_LIMIT: Final = 1.05
CALIBRATION_FLOOR: Final = 0.05
_UNKNOWN: Final = 0.0
"""The value of a gate that has none: JSON knows no NaN."""
LATENCY_RATIO: Final = 1.1
LATENCY_NOISE_S: Final = 0.0002
"""Differences below are noise of the clock and the scheduler, whatever their ratio."""


def guarded(gate: str, judge: Callable[[], GateResult]) -> GateResult:
    """A gate's result; one that raises fails closed with the error in its sentence."""
    try:
        return judge()
    except Exception as error:  # a gate that cannot judge must not let anything pass
        return GateResult(gate, "fail", _UNKNOWN, _UNKNOWN, f"the gate itself failed: {error!r}")


def data(counts: Mapping[str, int], gate_frames: int, min_train: int, min_gate: int, leaks: int, conflicts: int) -> GateResult:
    """Enough frames of each class, enough to judge on, no frame on both sides, no frame with two labels."""
    fewest = min(counts.values(), default=0)
    detail = (
        f"training frames by class: {', '.join(f'{label} {n}' for label, n in counts.items())} (at least {min_train} each); "
        f"{gate_frames} new frames to judge on (at least {min_gate}); {leaks} frames in two sets, {conflicts} with two labels"
    )
    verdict: Verdict = "pass" if fewest >= min_train and gate_frames >= min_gate and not leaks and not conflicts else "fail"
    return GateResult("data", verdict, float(fewest), float(min_train), detail)


def artefact(problems: list[str]) -> GateResult:
    """The graph loads, passes the checker and has the signature that serving feeds."""
    detail = "; ".join(problems) or "self-contained, accepted by the ONNX checker, signature as the champion's"
    return GateResult("artefact", "fail" if problems else "pass", float(len(problems)), 0.0, detail)


def parity(torch_logits: NDArray[np.float64], onnx_logits: NDArray[np.float64], batches: tuple[int, ...]) -> GateResult:
    """Logits [N, K] by torch and by the exported graph on the same real frames, each batch size of `batches` in turn."""
    if torch_logits.shape != onnx_logits.shape or not np.isfinite(onnx_logits).all():
        return GateResult(
            "export parity", "fail", _UNKNOWN, PARITY_MAX_ABS, "the exported graph answers other shapes, or not finite numbers"
        )
    scale = max(1.0, float(np.abs(torch_logits).max()))
    worst = float(np.abs(torch_logits - onnx_logits).max()) / scale
    agreement = float((torch_logits.argmax(axis=1) == onnx_logits.argmax(axis=1)).mean())
    verdict: Verdict = "pass" if worst <= PARITY_MAX_ABS and agreement >= PARITY_AGREEMENT else "fail"
    detail = (
        f"largest difference between torch and ONNX Runtime, relative to logits of {scale:.1f}, over {len(torch_logits)} answers at batch sizes "
        f"{', '.join(map(str, batches))}; same class for {agreement:.1%}"
    )
    return GateResult("export parity", verdict, worst, PARITY_MAX_ABS, detail)


def gain(new: Judged) -> GateResult:
    """More right than the champion on sealed frames of the new domain, beyond chance."""
    better = int((new.candidate_right & ~new.champion_right).sum())
    worse = int((new.champion_right & ~new.candidate_right).sum())
    p = mcnemar_mid_p(worse, better)
    before, after = float(new.champion_right.mean()), float(new.candidate_right.mean())
    detail = f"one-sided McNemar mid-p on {len(new)} new frames: accuracy {before:.3f} to {after:.3f}, {better} became right and {worse} wrong"
    return GateResult("gain", "pass" if p < ALPHA else "fail", p, ALPHA, detail)


def recall(
    truth: NDArray[np.int64], p: NDArray[np.float64], labels: tuple[str, ...], positive: str | None, benchmark: Quality | None
) -> GateResult:
    """The class that matters is still found on the new domain. "Always fine" has an accuracy of .71 on poly cells, and must not pass.

    `p` [N, K] are probabilities of new frames by heads that never learned from them: the sealed ones by the candidate, the others out of fold (sealed
    ones alone hold some twenty positives, and refused a quarter of the good candidates). Fails when the positive class's recall is surely (one-sided
    95 %) under RECALL_SHARE of the benchmark's, or balanced accuracy not surely above chance. Without a positive class the mean recall stands for it.
    """
    predicted = p.argmax(axis=1)
    balanced, low = balanced_accuracy(predicted, truth)
    chance = 1.0 / max(2, len(np.unique(truth)))
    if positive is None:
        wanted = benchmark.balanced_accuracy.value if benchmark else 0.0
        limit = max(chance, RECALL_SHARE * wanted)
        detail = f"mean recall {balanced:.3f} on {len(truth)} new frames (95 % lower bound {low:.3f}; chance {chance:.2f}, benchmark {wanted:.3f})"
        return GateResult("recall", "pass" if low > chance and balanced >= limit else "fail", balanced, limit, detail)
    mask = truth == labels.index(positive)
    if not mask.any():
        return GateResult(
            "recall", "inconclusive", _UNKNOWN, 0.0, f"no {positive} frame among the {len(truth)} new frames to judge on"
        )
    hits = int((predicted[mask] == labels.index(positive)).sum())
    found = wilson(hits, int(mask.sum()), z=Z_95_ONE_SIDED)
    wanted = benchmark.recall.value if benchmark and benchmark.recall else 0.5
    limit = RECALL_SHARE * wanted
    verdict: Verdict = "pass" if found.high >= limit and low > chance else "fail"
    detail = (
        f"{hits} of {found.n} {positive} found: recall {found.value:.3f}, 95 % upper bound {found.high:.3f}, must reach half the benchmark's {wanted:.3f}; "
        f"balanced accuracy {balanced:.3f}, 95 % lower bound {low:.3f}, must be above chance ({chance:.2f})"
    )
    return GateResult("recall", verdict, found.value, limit, detail)


def overall(new: Judged, old: Judged) -> GateResult:
    """Not worse over all sealed frames, old and new."""
    both = together(new, old)
    difference, low, _ = paired_difference(both.champion_right, both.candidate_right)
    detail = f"accuracy moves by {difference:+.3f} over {len(both)} sealed frames, old and new; 95 % lower bound {low:+.3f}"
    return GateResult("overall", "pass" if low > -OVERALL_MARGIN else "fail", low, -OVERALL_MARGIN, detail)


def forgetting(old: Judged) -> GateResult:
    """What the champion knew is still known: accuracy on the old gate set falls by no more than FORGETTING_MARGIN, or than chance explains."""
    if len(old) < FORGETTING_MIN:
        detail = f"the champion has {len(old)} sealed frames of its own to judge on, {FORGETTING_MIN} are needed: import it with labelled references"
        return GateResult("forgetting", "inconclusive", _UNKNOWN, -FORGETTING_MARGIN, detail)
    difference, low, high = paired_difference(old.champion_right, old.candidate_right)
    error = (high - low) / (2.0 * Z_95_ONE_SIDED)
    limit = -min(FORGETTING_MOST, max(FORGETTING_MARGIN, FORGETTING_ERRORS * error))
    before, _ = balanced_accuracy(old.champion.argmax(axis=1), old.truth)
    after, _ = balanced_accuracy(old.candidate.argmax(axis=1), old.truth)
    detail = f"on {len(old)} old frames accuracy moves by {difference:+.3f} (standard error {error:.3f}) and balanced accuracy by {after - before:+.3f}"
    return GateResult("forgetting", "pass" if difference >= limit else "fail", difference, limit, detail)


def flips(old: Judged) -> GateResult:
    """Old frames that were right and became wrong: users notice these more than the average (Yan et al. 2021, positive-congruent training)."""
    if not len(old):
        return GateResult(
            "negative flips",
            "inconclusive",
            _UNKNOWN,
            FLIPS_LIMIT,
            "the champion has no labelled frames of its own to judge on",
        )
    flipped = int((old.champion_right & ~old.candidate_right).sum())
    share = flipped / len(old)
    detail = f"{flipped} of {len(old)} old frames were right and became wrong"
    return GateResult("negative flips", "pass" if share <= FLIPS_LIMIT else "fail", share, FLIPS_LIMIT, detail)


def slices(new: Judged, old: Judged, labels: tuple[str, ...]) -> GateResult:
    """No class of the old domain and no camera of either loses: Holm over one-sided McNemar tests of slices with at least SLICE_MIN frames.

    Classes of the new domain are left to the recall gate: a champion that calls everything defective has every defect right there.
    """
    named = {f"old {label}": old_rows for k, label in enumerate(labels) if (old_rows := _rows(old, old.truth == k)) is not None}
    for title, judged in (("old", old), ("new", new)):
        for camera in sorted(set(judged.camera)):
            rows = _rows(judged, np.array([one == camera for one in judged.camera]))
            if rows is not None:
                named[f"{title} {camera}"] = rows
    if not named:
        return GateResult("slices", "pass", 0.0, 0.0, f"no class or camera has {SLICE_MIN} sealed frames: nothing to compare")
    p_values = [
        mcnemar_mid_p(int((j.candidate_right & ~j.champion_right).sum()), int((j.champion_right & ~j.candidate_right).sum()))
        for j in named.values()
    ]
    drops = [float(j.champion_right.mean() - j.candidate_right.mean()) for j in named.values()]
    lost = [name for name, sure, drop in zip(named, holm(p_values, SLICE_ALPHA), drops, strict=True) if sure or drop > SLICE_DROP]
    worst = max(range(len(drops)), key=lambda i: drops[i])
    detail = f"{len(named)} slices; the worst is {list(named)[worst]}, accuracy {-drops[worst]:+.3f} (p {p_values[worst]:.3f})"
    return GateResult(
        "slices", "fail" if lost else "pass", drops[worst], SLICE_DROP, detail + (f"; lost: {', '.join(lost)}" if lost else "")
    )


def stress(judged: Judged, corruption: tuple[str, ...]) -> GateResult:
    """Bears corruption as well as the champion: mean over corruptions of candidate error over champion error (Hendrycks and Dietterich 2019, relative).

    `corruption` names each judged frame's corruption; the variants of one image stand together, each image under all of them. Fails only when the loss,
    image by image, is beyond chance as well (one-sided 99 %): variants of one image fail together, and say little more than one.
    """
    names = np.array(corruption)
    each = len(dict.fromkeys(corruption))
    wrong = np.stack([~judged.champion_right, ~judged.candidate_right]).astype(np.float64)
    ratios = {}
    for name in dict.fromkeys(corruption):
        champion, candidate = wrong[:, names == name].mean(axis=1)
        ratios[name] = float((candidate + 0.01) / (champion + 0.01))  # one in a hundred: a champion without an error has no ratio
    mean, worst = float(np.mean(list(ratios.values()))), max(ratios, key=lambda name: ratios[name])
    by_image = (wrong[1] - wrong[0]).reshape(-1, each).mean(axis=1)
    low = float(by_image.mean() - Z_99_ONE_SIDED * by_image.std(ddof=1) / np.sqrt(len(by_image)))
    detail = (
        f"mean relative corruption error over {each} corruptions of {len(by_image)} images; the worst is {worst} with {ratios[worst]:.2f}; "
        f"error moves by {by_image.mean():+.3f}, 99 % lower bound {low:+.3f}"
    )
    return GateResult("stress", "fail" if mean > STRESS_LIMIT and low > 0 else "pass", mean, STRESS_LIMIT, detail)


def calibration(new: Judged, old: Judged, seed: int) -> GateResult:
    """Confidences mean what they say: ECE-15 at most 0.05, or the champion's + 0.01, or what a perfectly calibrated model shows on so few frames."""
    both = together(new, old)
    error = calibration_error(both.candidate, both.truth)
    champion = calibration_error(both.champion, both.truth)
    honest = honest_error(both.candidate, seed)
    limit = max(CALIBRATION_FLOOR, champion + 0.01, honest)
    detail = f"expected calibration error on {len(both)} sealed frames (champion {champion:.3f}; a perfect model shows up to {honest:.3f} on so few)"
    return GateResult("calibration", "pass" if error <= limit else "fail", error, limit, detail)


def latency(champion_s: NDArray[np.float64], candidate_s: NDArray[np.float64]) -> GateResult:
    """CPU seconds a frame of both graphs, interleaved in one process [runs]: the medians, so that a busy machine fails nobody."""
    before, after = float(np.median(champion_s)), float(np.median(candidate_s))
    limit = LATENCY_RATIO * before + LATENCY_NOISE_S
    p95 = float(np.quantile(candidate_s, 0.95))
    detail = f"median CPU time a frame {after * 1e3:.2f} ms, champion {before * 1e3:.2f} ms, 95th percentile {p95 * 1e3:.2f} ms; limit 1.1 x + 0.2 ms"
    return GateResult("latency", "pass" if after <= limit else "fail", after, limit, detail)


def _rows(judged: Judged, mask: NDArray[np.bool_]) -> Judged | None:
    if int(mask.sum()) < SLICE_MIN:
        return None
    camera = tuple(name for name, kept in zip(judged.camera, mask, strict=True) if kept)
    return Judged(judged.truth[mask], judged.champion[mask], judged.candidate[mask], camera)
