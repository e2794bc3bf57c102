"""Workers: every answer belongs to its request, every event is on disk before it, and one bad frame or version harms no other."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import frames as framing
from contracts.events import FrameScored
from contracts.frame_store import FrameStore
from contracts.ids import derived_id
from contracts.logs import Logger
from contracts.predictions import Classification
from serving.delivery.journal import Journal
from serving.delivery.spool import Spool
from serving.models.registry import Lineup
from serving.models.served import Served
from serving.problems import ProblemError
from serving.queueing.frame import Answer, Frame, Outcome
from serving.queueing.queue import FrameQueue
from serving.scoring.keeper import Keeper
from serving.scoring.sampling import Sampler
from serving.scoring.seen import Eye
from serving.scoring.worker import Desk, Worker
from serving.settings import Camera
from tests.small_model import SPEC, photographs
from tests.unit.serving import parts

FRAMES, _ = photographs(24, side=64)
LABELS = tuple(f"class-{number}" for number in range(24))


class Bench:
    """A worker with everything around it but threads and HTTP."""

    def __init__(self, folder: Path, lineup: Lineup | None, sample_share: float = 0.0, spool_bytes: int = 1 << 22) -> None:
        self.order: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        self.instruments = parts.instruments()
        log = Logger("test")
        self.spool = Spool(folder / "spool", spool_bytes)
        self.queue = FrameQueue(limit=64, shadow_limit=16, workers=1, max_batch=8)
        self.keeper = Keeper(FrameStore(str(folder / "frames")), "small", 1 << 30, 1.0, self.instruments, log, lambda: parts.NOW)
        self.desk = Desk(
            model="small",
            queue=self.queue,
            lineup=lambda: lineup,
            eye=Eye(),
            sampler=Sampler(sample_share, 0.0, "seed"),
            keeper=self.keeper,
            journal=Journal(self.spool, "serving", self.instruments, log),
            deliver=self._deliver,
            instruments=self.instruments,
            log=log,
            clock=lambda: parts.NOW + 1,
        )
        self.worker = Worker(0, self.desk)

    def _deliver(self, outcomes: Sequence[tuple[Frame, Outcome]]) -> None:
        self.order.append(f"{len(outcomes)} delivered, {self.spool.pending_bytes > 0} journalled")
        self.outcomes |= {frame.frame_id: outcome for frame, outcome in outcomes}

    def answer_of(self, frame: Frame) -> Answer:
        outcome = self.outcomes[frame.frame_id]
        assert isinstance(outcome, Answer), outcome
        return outcome

    def events(self) -> list[FrameScored]:
        found = []
        while batch := self.spool.read(100, 0):
            found += [msgspec.json.decode(record.value, type=FrameScored) for record in batch.records]
            self.spool.acknowledge(batch.end)
        return found


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A version with random weights and as many classes as frames: its scores identify the frame."""
    return parts.served(tmp_path_factory.mktemp("many"), labels=LABELS, seed=5)


@pytest.fixture(scope="module")
def alone(many: Served) -> list[tuple[tuple[str, ...], tuple[float, ...]]]:
    """What each frame gets when it is scored alone."""
    found = []
    for content in FRAMES:
        (scores,) = many.score(framing.see(content, SPEC)[None], [framing.inspect(content)], 0)
        assert scores
        assert isinstance(scores.prediction, Classification)
        found.append((scores.prediction.labels, scores.prediction.probabilities))
    assert len(set(found)) == len(FRAMES)
    return found


