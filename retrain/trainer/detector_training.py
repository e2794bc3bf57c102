"""A detector's candidate: the champion's own network trained on, or a recipe's trained anew, on new labelled frames and replayed old ones.

There is one technique: pyramid and heads alone, on the champion's body, reached less than half of what the whole network did (docs/detection.md). Where the
version brings its weights (it was made by a retraining) they are trained on; an imported graph has no gradient, and the network that the setting `recipe`
names is trained from its own pretrained weights in its place. The gates judge either against the champion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from contracts.detections import Way, detections, way
from contracts.errors import VersionError
from contracts.files import Folder, sha256
from contracts.frame_header import Header, inspect
from contracts.manifest import WEIGHTS
from contracts.predictions import Box, BoxesTruth
from contracts.repository import ModelRepository, Version
from retrain.augment.spec import encode, parse
from retrain.data.box_truth import fitted
from retrain.data.material import VIEWS, Material
from retrain.data.replay import replay_share, replayed, wanted
from retrain.models.detector import Detector
from retrain.models.export import exported
from retrain.models.graph import BOXES, EMBEDDING
from retrain.models.network import Network, pack
from retrain.models.recipe import Recipe, find
from retrain.models.session import Session, Views, views
from retrain.request import CandidateRequest, Technique, TrialRow
from retrain.steps import Steps
from retrain.training import distributed
from retrain.training.allowance import Allowed
from retrain.training.augmented import for_drift
from retrain.training.bakeoff import Trial
from retrain.training.course import Course
from retrain.training.curve import Point
from retrain.training.detecting import average_precision, best_threshold, honest
from retrain.training.learner import precision
from retrain.training.loader import Loader, TrainingSet
from retrain.training.loop import train
from retrain.training.prepared import prepared

COURSES: Final[dict[Technique, Course]] = {
    "full": Course(epochs=25, batch=16, rate=2e-3, seed=0, layer_decay=0.9, patience=8),
    "scratch": Course(epochs=40, batch=16, rate=2e-3, seed=0, layer_decay=0.8, patience=12),
}
"""Measured on composed frames only (docs/detection.md). Statistics of batch normalisation are learned: frozen ones cost 5 points of 67 there."""
LEAST_OLD: Final = 0.5
"""Share of old frames in what is learned from, at least: at a quarter the day lost 24 points of average precision to the night."""
PREPARED: Final = "prepared"
_RUN: Final = "training/detector"
_REVISION: Final = "2"
_MOST_JUDGED: Final = 300
"""Frames of each domain in validation that are looked at after every epoch."""
Boxes = tuple[tuple[Box, ...], ...]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Shop:
    """What a detector's candidate is made with. `local` is a folder on this host's disk, `folder` the job's; `headers` [N] are the frames' own."""

    request: CandidateRequest
    parent: Version
    material: Material
    headers: Sequence[Header]
    repository: ModelRepository
    folder: Folder
    local: Path
    steps: Steps
    device: torch.device

    @property
    def ways(self) -> list[Way]:
        """How each frame is brought to the model's input."""
        return [way(header, self.material.session.spec) for header in self.headers]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The trained graph, what it sees of all N frames, the boxes that it and the champion would send, and the network's own weights (`pack`)."""

    model: bytes
    network: Network
    weights: bytes
    recipe: str
    technique: str
    seen: Views
    said: Boxes
    champion: Boxes
    threshold: float
    """From which boxes are acted on: chosen on validation."""
    row: TrialRow
    curve: tuple[Point, ...]


def shop(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    repository: ModelRepository,
    folder: Folder,
    local: Path,
    steps: Steps,
    device: torch.device,
) -> Shop:
    """The workshop, with every frame's header read."""
    headers = [inspect(material.frames[row]) for row in range(len(material.frames))]
    return Shop(request, parent, material, headers, repository, folder, local, steps, device)


def made(its: Shop, clock: Clock) -> Candidate:
    """Train, export, and look at every frame. Raises VersionError where there is no network to train, TooLongError, DivergedError, StoreError."""
    technique, recipe, start = _start(its)
    weights, trial = _trained(its, technique, recipe, start, clock)
    network = recipe.load(weights)
    its.steps("export", 0.6, technique)
    inputs = [sha256(weights), str(torch.__version__)]
    model = its.steps.once("export", inputs, lambda: {"model.onnx": exported(network)})["model.onnx"]
    session = Session(model, its.material.session.spec, EMBEDDING, BOXES)
    seen = views(session, its.material.frames, Folder(f"{its.folder.url}/{VIEWS}"), its.request.threads)
    labels = its.material.dataset.labels
    boxes, judged = said(seen.scores, labels, its.ways), np.flatnonzero(its.material.dataset.where("validation"))
    true = truths(its.material)
    told = "fine-tuning from the champion" if technique == "full" else "training of a new network"
    return Candidate(
        model,
        network,
        weights,
        recipe.name,
        f"{told}, a detector of {recipe.name}, {trial.row.why}",
        seen,
        boxes,
        said(its.material.seen.scores, its.parent.manifest.labels, its.ways),
        best_threshold([true[row].boxes for row in judged], [boxes[row] for row in judged]),
        trial.row,
        trial.curve,
    )


def said(rows: NDArray[np.float32], labels: Sequence[str], ways: Sequence[Way]) -> Boxes:
    """The boxes of each frame's rows [N, M, 6], in pixels of the frame as sent; none where an answer is no number."""
    found = (detections(one, labels, its) for one, its in zip(rows, ways, strict=True))
    return tuple(() if one is None else one.boxes for one in found)


