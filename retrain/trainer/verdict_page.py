"""Gathers what a verdict's page shows, and renders it: for every candidate that met its gates, a refused or held one too."""

from collections.abc import Sequence

from contracts.manifest import digest
from contracts.repository import Version
from retrain.data.material import Material
from retrain.gates.box_changed import box_changed, box_grid
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.changed import Changed, changed, grid
from retrain.gates.detection import FLIPPED
from retrain.gates.evidence import Judged
from retrain.gates.page import Content, render
from retrain.gates.page_figures import Point
from retrain.request import CandidateRequest, Suspect, TrialRow
from retrain.trainer.detector_trial import BoxEvidence
from retrain.trainer.trial import Evidence
from retrain.training.curve import Point as Epoch


def verdict_page(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    evidence: Evidence,
    verdict: str,
    suspects: Sequence[Suspect],
    technique: str,
    table: Sequence[TrialRow] = (),
    curve: Sequence[Epoch] = (),
) -> bytes:
    """The page's bytes. Same inputs, same bytes: it says nothing of the time."""
    labels = material.dataset.labels
    new = changed(evidence.new, material.sealed(new=True), labels, "new")
    old = changed(evidence.old, material.sealed(new=False), labels, "old")
    both = _together(new, old)
    content = Content(
        model=request.model,
        parent=request.parent,
        job=request.job_id,
        verdict=verdict,
        results=evidence.results,
        facts=_facts(request, parent, material, (evidence.new, evidence.old), technique),
        better=both.better,
        worse=both.worse,
        flips=old.worse,
        grid={} if evidence.stressed is None else grid(evidence.stressed, labels),
        table=table,
        curve=_points(curve),
        suspects=suspects,
        rows=_rows(material),
    )
    return render(content, material.frames.__getitem__).encode()


def _together(new: Changed, old: Changed) -> Changed:
    better, worse = (tuple(sorted(a + b, key=lambda one: -abs(one.lead))) for a, b in zip(new, old, strict=True))
    return Changed(better, worse)


def box_verdict_page(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    evidence: BoxEvidence,
    verdict: str,
    suspects: Sequence[Suspect],
    technique: str,
    table: Sequence[TrialRow],
    curve: Sequence[Epoch],
) -> bytes:
    """The page of a detector's candidate."""
    new = box_changed(evidence.new, material.sealed(new=True), "new")
    old = box_changed(evidence.old, material.sealed(new=False), "old")
    both = _together(new, old)
    content = Content(
        model=request.model,
        parent=request.parent,
        job=request.job_id,
        verdict=verdict,
        results=evidence.results,
        facts=_facts(request, parent, material, (evidence.new, evidence.old), technique),
        better=both.better,
        worse=both.worse,
        flips=[one for one in old.worse if one.lead < -FLIPPED],
        grid={} if evidence.stressed is None else box_grid(evidence.stressed, material.dataset.labels),
        grid_of="Mean loss of a frame (1 - F1 of the class’s boxes)",
        table=table,
        curve=_points(curve),
        suspects=suspects,
        rows=_rows(material),
    )
    return render(content, material.frames.__getitem__).encode()


def _points(curve: Sequence[Epoch]) -> list[Point]:
    return [Point(one.epoch, one.loss, one.score) for one in curve]


def _rows(material: Material) -> dict[str, int]:
    """The row of each frame that came with an id."""
    return {item.frame_id: row for row, item in enumerate(material.dataset.items) if item.frame_id}


def _facts(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    judged: tuple[Judged, Judged] | tuple[JudgedBoxes, JudgedBoxes],
    technique: str,
) -> dict[str, str]:
    counts, (new, old) = material.counts(), judged
    return {
        "Technique": technique,
        "Labels": f"{counts}; {material.excluded}",
        "By set": ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.by_set().items()),
        "By class": ", ".join(f"{label} {count:,}" for label, count in counts.learning().items()) + " to learn from",
        "Judged on": f"{len(new)} new frames of {len(set(new.group))} recordings, {len(old)} old ones of {len(set(old.group))}",
        "Cause": " ".join(word.replace("_", " ") for word in (request.cause or "", request.drift_type or "") if word),
        "Gates": f"policy {request.policy}",
        "Allowed by": request.override,
        "Champion": f"version {request.parent}, {digest(parent.manifest)[:12]}; seed {request.seed}",
    }