@given(st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=12), st.integers(1, 5))
def test_batched_answers_belong_to_their_requests(
    tmp_path_factory: pytest.TempPathFactory, many: Served, alone: list[Any], picks: list[int], batch: int
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"), parts.lineup(many))
    frames = [parts.frame(FRAMES[pick], number=number) for number, pick in enumerate(picks)]
    for start in range(0, len(frames), batch):
        bench.worker.answer(frames[start : start + batch])
    for frame, pick in zip(frames, picks, strict=True):
        answer = bench.answer_of(frame)
        assert answer.prediction.labels == alone[pick][0]  # type: ignore[union-attr]  # a classification
        assert answer.prediction.probabilities == pytest.approx(alone[pick][1], abs=2e-6)  # type: ignore[union-attr]
        assert answer.captured_at == frame.captured_at
    events = bench.events()
    assert [event.frame_id for event in events] == [frame.frame_id for frame in frames]
    assert [event.prediction for event in events] == [bench.answer_of(frame).prediction for frame in frames]
    bench.spool.close()


def test_a_batch_of_two_versions_is_answered_by_each(tmp_path: Path) -> None:
    one, two = parts.served(tmp_path, "1"), parts.served(tmp_path, "2", seed=1, reference=(FRAMES, [1, 0] * 12), champion=False)
    lineup = parts.lineup(one, two, candidate="2", share=0.5)
    cameras = [f"camera-{number}" for number in range(16)]
    bench = Bench(tmp_path, lineup)
    frames = [parts.frame(FRAMES[0], camera, number=number) for number, camera in enumerate(cameras)]
    bench.worker.answer(frames)
    answers = {frame.camera_name: bench.answer_of(frame) for frame in frames}
    assert {camera: (answer.version, answer.variant) for camera, answer in answers.items()} == {
        camera: lineup.channels.answering(camera) for camera in cameras
    }
    assert {answer.prediction.label for answer in answers.values() if answer.version == "1"} == {"china"}  # type: ignore[union-attr]
    assert {answer.prediction.label for answer in answers.values() if answer.version == "2"} == {"flower"}  # type: ignore[union-attr]


def test_a_damaged_frame_harms_no_other_and_no_event_is_lost(tmp_path: Path, many: Served) -> None:
    bench = Bench(tmp_path, parts.lineup(many))
    cut = parts.frame(FRAMES[0], number=2)
    cut.content = cut.content[: len(cut.content) // 2]
    frames = [parts.frame(FRAMES[1], number=0), cut, parts.frame(FRAMES[2], number=3)]
    bench.worker.answer(frames)
    outcome = bench.outcomes[cut.frame_id]
    assert isinstance(outcome, ProblemError)
    assert (outcome.kind, outcome.outcome) == ("truncated", "rejected")
    assert [event.frame_id for event in bench.events()] == [frames[0].frame_id, frames[2].frame_id]
    assert bench.order == ["3 delivered, True journalled"]


def test_outputs_that_are_not_finite_are_answered_500_and_never_logged(
    tmp_path: Path, many: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, parts.lineup(many))
    run = Served.run

    def broken(self: Served, pixels: Any, worker: int) -> Any:
        scores, embedding = run(self, pixels, worker)
        scores[0, 0], embedding[1, 0] = np.nan, np.inf
        return scores, embedding

    monkeypatch.setattr(Served, "run", broken)
    frames = [parts.frame(content, number=number) for number, content in enumerate(FRAMES[:3])]
    before = many.fared.counts
    bench.worker.answer(frames)
    assert many.fared.counts == (before.answered + 1, before.failed, before.invalid + 2)
    for frame in frames[:2]:
        outcome = bench.outcomes[frame.frame_id]
        assert isinstance(outcome, ProblemError)
        assert (outcome.kind, outcome.status) == ("invalid-output", 500)
    assert [event.frame_id for event in bench.events()] == [frames[2].frame_id]
    assert parts.value(bench.instruments, "invalid_outputs_total", model="small", version="1") == 2


def test_a_model_that_fails_is_each_frames_answer(tmp_path: Path, many: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, parts.lineup(many))
    monkeypatch.setattr(Served, "run", lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory")))
    frames = [parts.frame(content, number=number) for number, content in enumerate(FRAMES[:2])]
    before = many.fared.counts
    bench.worker.answer(frames)
    assert many.fared.counts == (before.answered, before.failed + 2, before.invalid)
    assert {outcome.kind for outcome in bench.outcomes.values() if isinstance(outcome, ProblemError)} == {"inference-failed"}
    assert len(bench.outcomes) == 2
    assert bench.events() == []


def test_without_a_lineup_frames_hear_that_nothing_is_ready(tmp_path: Path) -> None:
    bench = Bench(tmp_path, None)
    frame = parts.frame(FRAMES[0])
    bench.worker.answer([frame])
    outcome = bench.outcomes[frame.frame_id]
    assert isinstance(outcome, ProblemError)
    assert outcome.status == 503


def test_a_full_spool_drops_events_counts_them_and_answers(tmp_path: Path, many: Served, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(tmp_path, parts.lineup(many), spool_bytes=5000)
    frames = [parts.frame(FRAMES[0], number=number) for number in range(12)]
    for frame in frames:
        bench.worker.answer([frame])
    assert all(bench.answer_of(frame) for frame in frames)
    kept = len(bench.events())
    assert 0 < kept < 12
    assert parts.value(bench.instruments, "events_total", outcome="dropped") == 12 - kept
    assert parts.value(bench.instruments, "events_total", outcome="spooled") == kept
    assert [record.message for record in caplog.records].count("events_dropped") == 1


def test_a_sampled_frames_card_is_there_before_its_answer(tmp_path: Path, many: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, parts.lineup(many), sample_share=1.0)
    frame, sealed = parts.frame(FRAMES[0]), parts.frame(FRAMES[1], "sealed", Camera(site="hall", audit=True), number=1)
    found = []

    def deliver(outcomes: Sequence[tuple[Frame, Outcome]]) -> None:
        found.append(bench.keeper.card(frame.frame_id))
        bench._deliver(outcomes)

    Worker(0, dataclasses.replace(bench.desk, deliver=deliver)).answer([frame, sealed])
    assert bench.answer_of(frame).sample == "uniform"
    assert bench.answer_of(sealed).sample is None
    (card,) = found
    assert card is not None
    assert [said.version for said in card.predictions] == ["1"]
    assert bench.keeper.card(sealed.frame_id) is None
    event, audit = bench.events()
    assert (event.stored, event.sample, event.audit) == (card.path, "uniform", False)
    assert (audit.stored, audit.sample, audit.audit) == (None, None, True)


def test_the_shadow_scores_what_was_answered_and_joins_the_card(tmp_path: Path, many: Served) -> None:
    shadow = parts.served(tmp_path, "2", labels=LABELS, seed=9)
    bench = Bench(tmp_path, parts.lineup(many, shadow, shadow="2"), sample_share=1.0)
    frames = [parts.frame(content, number=number) for number, content in enumerate(FRAMES[:3])]
    bench.worker.answer(frames)
    work = bench.queue.take()
    assert work
    bench.worker.follow(work.shadow)
    events = bench.events()
    answered, shadowed = events[:3], events[3:]
    assert [(event.frame_id, event.version, event.variant) for event in shadowed] == [(f.frame_id, "2", "shadow") for f in frames]
    for event, of in zip(shadowed, answered, strict=True):
        assert event.event_id == derived_id(of.frame_id, "2", "shadow") != of.event_id
        assert (event.statistics, event.captured_at, event.stored) == (of.statistics, of.captured_at, of.stored)
        content = FRAMES[answered.index(of)]
        (scores,) = shadow.score(framing.see(content, SPEC)[None], [framing.inspect(content)], 0)
        assert scores
        assert event.prediction == scores.prediction != of.prediction
        card = bench.keeper.card(of.frame_id)
        assert card
        assert [(said.version, said.variant) for said in card.predictions] == [("1", "champion"), ("2", "shadow")]
    assert parts.value(bench.instruments, "shadow_frames_total", outcome="scored") == 3
    assert shadow.fared.counts == (3, 0, 0)


def test_the_thread_outlives_a_batch_that_fails(tmp_path: Path, many: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, parts.lineup(many))
    see = Eye.see
    failed: list[str] = []

    def fails_once(self: Eye, frame: Frame, lineup: Lineup) -> Any:
        if not failed:
            failed.append(frame.frame_id)
            raise MemoryError("one bad moment")
        return see(self, frame, lineup)

    monkeypatch.setattr(Eye, "see", fails_once)
    frames = [parts.frame(FRAMES[0], number=number) for number in range(9)]
    for frame in frames:
        assert bench.queue.reserve(frame.camera_name)
        bench.queue.put([frame])
    bench.queue.close()
    bench.worker.start()
    assert bench.worker.join(60)
    outcomes = [bench.outcomes[frame.frame_id] for frame in frames]
    assert {outcome.kind for outcome in outcomes[:8] if isinstance(outcome, ProblemError)} == {"internal"}
    assert isinstance(outcomes[8], Answer)
