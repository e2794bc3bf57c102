"""A detector's trial: gathers the figures that each gate needs, cheap ones first, and asks the gates."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.detections import COLUMNS
from contracts.errors import VersionError
from contracts.events import GateResult
from contracts.files import sha256
from contracts.frames import Pixels, see
from contracts.manifest import Manifest
from contracts.predictions import Box
from contracts.statistics import NUMERIC
from retrain.data.conflicts import conflicting
from retrain.data.counts import least_per_class, showing
from retrain.data.duplicates import leaks
from retrain.gates import box_parity, detection
from retrain.gates.artefact import artefact
from retrain.gates.box_calibration import calibration
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.box_stress import stress
from retrain.gates.corruptions import CORRUPTIONS, corrupted
from retrain.gates.cost import latency, memory
from retrain.gates.data import data
from retrain.gates.facets import light_of, partly_hidden, viewpoint_of
from retrain.gates.gain import uses
from retrain.gates.labels import trusted_boxes
from retrain.gates.latency import measured
from retrain.gates.memory import peak_bytes
from retrain.gates.policy import POLICIES
from retrain.gates.verdict import guarded
from retrain.models import graph
from retrain.models.export import BATCHES, by_torch, parity_frames
from retrain.models.session import CHUNK, Session
from retrain.request import TrialRow
from retrain.steps import Steps
from retrain.trainer.box_closing import drift_closure
from retrain.trainer.box_review import doubted_boxes
from retrain.trainer.covers import occlusion_of
from retrain.trainer.detector_training import Candidate, Shop, said, truths

Report = Callable[[str, float], None]
Rows = NDArray[np.int64]
_TIMED_FRAMES: Final = 4
_TIMED: Final = 11
"""Frames that the graph answers for the table."""


@dataclass(frozen=True, slots=True)
class BoxEvidence:
    """What the gates said, and what of: the sealed frames of both domains in the material's order, and the stressed ones, None where it came not so far.

    `stressed` are images under each of CORRUPTIONS in turn.
    """

    results: tuple[GateResult, ...]
    new: JudgedBoxes
    old: JudgedBoxes
    stressed: JudgedBoxes | None

    @property
    def judged_on(self) -> tuple[str, ...]:
        """The recordings that the gain was judged on, each once; none where it was not."""
        return tuple(dict.fromkeys(self.new.group)) if any(result.gate == "gain" for result in self.results) else ()


def judge(its: Shop, candidate: Candidate, report: Report) -> BoxEvidence:
    """Every gate's result, in order. After a failure in data, artefact or parity nothing else is worth judging."""
    request, manifest, seed = its.request, its.parent.manifest, its.request.seed
    labels, policy = its.material.dataset.labels, POLICIES[its.request.policy]
    new, old = judged(its, candidate, new=True), judged(its, candidate, new=False)
    first: dict[str, Callable[[], GateResult]] = {
        "data": lambda: _data(its),
        "labels": lambda: trusted_boxes(doubted_boxes(its, candidate, new=True), doubted_boxes(its, candidate, new=False)),
        "artefact": lambda: artefact(problems(candidate.model, manifest)),
        "export parity": lambda: _parity(its, candidate),
    }
    stressed: list[JudgedBoxes] = []

    def under_stress() -> GateResult:
        stressed.append(_stressed(its, candidate))
        return stress(stressed[0], tuple(CORRUPTIONS) * (len(stressed[0]) // len(CORRUPTIONS)), policy)

    then: dict[str, Callable[[], GateResult]] = {
        "gain": lambda: detection.gain(new, policy, uses(new.group, request.verdicts), seed),
        "recall": lambda: detection.recall(new, labels, manifest.detection, policy, seed),
        "overall": lambda: detection.overall(new, old, policy, seed),
        "forgetting": lambda: detection.forgetting(old, labels, policy, seed),
        "negative flips": lambda: detection.flips(old, policy),
        "slices": lambda: detection.slices(_occluded(its, new, True), _occluded(its, old, False), labels, policy, seed),
        "calibration": lambda: calibration(new, old, seed, policy),
        "stress": under_stress,
        "latency": lambda: _once(its, candidate, "latency", lambda: _latency(its, candidate)),
        "drift closure": lambda: drift_closure(its, candidate),
        "memory": lambda: _once(its, candidate, "memory", lambda: _memory(its, candidate)),
    }
    results: list[GateResult] = []
    for part in (first, then):
        for gate, ask in part.items():
            report(gate, len(results) / (len(first) + len(then)))
            results.append(guarded(gate, ask))
        if any(result.verdict == "fail" for result in results):
            break
    return BoxEvidence(tuple(results), new, old, stressed[0] if stressed else None)


def judged(its: Shop, candidate: Candidate, new: bool) -> JudgedBoxes:
    """The sealed frames of a domain as both detectors see them."""
    index, seen = its.material.sealed(new), its.material.seen
    light = seen.statistics[:, NUMERIC.index("luma_mean")]
    one = _side_by_side(its, candidate, index, [candidate.champion[i] for i in index], [candidate.said[i] for i in index])
    reference = light[its.material.learning() & ~its.material.new]
    return replace(one, light=light_of(light[index], reference), viewpoint=viewpoint_of(seen.embedding[index], one.group))


def _occluded(its: Shop, judged: JudgedBoxes, new: bool) -> JudgedBoxes:
    """The sealed frames of a domain with what hides their objects: something before the lens, the frame's edge, another object."""
    sizes = [(its.headers[row].width, its.headers[row].height) for row in its.material.sealed(new)]
    hidden = tuple(partly_hidden(boxes, *size) for boxes, size in zip(judged.truth, sizes, strict=True))
    return replace(judged, occlusion=occlusion_of(its.material, new), hidden=hidden)


def problems(model: bytes, manifest: Manifest) -> list[str]:
    """What is wrong with a graph that should serve under this manifest's names: empty when nothing is."""
    try:
        found = graph.read(model, "the candidate's graph")
    except VersionError as error:
        return [str(error)]
    inputs = [value.name for value in graph.data_inputs(found)]
    wrong = [] if inputs == [manifest.input.name] else [f"inputs are {inputs}, expected {[manifest.input.name]}"]
    outputs = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in found.graph.output}
    boxes = outputs.get(graph.BOXES, [])
    if graph.EMBEDDING not in outputs or len(boxes) != 3 or boxes[2] != COLUMNS or not boxes[1]:
        wrong.append(f"outputs are {outputs}, expected {graph.BOXES} [N, M, {COLUMNS}] and {graph.EMBEDDING}")
    return wrong


def _side_by_side(
    its: Shop, own: Candidate, index: Rows, champion: list[tuple[Box, ...]], candidate: list[tuple[Box, ...]]
) -> JudgedBoxes:
    items, true = its.material.dataset.items, truths(its.material)
    return JudgedBoxes(
        tuple(true[i].boxes for i in index),
        tuple(champion),
        tuple(candidate),
        tuple(items[i].camera for i in index),
        tuple(items[i].recording for i in index),
        its.parent.manifest.threshold,
        candidate_threshold=own.threshold,
    )


def _data(its: Shop) -> GateResult:
    material, request = its.material, its.request
    items, policy = material.dataset.items, POLICIES[request.policy]
    found = leaks(material.seen, [item.set for item in items], [item.recording for item in items])
    leaking = sum(bool(material.new[i] or material.new[j]) for i, j in found)
    torn = conflicting([item.sha256 for item in items], [repr(item.truth) for item in items])
    sealed = material.counts().sealed()
    if policy.gate_per_class:
        true = truths(material)
        shown = [{box.label for box in true[row].boxes} for row in material.sealed(new=True)]
        sealed = {label: sum(label in one for one in shown) for label in material.dataset.labels}
    return data(showing(material.dataset), sealed, least_per_class(request), request.min_gate, leaking, len(torn), policy)


def _parity(its: Shop, candidate: Candidate) -> GateResult:
    """The graph as exported against torch, on new frames."""
    rows = np.flatnonzero(its.material.new)
    frames = [see(its.material.frames[int(rows[i])], its.material.session.spec) for i in parity_frames(len(rows))]
    session = _session(its, candidate.model)
    found = [session.run(frames[at : at + size])[1] for size in BATCHES for at in range(0, len(frames), size)]
    wanted = np.tile(by_torch(candidate.network, frames)[1], (len(BATCHES), 1, 1))
    return box_parity.parity(wanted, np.concatenate(found), its.material.session.spec.width, BATCHES)


def _stressed(its: Shop, candidate: Candidate) -> JudgedBoxes:
    """Sealed frames of both domains under each corruption, as both detectors see them."""
    policy, material = POLICIES[its.request.policy], its.material
    parts = [material.sealed(new) for new in (True, False)]
    index = np.concatenate([part[parity_frames(len(part), policy.stressed)] if len(part) else part for part in parts])
    kinds, ways = tuple(CORRUPTIONS), its.ways
    images = (see(material.frames[int(i)], material.session.spec) for i in index)
    shown = list(corrupted(images, its.request.seed))
    rows = np.repeat(index, len(kinds))

    def by(session: Session, labels: tuple[str, ...]) -> list[tuple[Box, ...]]:
        found = [session.run(shown[at : at + CHUNK])[1] for at in range(0, len(shown), CHUNK)]
        return list(said(np.concatenate(found), labels, [ways[i] for i in rows]))

    champion = by(material.session, its.parent.manifest.labels)
    return _side_by_side(its, candidate, rows, champion, by(_session(its, candidate.model), material.dataset.labels))


def _session(its: Shop, model: bytes) -> Session:
    return Session(model, its.material.session.spec, graph.EMBEDDING, graph.BOXES)


def timed(its: Shop, candidate: Candidate) -> TrialRow:
    """The row of what was trained with the median CPU milliseconds a frame, measured once."""

    def measure() -> dict[str, bytes]:
        _, own_s = measured(its.material.session, _session(its, candidate.model), _new_frames(its), _TIMED)
        return {
            "row.json": msgspec.json.encode(
                msgspec.structs.replace(candidate.row, latency_ms=round(1e3 * float(np.median(own_s)), 3))
            )
        }

    made = its.steps.once("table", [sha256(msgspec.json.encode(candidate.row)), sha256(candidate.model)], measure)
    return msgspec.json.decode(made["row.json"], type=TrialRow)


def _latency(its: Shop, candidate: Candidate) -> GateResult:
    return latency(*measured(its.material.session, _session(its, candidate.model), _new_frames(its)))


def _new_frames(its: Shop) -> list[Pixels]:
    """Some to be timed on."""
    rows = its.material.sealed(new=True)[:_TIMED_FRAMES].tolist()
    return [see(its.material.frames[row], its.material.session.spec) for row in rows]


def _memory(its: Shop, candidate: Candidate) -> GateResult:
    return memory(peak_bytes(its.parent.model, its.parent.manifest.input), peak_bytes(candidate.model, its.parent.manifest.input))


def _once(its: Shop, candidate: Candidate, gate: str, ask: Callable[[], GateResult]) -> GateResult:
    """What was measured once stands: a process that was killed since ends with the same outcome."""
    inputs = [its.parent.digest, sha256(candidate.model)]
    made = Steps(folder=its.folder).once(gate, inputs, lambda: {"result.json": msgspec.json.encode(ask())})
    return msgspec.json.decode(made["result.json"], type=GateResult)
