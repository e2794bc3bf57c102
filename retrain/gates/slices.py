"""Gate: no class, camera, light, viewpoint or occlusion loses, however good the mean."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from retrain.gates.clusters import changes
from retrain.gates.evidence import Judged
from retrain.gates.paired import holm
from retrain.gates.policy import Policy
from retrain.gates.verdict import UNKNOWN, Verdict

MIN_FRAMES: Final = 50


def slices(new: Judged, old: Judged, labels: tuple[str, ...], policy: Policy) -> GateResult:
    """Holm over one-sided McNemar tests of slices with at least MIN_FRAMES: a significant loss fails, and so does a drop beyond the policy's.

    Where verdicts have three values, a drop beyond it that may be chance is inconclusive, and so is having no slice to look at. Classes of the new
    domain are left to the recall gate: a champion that calls everything defective has every defect right there.
    """
    named = _named(new, old, labels)
    if not named:
        detail = f"no class, camera, light, viewpoint or occlusion has {MIN_FRAMES} sealed frames: nothing to compare"
        return GateResult("slices", "inconclusive" if policy.three_valued else "pass", UNKNOWN, policy.slice_drop, detail)
    found = {
        name: changes(j.champion_right, j.candidate_right, j.group if policy.by_recording else None) for name, j in named.items()
    }
    sure = dict(zip(found, holm([one.p_loss for one in found.values()], policy.slice_alpha), strict=True))
    drops = {name: float(j.champion_right.mean() - j.candidate_right.mean()) for name, j in named.items()}
    deep = [name for name, drop in drops.items() if drop > policy.slice_drop and not sure[name]]
    lost = [name for name in found if sure[name]] + ([] if policy.three_valued else deep)
    verdict: Verdict = "fail" if lost else "inconclusive" if deep else "pass"
    worst = max(drops, key=lambda name: drops[name])
    detail = f"{len(named)} slices; the worst is {worst}, accuracy {-drops[worst]:+.3f} (p {found[worst].p_loss:.3f})"
    if lost:
        detail += f"; lost: {', '.join(lost)}"
    elif deep:
        detail += "; perhaps lost: " + "; ".join(
            f"{name} ({found[name].frames} frames of {found[name].recordings} recordings"
            + (
                f", about {found[name].frames_needed(policy.slice_drop):,} would tell)"
                if found[name].n
                else ": more recordings would tell)"
            )
            for name in deep
        )
    return GateResult("slices", verdict, drops[worst], policy.slice_drop, detail)


def _named(new: Judged, old: Judged, labels: tuple[str, ...]) -> dict[str, Judged]:
    """The slices that are large enough, by name, in an order that does not depend on the frames' own."""
    masks: list[tuple[str, Judged, NDArray[np.bool_]]] = [(f"old {label}", old, old.truth == k) for k, label in enumerate(labels)]
    for title, judged in (("old", old), ("new", new)):
        for column in (judged.camera, judged.light, judged.viewpoint, judged.occlusion):
            values = np.asarray(column, dtype=np.str_)
            masks += [(f"{title} {value}", judged, values == value) for value in sorted(set(column) - {""})]
    return {name: judged.where(mask) for name, judged, mask in masks if int(mask.sum()) >= MIN_FRAMES}
