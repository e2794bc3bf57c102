"""A candidate's trial: gathers the figures that each gate needs, cheap ones first, and asks the gates."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.arrays import arrays
from contracts.errors import StoreError, VersionError
from contracts.events import GateResult
from contracts.files import Folder, sha256
from contracts.frames import Pixels, see
from contracts.manifest import Manifest
from contracts.repository import Version
from contracts.statistics import NUMERIC
from retrain.data.conflicts import conflicting
from retrain.data.counts import least_per_class
from retrain.data.duplicates import leaks
from retrain.data.material import Material
from retrain.gates.artefact import artefact
from retrain.gates.calibration import calibration
from retrain.gates.corruptions import CORRUPTIONS, corrupted
from retrain.gates.cost import latency, memory
from retrain.gates.data import data
from retrain.gates.evidence import Judged
from retrain.gates.facets import light_of, viewpoint_of
from retrain.gates.flips import flips
from retrain.gates.forgetting import forgetting
from retrain.gates.gain import gain, uses
from retrain.gates.labels import meant, trusted
from retrain.gates.latency import measured
from retrain.gates.memory import peak_bytes
from retrain.gates.overall import overall
from retrain.gates.parity import parity
from retrain.gates.policy import POLICIES
from retrain.gates.recall import recall
from retrain.gates.slices import slices
from retrain.gates.stress import stress
from retrain.gates.verdict import guarded
from retrain.models import graph
from retrain.models.calibrate import softmax
from retrain.models.export import BATCHES, onnx_logits, parity_frames
from retrain.models.session import CHUNK, Session
from retrain.request import CandidateRequest
from retrain.steps import Steps
from retrain.trainer.closing import drift_closure
from retrain.trainer.covers import occlusion_of
from retrain.trainer.rework import Rework, champion_probabilities

Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gates said, and what of: the sealed frames of both domains in the material's order, and the stressed ones, None where it came not so far.

    `stressed` are images under each of CORRUPTIONS in turn.
    """

    results: tuple[GateResult, ...]
    new: Judged
    old: Judged
    stressed: Judged | None

    @property
    def judged_on(self) -> tuple[str, ...]:
        """The recordings that the gain was judged on, each once; none where it was not."""
        return tuple(dict.fromkeys(self.new.group)) if any(result.gate == "gain" for result in self.results) else ()