def truths(material: Material) -> list[BoxesTruth]:
    """What is true of each item."""
    return [item.truth if isinstance(item.truth, BoxesTruth) else BoxesTruth(()) for item in material.dataset.items]


def _start(its: Shop) -> tuple[Technique, Recipe, Network]:
    """Where training begins. Raises VersionError with the reason where nothing can be trained."""
    request, manifest, labels = its.request, its.parent.manifest, its.material.dataset.labels
    if manifest.input.height != manifest.input.width:
        raise VersionError(f"recipes take square frames, this version's are {manifest.input.width} x {manifest.input.height}")
    name = request.recipe or manifest.lineage.recipe
    if not name:
        raise VersionError(
            "the champion came as a graph, which cannot be trained on: name a network in the setting recipe (efficientnet-lite0), and a detector "
            "with it is trained in its place"
        )
    recipe = find(name, Path(request.recipe_weights) if request.recipe_weights else None)
    if WEIGHTS in manifest.files:
        network = recipe.load(its.repository.file(request.model, request.parent, WEIGHTS))
        if isinstance(network, Detector) and network.built.labels == labels:
            return "full", recipe, network
    return "scratch", recipe, recipe.build("detection", labels, manifest.input.height, request.seed)


def _lesson(its: Shop, technique: Technique) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The rows to learn from, and the new and the old ones to judge on while training."""
    material, request = its.material, its.request
    sets, new = material.dataset.where, material.new

    def some(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        return rows[
            replayed(material.truth[rows], tuple(material.dataset.items[row].recording for row in rows), count, request.seed)
        ]

    fresh, old = np.flatnonzero(sets("train") & new), np.flatnonzero(sets("train") & ~new)
    if technique == "full":
        old = some(old, wanted(len(fresh), max(LEAST_OLD, replay_share(request.cause, request.replay_share))))
    judged, kept = (some(np.flatnonzero(sets("validation") & domain), _MOST_JUDGED) for domain in (new, ~new))
    return np.concatenate([fresh, old]), judged, kept


def _trained(its: Shop, technique: Technique, recipe: Recipe, start: Network, clock: Clock) -> tuple[bytes, Trial]:
    """The best weights with how they were found, once, however often the process is killed."""
    rows, new, old = _lesson(its, technique)
    course = COURSES[technique]
    course = replace(course, seed=its.request.seed, batch=min(course.batch, len(rows)), precision=precision(its.device))
    augmentation = for_drift(parse(its.request.augment), its.material)
    dataset = sha256(msgspec.json.encode(its.material.dataset, order="sorted"))
    inputs = [
        _REVISION,
        its.parent.digest,
        dataset,
        recipe.key(),
        technique,
        repr(course),
        encode(augmentation).decode(),
        sha256(rows.tobytes()),
    ]
    folder = f"{_RUN}-{sha256(repr(inputs).encode())[:16]}"

    def make() -> dict[str, bytes]:
        place = distributed.place()
        network, ways, true = start.to(its.device), its.ways, truths(its.material)
        boxes = [fitted(true[row], its.material.dataset.labels, ways[row]) for row in rows.tolist()]
        learned = TrainingSet(_prepared(its, rows), boxes, np.ones(len(rows), np.float32))
        loader = Loader(
            learned, course.batch, augmentation, clock,
            seed=course.seed, workers=its.request.threads, rank=place.rank, world=place.world, device=its.device,
        )  # fmt: skip
        judges = {
            domain: average_precision(_prepared(its, part), [true[row] for row in part], [ways[row] for row in part])
            for domain, part in (("new", new), ("old", old))
            if any(true[row].boxes for row in part)
        }
        if not judges:
            raise VersionError("no frame of validation has a true box: nothing tells when to stop")

        def judge(judged: Network) -> float:
            return len(judges) / sum(1.0 / max(one(judged), 1e-9) for one in judges.values())

        def say(step: str, progress: float, detail: str = "", **metrics: float) -> None:
            its.steps(f"{step} {technique}", 0.45 + 0.15 * progress, detail, **metrics)

        allowed = Allowed(loader, course.epochs, its.request.budget_s, clock)
        run = train(network, allowed, judge, course, Folder(f"{its.folder.url}/{folder}"), say, clock)
        reached = {domain: one(network) for domain, one in judges.items()}
        if isinstance(network, Detector):
            both = np.concatenate([new, old])
            network.rescale(*honest(network, _prepared(its, both), [true[row] for row in both], [ways[row] for row in both]))
        why = f"average precision {run.score:.3f} on validation, best after epoch {run.epoch} of {len(run.curve) - 1}"
        on_new, on_old = reached.get("new", 0.0), reached.get("old", 0.0)
        row = TrialRow(recipe.name, technique, on_new, on_old, run.score, run.seconds, run.device_s, run.peak_mib, 0.0, True, why)
        trial = Trial(row, curve=run.curve, epoch=run.epoch, epochs=course.epochs)
        return {"weights.safetensors": pack(network), "trial.json": msgspec.json.encode(trial)}

    found = its.steps.once("train-detector", inputs, make)
    if distributed.place().first:
        its.folder.remove("training")
    return found["weights.safetensors"], msgspec.json.decode(found["trial.json"], type=Trial)


def _prepared(its: Shop, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The frames of these rows as the network takes them, mapped from a file."""
    digests = [its.material.dataset.items[row].sha256 for row in rows.tolist()]
    spec, frames = its.material.session.spec, its.material.frames
    return prepared(its.local / PREPARED, digests, lambda number: frames[int(rows[number])], spec, its.request.threads)
