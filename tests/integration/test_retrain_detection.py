"""A detector is retrained whole, on composed frames (tests/composed.py: real digits on real photographs, their meeting made up).

The champion learned frames by day; the light falls to a fifth. Labelled dark frames come in, and the candidate must find objects in them and not forget
the day. One that learned from boxes that are wrong must be refused.
"""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts import frames
from contracts.detections import detections, way
from contracts.files import Folder, sha256
from contracts.frame_store import frame_path
from contracts.ids import new_id
from contracts.manifest import MODEL, WEIGHTS, InputSpec, Lineage, Manifest
from contracts.predictions import Box, BoxesTruth
from contracts.quality_detection import match, mean_average_precision, quality
from contracts.repository import ModelRepository
from retrain.augment.spec import OperationSpec, PipelineSpec
from retrain.data.box_baseline import box_baseline
from retrain.data.box_truth import fitted
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.data.deals import Deals
from retrain.data.frames import Frames
from retrain.models.export import exported
from retrain.models.network import pack
from retrain.models.recipe import SMALL_CONV, find
from retrain.models.session import Session, views
from retrain.registry.publish import stage
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, CandidateRequest, LabelledFrame
from retrain.trainer import detector_training, golden
from retrain.trainer.candidate import run
from retrain.training.course import Course
from retrain.training.detecting import average_precision
from retrain.training.loader import Loader, TrainingSet
from retrain.training.loop import train
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from tests.composed import Composed, composed, jpeg

NAME, SIDE, LABELS = "bench", 64, ("digit",)
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


class House:
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

    def job(self, name: str, made: Sequence[Composed], parent: str = "1", recipe: str = "") -> Path:
        labels = []
        for number, one in enumerate(made):
            at = SINCE + 600.0 * (number // 8) + number
            frame_id = new_id(at)
            path = frame_path(NAME, frame_id, "jpeg")
            Folder(self.store).write(path, jpeg(one.image))
            truth = BoxesTruth(one.boxes)
            labels.append(LabelledFrame(frame_id=frame_id, camera="cam-1", site="s", captured_at=at, path=path, truth=truth))
        request = CandidateRequest(
            job_id=name, request_key="key", model=NAME, parent=parent, repository=self.repository.url, frame_store=self.store, since=SINCE,
            labels=tuple(labels), seed=1, min_train_per_class=50, recipe=recipe,
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


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, champion)


def test_a_detectors_request_is_trained_judged_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch teaches nothing: every gate is asked, and it is refused."""
    monkeypatch.setitem(detector_training.COURSES, "full", replace(detector_training.COURSES["full"], epochs=1))
    quick = House(tmp_path, untaught)
    outcome = run(quick.job("quick", night(200, 7)), io.StringIO())
    assert outcome is not None
    verdicts = {one.gate: one.verdict for one in outcome.gates}
    assert (verdicts["data"], verdicts["artefact"], verdicts["export parity"]) == ("pass", "pass", "pass")
    assert len(verdicts) == 14
    assert not [one.detail for one in outcome.gates if "the gate itself failed" in one.detail]
    assert outcome.verdict in ("rejected", "held")
    assert (tmp_path / "jobs" / "quick" / outcome.page).exists()
    assert outcome.judged_on
    assert not (tmp_path / "jobs" / "quick" / "prepared").exists()
    assert open_served(quick.repository.read(NAME, "1"), Runtime(How("cpu", 4))).golden_frames == 8


@pytest.mark.slow
def test_a_detector_learns_the_night_and_keeps_the_day(house: House) -> None:
    outcome = run(house.job("night", night(NEW, 7)), io.StringIO())
    assert outcome is not None
    told = {one.gate: (one.verdict, one.detail) for one in outcome.gates}
    assert outcome.verdict == "packaged", (outcome.reason, told)
    package = house.folder / "jobs" / "night" / "package"
    assert b'id="gate-recall"' in (package / outcome.page).read_bytes()
    model = (package / MODEL).read_bytes()
    assert sha256(model) == outcome.digest
    before, after = (precision(one, night(100, 40)) for one in (champion()[0], model))
    assert after > before + 0.1
    assert precision(model, day(100, 41)) > precision(champion()[0], day(100, 41)) - 0.1

    published = house.repository.finish(
        stage(NAME, "1", outcome, Folder(str(house.folder / "jobs" / "night")), house.repository, SINCE)
    )
    assert open_served(house.repository.read(NAME, published.version), Runtime(How("cpu", 4))).golden_frames == 8
    assert published.detection is not None
    assert published.detection.map50.low < after < published.detection.map50.high
    assert {"gain", "forgetting", "slices", "stress", "calibration", "drift closure"} <= told.keys()
    assert set(Deals(house.store, NAME).standing().values()) == {"train", "validation", "gate"}


@pytest.mark.slow
def test_one_that_learned_from_wrong_boxes_is_refused(house: House) -> None:
    """Every box lies beside its object."""
    beside = [
        one._replace(boxes=tuple(Box(b.label, (b.x1 + 60) % 110, b.y1, (b.x1 + 60) % 110 + b.x2 - b.x1, b.y2) for b in one.boxes))
        for one in night(NEW, 7)
    ]
    outcome = run(house.job("wrong", beside), io.StringIO())
    assert outcome is not None
    assert outcome.verdict == "rejected"
    assert "recall: average precision" in outcome.reason
    assert outcome.package == {}


@pytest.mark.slow
def test_a_killed_job_ends_as_it_would_have(house: House) -> None:
    job = house.job("again", night(NEW, 7))
    first = run(job, io.StringIO())
    (job / OUTCOME).unlink()
    second = run(job, io.StringIO())
    assert first is not None
    assert second is not None
    assert second.package == first.package
    assert msgspec.json.decode((job / OUTCOME).read_bytes(), type=CandidateOutcome) == second


@pytest.mark.slow
def test_a_graph_without_weights_needs_a_recipe_and_says_so(house: House) -> None:
    version = house.repository.read(NAME, "1")
    bare = msgspec.structs.replace(
        version.manifest, version="2", lineage=msgspec.structs.replace(version.manifest.lineage, recipe=""), files={}
    )
    house.repository.publish(bare, version.model, version.baseline, version.golden)
    job = house.job("bare", night(NEW, 7), parent="2")
    outcome = run(job, io.StringIO())
    assert outcome is not None
    assert outcome.verdict == "held"
    assert "name a network in the setting recipe" in outcome.reason
    named = run(house.job("named", night(NEW, 7), parent="2", recipe=SMALL_CONV), io.StringIO())
    assert named is not None
    assert [row.technique for row in named.table] == ["scratch"]
    verdicts = {one.gate: one.verdict for one in named.gates}
    assert (verdicts["export parity"], verdicts["gain"], verdicts["recall"]) == ("pass", "pass", "pass")
