"""Batches: the same frames with the same bits however many threads make them, each once an epoch, and what the loop waited."""

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.files import Folder
from retrain.augment.spec import PipelineSpec, filled, standard
from retrain.models.recipe import SMALL_CONV, find
from retrain.training.course import Batch, Batches, Course
from retrain.training.loader import RESERVE, Loader, TrainingSet
from retrain.training.loop import train
from tests.small_pictures import LABELS, SIDE, accuracy, pictures

SPEC = filled(standard(3), ())
COUNT = 23


def training_set(count: int = COUNT, boxes: bool = False) -> TrainingSet:
    """Frames that tell their number in every pixel."""
    image = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 20, 24, 3))
    corners = np.array([[2, 3, 20, 18]], dtype=np.float32), np.array([1])
    truth = (
        [corners if number % 2 else (corners[0][:0], corners[1][:0]) for number in range(count)] if boxes else np.arange(count) % 5
    )
    return TrainingSet(image, truth, np.linspace(0.5, 1.5, count).astype(np.float32))


def loader(
    clock: Callable[[], float] = lambda: 0.0, spec: PipelineSpec = SPEC, boxes: bool = False, batch: int = 5, **more: int
) -> Loader:
    return Loader(training_set(boxes=boxes), batch, spec, clock, seed=1, **more)  # type: ignore[arg-type]