def judge(
    request: CandidateRequest, parent: Version, material: Material, rework: Rework, folder: Folder, report: Report
) -> Evidence:
    """Every gate's result, in order. After a failure in data, artefact or parity nothing else is worth judging."""
    manifest = msgspec.structs.replace(parent.manifest, labels=material.dataset.labels)
    new, old = _judged(parent, material, rework, new=True), _judged(parent, material, rework, new=False)
    labels, positive, policy = manifest.labels, manifest.positive, POLICIES[request.policy]
    first: dict[str, Callable[[], GateResult]] = {
        "data": lambda: _data(request, material),
        "labels": lambda: meant(
            trusted(_labelled(request, material, rework, new=True), _labelled(request, material, rework, new=False)),
            material.redefined,
            request.override,
        ),
        "artefact": lambda: artefact(problems(rework.model, manifest)),
        "export parity": lambda: _parity(parent, material, rework),
    }
    stressed: list[Judged] = []

    def under_stress() -> GateResult:
        stressed.append(_stressed(request, parent, material, rework, folder))
        return stress(stressed[0], tuple(CORRUPTIONS) * (len(stressed[0]) // len(CORRUPTIONS)), policy)

    then: dict[str, Callable[[], GateResult]] = {
        "gain": lambda: gain(new, policy, uses(new.group, request.verdicts)),
        "recall": lambda: recall(
            material.truth[material.new], rework.probabilities[material.new], labels, positive, manifest.benchmark
        ),
        "overall": lambda: overall(new, old, policy),
        "forgetting": lambda: forgetting(old, labels, policy),
        "negative flips": lambda: flips(old, policy),
        "slices": lambda: slices(
            replace(new, occlusion=occlusion_of(material, new=True)),
            replace(old, occlusion=occlusion_of(material, new=False)),
            labels,
            policy,
        ),
        "calibration": lambda: calibration(new, old, request.seed, policy),
        "stress": under_stress,
        "latency": lambda: _once(folder, "latency", parent, rework, lambda: _latency(parent, material, rework)),
        "drift closure": lambda: drift_closure(manifest, material, rework, policy),
        "memory": lambda: _once(folder, "memory", parent, rework, lambda: _memory(parent, rework)),
    }
    results: list[GateResult] = []
    for part in (first, then):
        for gate, ask in part.items():
            report(gate, len(results) / (len(first) + len(then)))
            results.append(guarded(gate, ask))
        if any(result.verdict == "fail" for result in results):
            break
    return Evidence(tuple(results), new, old, stressed[0] if stressed else None)


def problems(model: bytes, manifest: Manifest) -> list[str]:
    """What is wrong with a graph that should serve under this manifest's names: empty when nothing is."""
    try:
        found = graph.read(model, "the candidate's graph")
    except VersionError as error:
        return [str(error)]
    wrong = []
    inputs = graph.data_inputs(found)
    if [value.name for value in inputs] != [manifest.input.name]:
        wrong.append(f"inputs are {[value.name for value in inputs]}, expected {[manifest.input.name]}")
    outputs = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in found.graph.output}
    if manifest.embedding not in outputs or outputs.get(manifest.scores, [0])[-1] != len(manifest.labels):
        wrong.append(
            f"outputs are {outputs}, expected {manifest.scores} of {len(manifest.labels)} classes and {manifest.embedding}"
        )
    return wrong


def _judged(parent: Version, material: Material, rework: Rework, new: bool) -> Judged:
    """The sealed frames of a domain as both models see them."""
    index, items, seen = material.sealed(new), material.dataset.items, material.seen
    groups = tuple(items[i].recording for i in index)
    luma = seen.statistics[:, NUMERIC.index("luma_mean")]
    return Judged(
        material.truth[index],
        champion_probabilities(parent, seen.scores[index], len(material.dataset.labels)),
        rework.probabilities[index],
        tuple(items[i].camera for i in index),
        groups,
        light_of(luma[index], luma[material.learning() & ~material.new]),
        viewpoint_of(seen.embedding[index], groups),
    )


def _data(request: CandidateRequest, material: Material) -> GateResult:
    items, counts = material.dataset.items, material.counts()
    found = leaks(material.seen, [item.set for item in items], [item.recording for item in items])
    leaking = sum(bool(material.new[i] or material.new[j]) for i, j in found)
    torn = conflicting([item.sha256 for item in items], [item.label for item in items])
    least, policy = least_per_class(request), POLICIES[request.policy]
    return data(counts.learning(), counts.sealed(), least, request.min_gate, leaking, len(torn), policy)


def _labelled(
    request: CandidateRequest, material: Material, rework: Rework, new: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The labels of a domain with the probabilities of heads that never learned from the frame; but for those that a person has confirmed."""
    right = frozenset(request.confirmed)
    rows = (material.new == new) & np.array([item.frame_id not in right for item in material.dataset.items], dtype=np.bool_)
    return material.truth[rows], rework.probabilities[rows]


def _pixels(material: Material, index: NDArray[np.int64]) -> list[Pixels]:
    """Prepared frames of some items."""
    return [see(material.frames[i], material.session.spec) for i in index.tolist()]


def _session(parent: Version, model: bytes) -> Session:
    return Session(model, parent.manifest.input, parent.manifest.embedding, parent.manifest.scores)


def _parity(parent: Version, material: Material, rework: Rework) -> GateResult:
    """The graph as exported against torch, on new frames."""
    rows = np.flatnonzero(material.new)
    frames = _pixels(material, rows[parity_frames(len(rows))])
    return parity(np.tile(rework.by_torch(frames), (len(BATCHES), 1)), onnx_logits(_session(parent, rework.model), frames), BATCHES)


def _stressed(request: CandidateRequest, parent: Version, material: Material, rework: Rework, folder: Folder) -> Judged:
    """Sealed frames of both domains under each corruption. Where champion and candidate share the embedding, one pass over them judges both."""
    policy = POLICIES[request.policy]
    index = np.concatenate([_spread(material.sealed(new), policy.stressed) for new in (True, False)])

    def seen_by(session: Session) -> dict[str, NDArray[np.float32]]:
        return _seen(request, session, material, index, folder)

    found = seen_by(material.session)
    logits = rework.head.logits(found["embedding"]) if rework.head else seen_by(_session(parent, rework.model))["scores"]
    each = len(CORRUPTIONS)
    cameras, groups = (
        tuple(name for name in names for _ in range(each))
        for names in ([material.dataset.items[i].camera for i in index], [material.dataset.items[i].recording for i in index])
    )
    champion = champion_probabilities(parent, found["scores"], len(material.dataset.labels))
    candidate = softmax(logits.astype(np.float64) / rework.temperature)
    return Judged(np.repeat(material.truth[index], each), champion, candidate, cameras, groups)


def _seen(
    request: CandidateRequest, session: Session, material: Material, index: NDArray[np.int64], folder: Folder
) -> dict[str, NDArray[np.float32]]:
    """`embedding` and `scores` of these frames under each corruption, computed once, however often the process is killed."""
    names = [material.dataset.items[i].sha256 for i in index]
    key = f"stress-{sha256(f'{session.key} {request.seed} {names}'.encode())}.npz"
    found = _kept(folder, key)
    if found is None:
        variants = corrupted(_pixels(material, index), request.seed)
        parts = [session.run(chunk) for chunk in iter(lambda: list(islice(variants, CHUNK)), [])]
        found = {name: np.concatenate([part[k] for part in parts]) for k, name in enumerate(("embedding", "scores"))}
        stream = io.BytesIO()
        np.savez(stream, embedding=found["embedding"], scores=found["scores"])
        folder.write(key, stream.getvalue(), durable=False)
    return found


def _kept(folder: Folder, key: str) -> dict[str, NDArray[np.float32]] | None:
    """What an earlier attempt computed; None where there is nothing, or what there is is damaged."""
    try:
        return arrays(folder.read(key))
    except StoreError:
        raise
    except Exception:  # nothing there, or one of the ten kinds of damage
        return None


def _once(folder: Folder, gate: str, parent: Version, rework: Rework, ask: Callable[[], GateResult]) -> GateResult:
    """What was measured once stands: a process that was killed since ends with the same outcome."""
    inputs = [parent.digest, sha256(rework.model)]
    made = Steps(folder=folder).once(gate, inputs, lambda: {"result.json": msgspec.json.encode(ask())})
    return msgspec.json.decode(made["result.json"], type=GateResult)


def _spread(index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return index[parity_frames(len(index), count)] if len(index) else index


def _memory(parent: Version, rework: Rework) -> GateResult:
    return memory(peak_bytes(parent.model, parent.manifest.input), peak_bytes(rework.model, parent.manifest.input))


def _latency(parent: Version, material: Material, rework: Rework) -> GateResult:
    frames = _pixels(material, material.sealed(new=True)[:4])
    return latency(*measured(_session(parent, parent.model), _session(parent, rework.model), frames))
