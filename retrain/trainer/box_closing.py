"""What the gate "drift closure" of a detector is asked with: baselines of its frames, and the monitor's word on the sealed ones."""

from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts import box_statistics
from contracts.baseline import MIN_FRAMES, Baseline
from contracts.events import GateResult
from contracts.files import sha256
from contracts.manifest import BASELINE, MODEL, FileEntry
from contracts.predictions import Detections
from retrain.data.box_baseline import box_baseline
from retrain.gates.closure import Judgement, by_monitor, closure
from retrain.gates.policy import POLICIES
from retrain.trainer.detector_training import Candidate, Shop

Rows = NDArray[np.int64]


def drift_closure(its: Shop, candidate: Candidate) -> GateResult:
    """The monitor judges the sealed new frames as the candidate sees them by a baseline that does not hold them."""
    material, policy = its.material, POLICIES[its.request.policy]
    learned = np.flatnonzero(material.new & material.dataset.where("validation"))
    if len(learned) < MIN_FRAMES:
        return closure(Judgement(unjudged=f"{len(learned)} new frames of validation, a baseline needs {MIN_FRAMES}"), policy)
    files = {MODEL: FileEntry(sha256(candidate.model), len(candidate.model)), BASELINE: FileEntry("", 0)}
    manifest = msgspec.structs.replace(its.parent.manifest, labels=material.dataset.labels, files=files)
    return closure(by_monitor(manifest, *apart(its, candidate, learned)), policy)


def apart(its: Shop, candidate: Candidate, learned: Rows) -> tuple[Baseline, Baseline]:
    """The baseline of the frames `learned`, and the sealed new ones on its axes, in their order, however few they are."""
    material, seen, labels = its.material, candidate.seen, its.material.dataset.labels
    reference, sealed = baseline(its, candidate, learned), material.sealed(new=True)
    names = [material.dataset.items[i].recording for i in sealed]
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    answers = [
        box_statistics.vector(Detections(candidate.said[i]), labels, its.headers[i].width, its.headers[i].height) for i in sealed
    ]
    return reference, replace(
        reference,
        statistics=seen.statistics[sealed],
        embedding=reference.project(seen.embedding[sealed]),
        probabilities=np.zeros((len(sealed), 0), np.float32),
        truth=np.full(len(sealed), -1, np.int32),
        group=np.array([number[name] for name in names], np.int32),
        answers=np.array(answers, np.float32).reshape(len(sealed), len(labels) + 2),
    )


def baseline(its: Shop, candidate: Candidate, index: Rows) -> Baseline:
    """The baseline that some of the frames make. Raises VersionError for too few."""
    material, headers = its.material, [its.headers[i] for i in index]
    return box_baseline(
        material.dataset.labels,
        candidate.seen.rows(index),
        [candidate.said[i] for i in index],
        [(header.width, header.height) for header in headers],
        [material.dataset.items[i].recording for i in index],
        candidate.seen.embedding[~material.new],
    )
