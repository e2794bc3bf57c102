"""A repository, a frame store and jobs of a detector that learned composed frames (composed.py) by day; by night the light falls to a fifth."""

import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec
import numpy as np

from contracts import frames
from contracts.detections import detections, way
from contracts.files import Folder
from contracts.frame_store import frame_path
from contracts.ids import new_id
from contracts.manifest import WEIGHTS, InputSpec, Lineage, Manifest
from contracts.predictions import Box, BoxesTruth
from contracts.quality_detection import match, mean_average_precision, quality
from contracts.repository import ModelRepository
from retrain.augment.spec import OperationSpec, PipelineSpec
from retrain.data.box_baseline import box_baseline
from retrain.data.box_truth import fitted
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.data.frames import Frames
from retrain.models.export import exported
from retrain.models.network import pack
from retrain.models.recipe import SMALL_CONV, find
from retrain.models.session import Session, views
from retrain.request import REQUEST, CandidateRequest, LabelledFrame
from retrain.trainer import golden
from retrain.training.course import Course
from retrain.training.detecting import average_precision
from retrain.training.loader import Loader, TrainingSet
from retrain.training.loop import train
from tests.composed import Composed, composed, jpeg

NAME, SIDE, LABELS = "small", 64, ("digit",)
SPEC = InputSpec("image", SIDE, SIDE, "stretch", "full")
DARK = 0.2
EARLIER, SINCE = 1_760_000_000.0, 1_770_000_000.0
OLD, NEW = 320, 320


def day(count: int, seed: int) -> list[Composed]:
    return composed(count, seed, labels=LABELS)


def night(count: int, seed: int) -> list[Composed]:
    return [one._replace(image=(one.image * DARK).astype(np.uint8)) for one in day(count, seed)]


@cache
def champion() -> tuple[bytes, bytes]:
    """The graph and the weights of a detector that knows the day."""
    made, held_out = day(OLD, 1), day(60, 2)
    ways = [way(frames.inspect(jpeg(made[0].image)), SPEC)] * OLD
    images = np.stack([frames.see(jpeg(one.image), SPEC) for one in made])
    boxes = [fitted(BoxesTruth(one.boxes), LABELS, its) for one, its in zip(made, ways, strict=True)]
    network = find(SMALL_CONV).build("detection", LABELS, SIDE, seed=1)
    spec = PipelineSpec((OperationSpec("crop"), OperationSpec("translate")))
    loader = Loader(TrainingSet(images, boxes, np.ones(OLD, np.float32)), 16, spec, time.perf_counter, workers=0)
    judge = average_precision(
        [frames.see(jpeg(one.image), SPEC) for one in held_out], [BoxesTruth(one.boxes) for one in held_out], ways[:60]
    )
    course = Course(epochs=14, batch=16, rate=4e-3, seed=1, layer_decay=1.0)
    trained = train(network, loader, judge, course, Folder("memory://detector-champion"), lambda *_, **__: None, time.perf_counter)
    return exported(network), trained.weights


def untaught() -> tuple[bytes, bytes]:
    """One that knows nothing yet."""
    network = find(SMALL_CONV).build("detection", LABELS, SIDE, seed=1)
    return exported(network), pack(network)


class DetectorHouse:
    """A repository with the champion, a frame store with its dataset, and jobs."""

    def __init__(self, folder: Path, made: Callable[[], tuple[bytes, bytes]]) -> None:
        self.folder, self.repository, self.store = folder, ModelRepository(str(folder / "repository")), str(folder / "frames")
        model, weights = made()
        contents = [jpeg(one.image) for one in day(OLD, 1)]
        session = Session(model, SPEC, "embedding", "boxes")
        seen = views(session, Frames([partial(bytes, content) for content in contents]))
        said = found(model, contents)
        groups = [f"day/{n // 16}" for n in range(OLD)]
        datasets = Datasets(self.store, NAME)
        items = tuple(
            Item(
                sha256=datasets.put_frame(content), truth=BoxesTruth(one.boxes), recording=groups[n], camera="cam-1", added="1",
                set=("train", "train", "validation", "gate")[n // 16 % 4], captured_at=EARLIER + n, width=160, height=120,
            )
            for n, (content, one) in enumerate(zip(contents, day(OLD, 1), strict=True))
        )  # fmt: skip
        digest = datasets.put(Dataset(model=NAME, labels=LABELS, items=items))
        manifest = Manifest(
            model=NAME, version="1", created_at=EARLIER, task="detection", labels=LABELS, input=SPEC, boxes="boxes", embedding="embedding", threshold=0.3,
            detection=quality([one.boxes for one in day(OLD, 1)], said, [n // 16 for n in range(OLD)]),
            lineage=Lineage("bootstrap", dataset=digest, recipe=SMALL_CONV), files={},
        )  # fmt: skip
        baseline = box_baseline(LABELS, seen, said, [(160, 120)] * OLD, groups)
        recorded = golden.record(model, manifest, baseline, contents)
        self.repository.publish(manifest, model, baseline, recorded, {WEIGHTS: weights})

    def labelled(self, made: Sequence[Composed]) -> tuple[LabelledFrame, ...]:
        """Frames in the store with their truth: recordings of eight, ten minutes apart, from SINCE on."""
        labels = []
        for number, one in enumerate(made):
            at = SINCE + 600.0 * (number // 8) + number
            frame_id = new_id(at)
            path = frame_path(NAME, frame_id, "jpeg")
            Folder(self.store).write(path, jpeg(one.image))
            truth = BoxesTruth(one.boxes)
            labels.append(LabelledFrame(frame_id=frame_id, camera="cam-1", site="s", captured_at=at, path=path, truth=truth))
        return tuple(labels)

    def job(self, name: str, made: Sequence[Composed], parent: str = "1", recipe: str = "") -> Path:
        """The folder of a job with its request."""
        request = CandidateRequest(
            job_id=name, request_key="key", model=NAME, parent=parent, repository=self.repository.url, frame_store=self.store, since=SINCE,
            labels=self.labelled(made), seed=1, min_train_per_class=50, recipe=recipe,
        )  # fmt: skip
        job = self.folder / "jobs" / name
        job.mkdir(parents=True)
        (job / REQUEST).write_bytes(msgspec.json.encode(request))
        return job


def found(model: bytes, contents: Sequence[bytes]) -> list[tuple[Box, ...]]:
    session, there = Session(model, SPEC, "embedding", "boxes"), way(frames.inspect(contents[0]), SPEC)
    said = [detections(rows, LABELS, there) for rows in session.run([frames.see(content, SPEC) for content in contents])[1]]
    return [one.boxes for one in said if one is not None]


def precision(model: bytes, made: Sequence[Composed]) -> float:
    said = found(model, [jpeg(one.image) for one in made])
    return mean_average_precision([match(one.boxes, boxes) for one, boxes in zip(made, said, strict=True)]) or 0.0
