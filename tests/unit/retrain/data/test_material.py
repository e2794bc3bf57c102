"""What a retraining learns from: who learns and who judges never changes, whatever happens to the attempts."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.files import Folder
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.predictions import BoxesTruth, ClassTruth
from contracts.repository import ModelRepository, Version
from retrain.data.counts import TooLittleError
from retrain.data.dataset import Datasets
from retrain.data.deals import Deals
from retrain.data.duplicates import leaks
from retrain.data.frames import Excluded
from retrain.data.material import Material, gather
from retrain.request import CandidateRequest, LabelledFrame, Set
from tests.small_model import LABELS, publish_small_version

SINCE = 1.7e9


@cache
def pictures() -> list[bytes]:
    """Blots of colour: unlike each other, and the same to a hash when they are compressed again."""
    random = np.random.default_rng(5)
    blots = [
        cv2.resize(random.integers(0, 256, (6, 6, 3), dtype=np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC) for _ in range(400)
    ]
    return [cv2.imencode(".jpg", blot)[1].tobytes() for blot in blots]


def sent_again(content: bytes) -> bytes:
    """Nearly the same picture."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


class Line:
    """Two cameras, a frame store, a champion, and the labels that came in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = FrameStore(str(folder / "frames"))
        publish_small_version(str(folder / "repository"))
        self.champion: Version = ModelRepository(str(folder / "repository")).read("small", "1")
        self.labels: dict[str, LabelledFrame] = {}
        self.content: dict[str, bytes] = {}

    def take(self, content: bytes, second: float, label: str = LABELS[0], camera: str = "a") -> LabelledFrame:
        captured = SINCE + second
        frame_id = new_id(captured)
        path = frame_path("small", frame_id, "jpeg")
        card = StoredFrame(
            frame_id=frame_id, model="small", camera=camera, site="s", captured_at=captured, codec="jpeg", sample="uniform", predictions=(), path=path
        )  # fmt: skip
        self.store.put(card, content)
        frame = LabelledFrame(frame_id=frame_id, camera=camera, site="s", captured_at=captured, path=path, truth=ClassTruth(label))
        self.labels[frame_id], self.content[frame_id] = frame, content
        return frame

    def take_many(self, first: int, count: int, start: float) -> list[LabelledFrame]:
        return [
            self.take(pictures()[i % 400], start + 2.0 * (i - first), LABELS[i % 2], "ab"[i // 2 % 2])
            for i in range(first, first + count)
        ]

    def correct(self, frame_id: str, label: str) -> None:
        self.labels[frame_id] = msgspec.structs.replace(
            self.labels[frame_id], truth=ClassTruth(label), label="", labelled_by="second look"
        )

    def attempt(
        self,
        excluded: Excluded | None = None,
        labels: Sequence[LabelledFrame] | None = None,
        report: Callable[[float], None] = lambda _: None,
        **fields: object,
    ) -> Material:
        request = CandidateRequest(
            job_id="job", request_key="k", model="small", parent="1", repository="", frame_store=str(self.folder / "frames"), since=SINCE,
            labels=tuple(self.labels.values() if labels is None else labels), seed=1, min_train_per_class=1, min_gate=1,
        )  # fmt: skip
        request = msgspec.structs.replace(request, **fields)
        return gather(
            request, self.champion, Folder(str(self.folder / "job")), Excluded() if excluded is None else excluded, report
        )

    def publish(self, material: Material) -> None:
        """The next attempt's champion learned from this material."""
        digest = Datasets(str(self.folder / "frames"), "small").put(material.dataset)
        lineage = msgspec.structs.replace(self.champion.manifest.lineage, dataset=digest)
        self.champion = replace(self.champion, manifest=msgspec.structs.replace(self.champion.manifest, lineage=lineage))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def sets_of(material: Material) -> dict[str, Set]:
    return {item.frame_id: item.set for item in material.dataset.items}


def test_a_rejected_attempt_s_deal_stands_in_the_next_one(line: Line) -> None:
    line.take_many(0, 100, 0.0)
    first = sets_of(line.attempt())
    assert set(first.values()) == {"train", "validation", "gate"}
    line.take_many(100, 60, 37.0)
    second = line.attempt(seed=99)
    assert {frame: sets_of(second)[frame] for frame in first} == first
    assert second.dealt == Deals(str(line.folder / "frames"), "small").standing()
    assert len(second.dataset.items) == 160


