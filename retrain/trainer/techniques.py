"""What is tried on a job's material: the head alone, then the techniques that the rule or the settings name, each scored on validation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch

from contracts.baseline import MIN_FRAMES
from contracts.errors import VersionError
from contracts.files import Folder, sha256
from contracts.frames import see
from contracts.manifest import WEIGHTS
from contracts.repository import ModelRepository, Version
from retrain.augment.spec import parse
from retrain.data.material import Material
from retrain.data.replay import replay_share
from retrain.models.export import parity_frames
from retrain.models.head import Head
from retrain.models.last_layer import widened
from retrain.models.network import Network
from retrain.request import CandidateRequest, Device, Technique, TrialRow
from retrain.steps import Steps
from retrain.trainer.origin import Origin, origin
from retrain.trainer.rework import Rework, fit_head, fit_known, fit_probe, refit
from retrain.training.augmented import for_drift
from retrain.training.bakeoff import Bench, Trial, bake_off, no_trial
from retrain.training.crossfit import Fitted
from retrain.training.crossfit import pack as pack_fitted
from retrain.training.crossfit import unpack as unpack_fitted
from retrain.training.lesson import judged
from retrain.training.loop import Say
from retrain.training.score import scored
from retrain.training.technique import best, far, in_turn, near, prior

Clock = Callable[[], float]
SPAN: Final = (0.45, 0.6)
"""Of the whole progress, what training is: the shares of its techniques are alike."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a candidate is made with. `local` is a folder on this host's disk, `folder` the job's, which may lie elsewhere."""

    request: CandidateRequest
    parent: Version
    material: Material
    repository: ModelRepository
    folder: Folder
    local: Path
    steps: Steps
    clock: Clock

    @property
    def old_share(self) -> float:
        """The share of old frames in what is learned from."""
        return replay_share(self.request.cause, self.request.replay_share)

    @property
    def labels(self) -> tuple[str, ...]:
        """The candidate's classes: the champion's, and new ones after them."""
        return self.material.dataset.labels


@dataclass(frozen=True, slots=True)
class Contest:
    """What was tried: the heads alone, the champion's network where it is known, and how each technique came out."""

    heads: Rework
    origin: Origin | None
    trials: Mapping[Technique, Trial]

    def winner(self) -> Technique:
        """The best on validation, the head alone where nothing else came through, or nothing was better than what it began from."""
        standing = {name: trial for name, trial in self.trials.items() if trial.epoch or name == "head_only"}
        return best({name: (trial.row.harmonic, trial.error) for name, trial in standing.items()})

    def without(self, name: Technique, why: str) -> "Contest":
        """The contest without one that turned out to be of no use."""
        trial = self.trials[name]
        out = msgspec.structs.replace(trial, epoch=0, row=msgspec.structs.replace(trial.row, why=f"{trial.row.why}; {why}"))
        return replace(self, trials={**self.trials, name: out})

    def table(self) -> tuple[TrialRow, ...]:
        """A row a technique, the chosen one marked."""
        chosen = self.winner()
        return tuple(msgspec.structs.replace(trial.row, chosen=name == chosen) for name, trial in self.trials.items())


def contest(shop: Workshop) -> Contest:
    """Train the head alone and the techniques that the rule or the request names, within the budget. Raises StoreError."""
    fitted, head = _head_only(shop)
    heads = refit(shop.request, shop.parent, shop.material, fitted)
    techniques = _techniques(shop, fitted)[1:]
    if not techniques and WEIGHTS not in shop.parent.manifest.files:
        return Contest(heads, None, {"head_only": head})
    try:
        found = _origin(shop)
    except VersionError as error:
        others = {name: Trial(no_trial(shop.request.recipe, name, str(error))) for name in techniques}
        return Contest(heads, None, {"head_only": head, **others})
    trials: dict[Technique, Trial] = {
        "head_only": msgspec.structs.replace(head, row=msgspec.structs.replace(head.row, recipe=found.recipe.name))
    }
    if techniques:
        trials |= bake_off(
            _bench(shop, found, fitted), techniques, shop.request.budget_s - head.row.seconds, _said(shop, techniques)
        )
    return Contest(heads, found, trials)


