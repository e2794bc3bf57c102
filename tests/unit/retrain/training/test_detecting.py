"""A detector learns to find composed objects (tests/composed.py: real digits on real photographs, their meeting made up)."""

import time
from pathlib import Path

import numpy as np
import pytest

from contracts import frames
from contracts.detections import Way, way
from contracts.files import Folder
from contracts.frames import Pixels
from contracts.manifest import InputSpec
from contracts.predictions import Box, BoxesTruth
from retrain.augment.spec import OperationSpec, PipelineSpec
from retrain.data.box_truth import fitted
from retrain.models.network import Network
from retrain.models.recipe import SMALL_CONV, find
from retrain.training import detecting
from retrain.training.course import Course
from retrain.training.detecting import THRESHOLDS, average_precision, best_threshold, honest, said
from retrain.training.loader import Loader, TrainingSet
from retrain.training.loop import Trained, train
from tests.composed import composed, jpeg

LABELS = ("digit",)
PIPELINE = PipelineSpec((OperationSpec("crop"), OperationSpec("translate")))
Set = tuple[list[Pixels], list[BoxesTruth], list[Way]]


def made(count: int, seed: int, side: int) -> Set:
    """Composed frames through the production path."""
    spec, every = InputSpec("image", side, side, "letterbox", "full"), composed(count, seed, labels=LABELS)
    contents = [jpeg(one.image) for one in every]
    headers = [frames.inspect(content) for content in contents]
    pixels = [frames.see(content, spec, header) for content, header in zip(contents, headers, strict=True)]
    return pixels, [BoxesTruth(one.boxes) for one in every], [way(header, spec) for header in headers]


def learned(folder: Path, side: int, count: int, course: Course) -> tuple[Network, Trained, Set]:
    images, truth, ways = made(count, 1, side)
    boxes = [fitted(one, LABELS, its) for one, its in zip(truth, ways, strict=True)]
    network = find(SMALL_CONV).build("detection", LABELS, side, seed=1)
    loader = Loader(
        TrainingSet(np.stack(images), boxes, np.ones(count, np.float32)), 16, PIPELINE, time.perf_counter, seed=1, workers=0
    )
    held_out = made(60, 2, side)
    judge = average_precision(*held_out)
    return network, train(network, loader, judge, course, Folder(str(folder)), lambda *_, **__: None, time.perf_counter), held_out


def test_a_detector_learns_and_is_judged_in_pixels_of_the_frames_as_sent(tmp_path: Path) -> None:
    network, trained, (images, truth, ways) = learned(
        tmp_path, 64, 96, Course(epochs=7, batch=16, rate=5e-3, seed=1, layer_decay=1.0)
    )
    assert trained.curve[0].score < 0.05
    assert trained.score > 0.25
    assert average_precision(images, truth, ways)(network) == trained.score  # the best weights are left in it
    found = [box for boxes in said(network, images, ways) for box in boxes]
    assert max(box.x2 for box in found) > 80  # a letterboxed frame of 160 pixels, seen at 64


@pytest.mark.slow
def test_three_minutes_of_one_core_find_six_of_ten(tmp_path: Path) -> None:
    began = time.process_time()
    _, trained, _ = learned(tmp_path, 128, 300, Course(epochs=20, batch=16, rate=3e-3, seed=1, layer_decay=1.0))
    assert trained.score >= 0.6
    assert time.process_time() - began < 180  # CPU time: what else the machine does does not count


def test_frames_without_a_box_judge_nothing() -> None:
    images, truth, ways = made(2, 1, 64)
    with pytest.raises(ValueError, match="2 frames without a true box"):
        average_precision(images, [BoxesTruth(())] * len(truth), ways)


class Scripted:
    """Stands for a network: what `said` would make of it is given."""

    def __init__(self, boxes: list[tuple[Box, ...]]) -> None:
        self.boxes = boxes


def test_scores_become_honest_on_frames_that_were_not_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that say a quarter of the logit that they should."""
    random = np.random.default_rng(3)
    chance = random.uniform(0.02, 0.98, 3000)
    logit = np.log(chance / (1 - chance))
    score = 1 / (1 + np.exp(-(logit / 4 - 1)))
    here, elsewhere = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
    boxes = [
        (Box("digit", *(here if lucky else elsewhere), float(s)),)
        for lucky, s in zip(random.random(3000) < chance, score, strict=True)
    ]
    monkeypatch.setattr(detecting, "said", lambda network, *_: network.boxes)
    truth = [BoxesTruth((Box("digit", *here),))] * 3000
    slope, offset = honest(Scripted(boxes), [], truth, [])  # type: ignore[arg-type]  # see Scripted
    assert slope == pytest.approx(4, rel=0.1)
    assert offset == pytest.approx(4, rel=0.15)
    assert honest(Scripted(boxes[:40]), [], truth[:40], []) == (1.0, 0.0)  # type: ignore[arg-type]  # too few to tell
    sure = [(Box("digit", *here, 0.4),)] * 60
    assert honest(Scripted(sure), [], truth[:60], []) == (1.0, 0.0)  # type: ignore[arg-type]  # nothing was missed


def test_the_threshold_is_where_least_is_lost() -> None:
    here = Box("bolt", 0, 0, 10, 10)

    def found(*scores: float) -> list[tuple[Box, ...]]:
        """Frames with the object at the given score, and something beside it at 0.2."""
        return [(Box("bolt", 0, 0, 10, 10, score), Box("bolt", 50, 50, 60, 60, 0.2)) for score in scores]

    truth = [(here,)] * 3
    assert 0.2 < best_threshold(truth, found(0.4, 0.45, 0.9)) <= 0.4
    assert best_threshold([()] * 3, found(0.9, 0.9, 0.9)) > 0.9
    assert best_threshold(truth, [()] * 3) in THRESHOLDS  # nothing is found at any