def same(one: list[Batch], other: list[Batch]) -> bool:
    def parts(batch: Batch) -> list[torch.Tensor]:
        return [batch.image, batch.weight, *([batch.truth] if isinstance(batch.truth, torch.Tensor) else batch.truth)]

    return len(one) == len(other) and all(
        all(torch.equal(a, b) for a, b in zip(parts(left), parts(right), strict=True))
        for left, right in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("boxes", [False, True])
def test_the_number_of_workers_changes_no_bit(workers: int, boxes: bool) -> None:
    for number in (0, 3):
        alone = list(loader(workers=0, boxes=boxes).epoch(number))
        assert same(list(loader(workers=workers, boxes=boxes).epoch(number)), alone)


def test_an_epoch_goes_on_where_a_checkpoint_says() -> None:
    batches: Batches = loader()
    whole = list(batches.epoch(2))
    for skip in range(len(whole) + 1):
        assert same(list(loader().epoch(2, skip)), whole[skip:])


def test_each_frame_comes_once_an_epoch_in_another_order_with_its_truth_and_weight() -> None:
    orders = []
    for number in range(3):
        found = list(loader(spec=PipelineSpec()).epoch(number))
        order = torch.cat([batch.image[:, 0, 0, 0] for batch in found]).long()
        assert sorted(order.tolist()) == list(range(COUNT))
        assert torch.cat([batch.truth for batch in found]).tolist() == (order % 5).tolist()  # type: ignore[misc]
        assert torch.cat([batch.weight for batch in found]).numpy() == pytest.approx(training_set().weight[order])
        assert {len(batch.image) for batch in found} == {4, 5}
        assert len(found) == len(loader()) == 5
        orders.append(tuple(order.tolist()))
    assert len(set(orders)) == 3


def test_a_frame_is_changed_anew_in_every_epoch() -> None:
    first, second = (
        {float(weight): image for batch in loader().epoch(number) for weight, image in zip(batch.weight, batch.image, strict=True)}
        for number in (0, 1)
    )
    assert len(first) == COUNT
    assert sum(not torch.equal(first[weight], second[weight]) for weight in first) > COUNT // 2


def test_trainers_share_every_batch() -> None:
    alone = list(loader(spec=PipelineSpec()).epoch(1))
    shared = [list(loader(spec=PipelineSpec(), rank=rank, world=2).epoch(1)) for rank in (0, 1)]
    for batch, *parts in zip(alone, *shared, strict=True):
        together = sorted(int(frame[0, 0, 0]) for part in parts for frame in part.image)
        assert together == sorted(batch.image[:, 0, 0, 0].tolist())
        assert abs(len(parts[0].image) - len(parts[1].image)) <= 1


@pytest.mark.parametrize(("count", "batch", "world"), [(1, 8, 2), (23, 1, 2), (3, 2, 2)])
def test_a_trainer_without_a_frame_is_refused(count: int, batch: int, world: int) -> None:
    with pytest.raises(ValueError, match="cannot be shared by 2 trainers"):
        Loader(training_set(count), batch, SPEC, lambda: 0.0, world=world)


def test_boxes_follow_and_lie_in_the_frame() -> None:
    found = [one for batch in loader(boxes=True).epoch(0) for one in batch.truth]
    assert len(found) == COUNT
    rows = torch.cat(found)
    assert 5 < len(rows) <= COUNT // 2
    assert rows.dtype == torch.float32
    assert (rows[:, 4] == 1).all()
    assert (rows[:, :2] >= 0).all()
    assert (rows[:, 2:4] <= torch.tensor([24.0, 20.0]) + 1e-3).all()


def test_the_device_augments_the_same() -> None:
    """Flat frames: what differs by a level between the two is a cover's or a border's edge."""
    for host, device in zip(loader(boxes=True).epoch(1), loader(boxes=True, on_device=True).epoch(1), strict=True):
        assert (host.image.int() - device.image.int()).abs().max() <= 2
        assert all(torch.equal(a, b) for a, b in zip(host.truth, device.truth, strict=True))


def test_what_the_loop_waited_is_counted() -> None:
    ticks = iter(range(1000))
    batches = loader(lambda: float(next(ticks)), workers=0)
    assert batches.stalled_s == 0
    for _ in batches.epoch(0):
        next(ticks)  # the step's time is not the loader's
    assert batches.stalled_s == 5
    list(batches.epoch(1))
    assert batches.stalled_s == 10


def test_only_a_few_batches_are_made_ahead_and_none_after_the_loop_breaks_off() -> None:
    made: list[int] = []

    class Watched(np.ndarray):  # type: ignore[type-arg]
        def __getitem__(self, row: object) -> np.ndarray:  # type: ignore[override]
            made.append(1)
            return np.asarray(super().__getitem__(row))  # type: ignore[index]

    frames = TrainingSet(
        np.zeros((100, 16, 16, 3), dtype=np.uint8).view(Watched), np.zeros(100, dtype=np.int64), np.ones(100, dtype=np.float32)
    )
    before = threading.active_count()
    epoch = Loader(frames, 2, PipelineSpec(), lambda: 0.0, workers=2).epoch(0)
    next(epoch)
    epoch.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(made) <= 2 * (1 + 2 + RESERVE)


def test_a_frame_that_fails_fails_the_loop() -> None:
    torn = TrainingSet(
        np.zeros((4, 16, 16, 3), dtype=np.uint8),
        [(np.array([[0, 0, 8, 8]], dtype=np.float32), np.zeros(0, dtype=np.int64))] * 4,
        np.ones(4, dtype=np.float32),
    )
    with pytest.raises(IndexError):
        list(Loader(torn, 2, PipelineSpec(), lambda: 0.0, workers=1).epoch(0))


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_training_killed_in_the_middle_goes_on_with_other_workers_to_the_same_weights(tmp_path: Path) -> None:
    image, digit = pictures()
    digits = TrainingSet(image[:120], digit[:120], np.ones(120, dtype=np.float32))
    spec = filled(standard(3), ())
    course = Course(epochs=3, batch=24, rate=0.01, seed=1, checkpoint_s=3)

    def run(folder: str, workers: int, dies_at: int | None = None) -> bytes:
        looks = count()

        def clock() -> float:
            now = next(looks)
            if now == dies_at:
                raise KilledError
            return float(now)

        made = find(SMALL_CONV).build("classification", LABELS, SIDE)
        batches = Loader(digits, course.batch, spec, lambda: 0.0, seed=1, workers=workers)
        return train(made, batches, accuracy(), course, Folder(str(tmp_path / folder)), lambda *_, **__: None, clock).weights

    whole = run("whole", 0)
    with pytest.raises(KilledError):
        run("killed", 1, dies_at=15)
    assert run("killed", 4) == whole