def test_a_corrected_label_of_the_dataset_enters_as_its_next_version_and_moves_nothing(line: Line) -> None:
    frames = line.take_many(0, 80, 0.0)
    first = line.attempt()
    line.publish(first)
    twice, gone, boxed, strange = (frame.frame_id for frame in frames[:4])
    line.take_many(100, 70, 1000.0)
    before = {item.frame_id: item for item in first.dataset.items}
    line.correct(twice, "flower")
    line.correct(gone, "flower" if before[gone].label == "china" else "china")
    (line.folder / "frames" / line.labels[gone].path).unlink()
    line.labels[boxed] = msgspec.structs.replace(line.labels[boxed], truth=BoxesTruth(()), label="")
    line.correct(strange, "zebra")
    excluded = Excluded()
    second = line.attempt(excluded)
    after = {item.frame_id: item for item in second.dataset.items}
    assert (after[twice].label, after[twice].label_version, after[twice].labelled_by) == ("flower", 2, "second look")
    assert after[gone].label != before[gone].label, "the dataset holds its picture, whatever retention took"
    for frame, item in before.items():
        assert (after[frame].set, after[frame].recording, after[frame].sha256) == (item.set, item.recording, item.sha256)
    assert {frame for frame, item in before.items() if after[frame] != item} == {twice, gone}
    assert excluded.reasons == {"corrected to what the model cannot learn: its label stays": [boxed, strange]}
    line.publish(second)
    line.correct(twice, "china")
    line.take_many(200, 70, 2000.0)
    third = {item.frame_id: item for item in line.attempt().dataset.items}
    assert (third[twice].label, third[twice].label_version) == ("china", 3)
    assert third[gone] == after[gone]


def test_the_same_picture_under_another_name_never_comes_twice(line: Line) -> None:
    frames = line.take_many(0, 80, 0.0)
    line.publish(line.attempt())
    again = line.take(line.content[frames[0].frame_id], 900.0, LABELS[0])
    other = line.take(line.content[frames[2].frame_id], 901.0, LABELS[1])
    line.take_many(100, 70, 1000.0)
    excluded = Excluded()
    material = line.attempt(excluded)
    assert len({item.sha256 for item in material.dataset.items}) == len(material.dataset.items) == 150
    assert excluded.reasons == {
        "the same picture as one of the dataset": [again.frame_id],
        "labelled otherwise than the same picture in the dataset": [other.frame_id],
    }


def test_near_duplicates_share_a_scene_and_where_their_recordings_are_apart_the_one_that_learns_is_left_out(line: Line) -> None:
    line.take_many(0, 100, 0.0)
    first = line.attempt()
    by_set = {item.set: item for item in first.dataset.items}
    gate, train, other = by_set["gate"], by_set["train"], by_set["validation"]
    close_to_gate = line.take(sent_again(line.content[gate.frame_id]), train.captured_at - SINCE + 0.1, gate.label, train.camera)
    unheard = line.take(sent_again(line.content[other.frame_id]), 5000.0, other.label, "a")
    excluded = Excluded()
    second = line.attempt(excluded)
    assert excluded.reasons == {"nearly the same as a frame of another set": [close_to_gate.frame_id]}
    items = {item.frame_id: item for item in second.dataset.items}
    assert items[unheard.frame_id].set == "validation"
    assert items[unheard.frame_id].recording == items[other.frame_id].recording
    assert items[gate.frame_id].set == "gate"
    assert leaks(second.seen, [i.set for i in second.dataset.items], [i.recording for i in second.dataset.items]) == []
    assert items[gate.frame_id].width == items[gate.frame_id].height == 96


def test_a_frame_that_nearly_repeats_the_dataset_is_left_out(line: Line) -> None:
    frames = line.take_many(0, 80, 0.0)
    line.publish(line.attempt())
    repeat = line.take(sent_again(line.content[frames[5].frame_id]), 900.0)
    line.take_many(100, 70, 1000.0)
    excluded = Excluded()
    line.attempt(excluded)
    assert excluded.reasons == {"nearly the same as a frame of the dataset": [repeat.frame_id]}