def _head_only(shop: Workshop) -> tuple[Fitted, Trial]:
    """The head, once, with its row: scored out of fold on the frames that the other techniques are judged on."""
    material, began = shop.material, shop.clock()

    def fit() -> dict[str, bytes]:
        fitted = fit_head(shop.request, material)
        seconds = shop.clock() - began
        return {"head.npz": pack_fitted(fitted), "seconds.json": msgspec.json.encode(seconds)}

    made = shop.steps.once("train-head_only", [_key(shop)], fit)
    fitted, seconds = unpack_fitted(made["head.npz"]), msgspec.json.decode(made["seconds.json"], type=float)
    learning = material.learning()
    rows = judged(material, shop.request.seed)
    if not len(rows):
        rows = np.flatnonzero(learning)
    said = fitted.out_of_fold[learning.cumsum()[rows] - 1].argmax(axis=1)
    score = scored(said, material.truth[rows], material.new[rows])
    why = f"l2 {fitted.l2:g}, out of fold"
    row = TrialRow("", "head_only", score.new, score.old, score.harmonic, seconds, seconds, 0.0, 0.0, False, why)
    return fitted, Trial(row, score.error)


def _key(shop: Workshop) -> str:
    """What decides every technique beside itself: the champion, the frames with their sets and truths, the request's numbers."""
    request, material = shop.request, shop.material
    dataset = sha256(msgspec.json.encode(material.dataset, order="sorted"))
    numbers = (request.seed, request.cause, request.replay_share, sha256(material.new.tobytes()))
    return sha256(repr((shop.parent.digest, material.session.key, dataset, numbers)).encode())


def _techniques(shop: Workshop, fitted: Fitted) -> tuple[Technique, ...]:
    """What is tried, the head alone first: nothing more where nothing could be chosen by."""
    request, material = shop.request, shop.material
    sets = material.dataset.where
    nothing = not (sets("train") & material.new).any() or not (sets("validation") & material.new).any()
    if nothing or int((~sets("train") & material.new).sum()) < MIN_FRAMES or request.budget_s <= 0:
        return ("head_only",)
    if request.techniques:
        return in_turn(request.techniques)
    learning, benchmark = material.learning(), shop.parent.manifest.benchmark
    probe = scored(fitted.out_of_fold.argmax(axis=1), material.truth[learning], material.new[learning])
    known = benchmark.balanced_accuracy.value if benchmark else probe.old
    return in_turn(prior(int(material.new.sum()), near(probe.old, known), request.cause, far(probe.new, known)))


def _origin(shop: Workshop) -> Origin:
    material = shop.material
    rows = np.flatnonzero(material.new)
    frames = [see(material.frames[int(rows[i])], material.session.spec) for i in parity_frames(len(rows))]
    return origin(shop.request, shop.parent, shop.repository, frames)


def _bench(shop: Workshop, found: Origin, fitted: Fitted) -> Bench:
    request = shop.request

    def start(technique: Technique) -> Network:
        if technique == "scratch":
            return found.scratch(shop.labels, request.seed)
        if technique == "lp_ft":
            return found.network(shop.labels, fit_probe(request, shop.material, fitted.l2))
        return found.network(shop.labels, widened(_known(shop, found, fitted), len(shop.labels)))

    return Bench(
        shop.material,
        found.recipe.name,
        start,
        sha256(f"{_key(shop)} {found.recipe.key()} {sha256(found.weights)}".encode()),
        shop.old_share,
        request.seed,
        for_drift(parse(request.augment), shop.material),
        device_of(request.device),
        request.threads,
        shop.folder,
        shop.local,
        shop.steps,
        shop.clock,
    )


def _known(shop: Workshop, found: Origin, fitted: Fitted) -> Head:
    """The champion's head. One that we made was fitted to validation too, and would be judged there by what it learned: it is fitted again without."""
    manifest = shop.parent.manifest
    if manifest.lineage.origin == "import":
        return found.head
    return fit_known(shop.material, fitted.l2, len(manifest.labels)) or found.head


def device_of(device: Device) -> torch.device:
    """Where to train. Raises VersionError for an accelerator that torch does not find."""
    if device == "cuda" and not torch.cuda.is_available():
        raise VersionError('device = "cuda", but torch finds no GPU here; use "cpu" or "auto"')
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def _said(shop: Workshop, techniques: Sequence[Technique]) -> Callable[[Technique], Say]:
    def of(technique: Technique) -> Say:
        low, high = (SPAN[0] + (SPAN[1] - SPAN[0]) * (techniques.index(technique) + more) / len(techniques) for more in (0, 1))

        def say(step: str, progress: float, detail: str = "", **metrics: float) -> None:
            shop.steps(f"{step} {technique}", low + (high - low) * progress, detail, **metrics)

        return say

    return of
