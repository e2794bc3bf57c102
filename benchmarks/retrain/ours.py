"""Keepsight's own way through a world: a first version by its trainer, then a job's folder and the process that a service would start in it."""

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.retrain.worlds import Photo, World
from contracts.errors import KeepsightError
from contracts.files import Folder
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.manifest import Manifest
from contracts.repository import ModelRepository, Version
from retrain.models.recipe import EFFICIENTNET
from retrain.models.session import Session, Views, views
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, CandidateRequest, LabelledFrame, Technique

MODEL: Final = "bench"
CACHE: Final = Path(".cache/bench-retrain")
"""Of exported backbones and embeddings, between runs."""
SINCE: Final = 1.7e9
BUDGET_S: Final = 3600.0
"""Of training, wall seconds: what a job gets where nothing is set. No world needs it."""
MIN_TRAIN: Final = 20
"""Frames of a class in train: these worlds are smaller than a line, whose default is 300."""


class TrainerError(KeepsightError):
    """A training process ended without an answer."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a job: its outcome, the graph of the candidate with its manifest where it was packaged, and the CPU seconds of the process."""

    outcome: CandidateOutcome
    model: bytes
    manifest: Manifest | None
    seconds: float


@dataclass(frozen=True, slots=True)
class House:
    """A folder with a repository and a frame store, in which the first version of a world is the champion."""

    folder: Path
    world: World

    @property
    def repository(self) -> str:
        return str(self.folder / "repository")

    @property
    def frame_store(self) -> str:
        return str(self.folder / "frames")

    def first(self, side: int, seed: int, cache: Path) -> Version:
        """Train the first version on the old photographs. `cache` keeps the exported backbone and its embeddings."""
        index = _written(self.folder / "old", self.world.old)
        positive = ["--positive", self.world.positive] if self.world.positive else []
        _run(
            "retrain.trainer.bootstrap", "--repository", self.repository, "--frame-store", self.frame_store, "--model", MODEL,
            "--frames", index, "--labels", ",".join(self.world.labels), "--seed", seed, "--side", side, "--cache", cache, *positive,
        )  # fmt: skip
        return ModelRepository(self.repository).read(MODEL, "1")

    def job(self, name: str, seed: int, techniques: tuple[Technique, ...] = ()) -> Came:
        """Give the labels to a job and run its process to the end; empty `techniques`: the rule decides."""
        request = CandidateRequest(
            job_id=name, request_key=name, model=MODEL, parent="1", repository=self.repository, frame_store=self.frame_store, since=SINCE,
            labels=self._labels(), seed=seed, min_train_per_class=MIN_TRAIN, cause=self.world.cause, techniques=techniques,
            budget_s=BUDGET_S, device="cpu", ask=True, recipe=EFFICIENTNET, new_classes=self.world.known()[len(self.world.labels) :],
        )  # fmt: skip
        folder = self.folder / name
        Folder(str(folder)).write(REQUEST, msgspec.json.encode(request))
        began = _spent()
        _run("retrain.trainer.candidate", folder)
        seconds = _spent() - began
        outcome = msgspec.json.decode((folder / OUTCOME).read_bytes(), type=CandidateOutcome)
        package = folder / "package"
        if outcome.verdict != "packaged":
            return Came(outcome, b"", None, seconds)
        manifest = msgspec.json.decode((package / "manifest.json").read_bytes(), type=Manifest)
        return Came(outcome, (package / "model.onnx").read_bytes(), manifest, seconds)

    def _labels(self) -> tuple[LabelledFrame, ...]:
        """The met photographs as the cameras sent them, a group of neighbours in ten seconds."""
        store, labels = FrameStore(self.frame_store), []
        groups = list(dict.fromkeys(photo.group for photo in self.world.met))
        for number, photo in enumerate(self.world.met):
            captured = SINCE + 10.0 * groups.index(photo.group) + 10.0 * number / len(self.world.met)
            frame_id = new_id(captured)
            codec = "png" if photo.content[1:4] == b"PNG" else "jpeg"
            path = frame_path(MODEL, frame_id, codec)
            card = StoredFrame(
                frame_id=frame_id, model=MODEL, camera=photo.camera, site="line", captured_at=captured, codec=codec, sample="uniform",
                predictions=(), path=path,
            )  # fmt: skip
            store.put(card, photo.content)
            labels.append(
                LabelledFrame(
                    frame_id=frame_id, camera=photo.camera, site="line", captured_at=captured, path=path, label=photo.label
                )
            )
        return tuple(labels)


def seen(session: Session, photos: Sequence[Photo]) -> Views:
    """Photographs as a version sees them."""
    return views(session, [photo.content for photo in photos])


class Marks(NamedTuple):
    """Of a proof: the share of photographs that are named rightly, and its mean over the classes."""

    accuracy: float
    balanced: float


def marks(model: bytes, manifest: Manifest, photos: Sequence[Photo]) -> Marks:
    """What a graph makes of photographs."""
    scores = seen(Session(model, manifest.input, manifest.embedding, manifest.scores), photos).scores
    return right([manifest.labels[k] for k in scores.argmax(axis=1)], photos)


def right(said: Sequence[str], photos: Sequence[Photo]) -> Marks:
    """What answers make of the photographs' labels."""
    hits: dict[str, list[bool]] = {}
    for one, photo in zip(said, photos, strict=True):
        hits.setdefault(photo.label, []).append(one == photo.label)
    return Marks(float(np.mean([hit for of in hits.values() for hit in of])), float(np.mean([np.mean(of) for of in hits.values()])))


def truth(photos: Sequence[Photo], labels: Sequence[str]) -> NDArray[np.int64]:
    """The classes [N] of photographs."""
    return np.array([labels.index(photo.label) for photo in photos], dtype=np.int64)


def _written(folder: Path, photos: Sequence[Photo]) -> Path:
    folder.mkdir(parents=True)
    index = folder / "index.csv"
    with index.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "group", "camera"))
        for number, photo in enumerate(photos):
            (folder / f"{number:05d}").write_bytes(photo.content)
            rows.writerow((f"{number:05d}", photo.label, photo.group, photo.camera))
    return index


def _spent() -> float:
    """The CPU seconds of this process's children that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _run(module: str, *arguments: object) -> None:
    ended = subprocess.run([sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise TrainerError(f"{module} ended with status {ended.returncode}: {ended.stderr.strip()[-2000:]}")