def test_too_little_says_what_is_needed_and_the_deal_stands_all_the_same(line: Line) -> None:
    line.take_many(0, 40, 0.0)
    with pytest.raises(
        TooLittleError, match="40 labelled frames that are not in the dataset yet, at least 64 are needed; none excluded"
    ):
        line.attempt()
    line.take_many(40, 60, 300.0)
    with pytest.raises(
        TooLittleError, match=r"100 are needed \(min_gate\): some 334 new labels in all; \d+ new frames to learn from"
    ):
        line.attempt(min_gate=100)
    dealt = Deals(str(line.folder / "frames"), "small").standing()
    assert line.attempt().dealt == dealt


def test_a_class_may_be_short_where_a_person_said_so(line: Line) -> None:
    line.take_many(0, 100, 0.0)
    with pytest.raises(TooLittleError, match="60 of each class are needed"):
        line.attempt(min_train_per_class=60)
    assert len(line.attempt(min_train_per_class=60, override="ada: the part is rare").dataset.items) == 100


def test_bytes_are_read_when_they_are_needed(line: Line) -> None:
    line.take_many(0, 80, 0.0)
    material = line.attempt()
    assert [material.frames[row] for row in (0, 79)] == [line.content[material.dataset.items[row].frame_id] for row in (0, 79)]
    assert list(material.frames.rows(material.added)) == [line.content[item.frame_id] for item in material.dataset.items]


class Attempts(RuleBasedStateMachine):
    """Labels come in any order and are corrected, frames come again, attempts are rejected, held, killed, published, in any order."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.line = Line(Path(self.folder.name))
        self.sets: dict[str, Set] = {}
        self.dealt: dict[str, Set] = {}
        self.used = 70
        self.line.take_many(0, 70, 0.0)

    @rule(count=st.integers(1, 80), start=st.integers(0, 400))
    def label(self, count: int, start: int) -> None:
        self.line.take_many(self.used, count, float(start))
        self.used += count

    @rule(place=st.integers(0, 1000), start=st.integers(0, 400))
    def send_again(self, place: int, start: int) -> None:
        frame = list(self.line.labels.values())[place % len(self.line.labels)]
        self.line.take(sent_again(self.line.content[frame.frame_id]), float(start), LABELS[place % 2], "ab"[start % 2])

    @rule(place=st.integers(0, 1000), label=st.sampled_from(LABELS))
    def correct(self, place: int, label: str) -> None:
        self.line.correct(list(self.line.labels)[place % len(self.line.labels)], label)

    @rule(seed=st.integers(0, 5), published=st.booleans(), order=st.integers(0, 5))
    def attempt(self, seed: int, published: bool, order: int) -> None:
        labels = list(self.line.labels.values())
        shuffled = [labels[int(i)] for i in np.random.default_rng(order).permutation(len(labels))]
        try:
            material = self.line.attempt(labels=shuffled, seed=seed)
        except TooLittleError:
            return
        items = material.dataset.items
        found = sets_of(material)
        assert {frame: found[frame] for frame in self.sets if frame in found} == {
            frame: chosen for frame, chosen in self.sets.items() if frame in found
        }
        self.sets |= found
        assert leaks(material.seen, [item.set for item in items], [item.recording for item in items]) == []
        if published:
            self.line.publish(material)

    @rule(seed=st.integers(0, 5))
    def held(self, seed: int) -> None:
        with pytest.raises(TooLittleError):
            self.line.attempt(seed=seed, min_gate=100_000)

    @rule(seed=st.integers(0, 5))
    def killed(self, seed: int) -> None:
        def kill(done: float) -> None:
            raise KeyboardInterrupt

        with pytest.raises((KeyboardInterrupt, TooLittleError)):
            self.line.attempt(seed=seed, report=kill)

    @invariant()
    def no_recording_moves(self) -> None:
        standing = Deals(str(self.line.folder / "frames"), "small").standing()
        assert {name: standing.get(name) for name in self.dealt} == self.dealt
        self.dealt = standing

    def teardown(self) -> None:
        self.folder.cleanup()


TestAttempts = Attempts.TestCase
TestAttempts.settings = settings(max_examples=6, stateful_step_count=10)
