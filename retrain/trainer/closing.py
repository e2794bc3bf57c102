"""The new domain twice: a baseline of the frames that were learned from, as a version brings it, and the sealed frames, as that baseline's rows."""

from dataclasses import replace

import msgspec
import numpy as np

from contracts.baseline import MIN_FRAMES, Baseline
from contracts.events import GateResult
from contracts.files import sha256
from contracts.manifest import BASELINE, MODEL, FileEntry, Manifest
from retrain.data.baseline import baseline_of
from retrain.data.material import Material
from retrain.gates.closure import Judgement, by_monitor, closure
from retrain.gates.policy import Policy
from retrain.trainer.rework import Rework


def drift_closure(manifest: Manifest, material: Material, rework: Rework, policy: Policy) -> GateResult:
    """The gate's result: the monitor judges the sealed new frames as the candidate sees them by a baseline that does not hold them."""
    known = int((material.learning() & material.new & rework.own).sum())
    if known < MIN_FRAMES:
        return closure(Judgement(unjudged=f"{known} new frames to learn from, a baseline needs {MIN_FRAMES}"), policy)
    baseline, held_out = apart(material, rework)
    named = {
        MODEL: FileEntry(sha256(rework.model), len(rework.model)),
        BASELINE: FileEntry("", 0),
    }  # its digest seeds the calibration
    return closure(by_monitor(msgspec.structs.replace(manifest, files=named), baseline, held_out), policy)


def apart(material: Material, rework: Rework) -> tuple[Baseline, Baseline]:
    """The baseline of the new frames that were learned from, and the sealed ones on its axes, in their order."""
    learned, sealed, seen = material.learning() & material.new & rework.own, material.sealed(new=True), rework.seen
    groups = [material.dataset.items[i].recording for i in np.flatnonzero(learned)]
    baseline = baseline_of(
        material.dataset.labels,
        seen.rows(learned),
        rework.probabilities[learned],
        material.truth[learned],
        groups,
        seen.embedding[~material.new],
    )
    names = {name: number for number, name in enumerate(dict.fromkeys(material.dataset.items[i].recording for i in sealed))}
    held_out = replace(
        baseline,
        statistics=seen.statistics[sealed],
        embedding=baseline.project(seen.embedding[sealed]),
        probabilities=rework.probabilities[sealed].astype(np.float32),
        truth=material.truth[sealed].astype(np.int32),
        group=np.array([names[material.dataset.items[i].recording] for i in sealed], dtype=np.int32),
    )
    return baseline, held_out
