"""The gate "drift closure" of a detector: what is judged are the sealed frames, each row of one frame, however few they are."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from contracts.baseline import MIN_FRAMES
from contracts.frame_header import Header
from contracts.predictions import Box, BoxesTruth
from contracts.statistics import NUMERIC
from retrain.data.dataset import Dataset, Item
from retrain.models.session import Views
from retrain.trainer.box_closing import apart

LEARNED, SEALED = 80, MIN_FRAMES - 8


def item(row: int) -> Item:
    """Two cameras side by side: their recordings take turns."""
    return Item(
        sha256=f"{row:064d}", truth=BoxesTruth(()), recording=f"r{row // 20}-{row % 2}", camera=f"c{row % 2}", captured_at=float(row), added="1",
        set="validation" if row < LEARNED else "gate",
    )  # fmt: skip


def test_sealed_frames_stay_in_their_order_and_may_be_few() -> None:
    count = LEARNED + SEALED
    random = np.random.default_rng(3)
    embedding = random.normal(0, 1, (count, 6)).astype(np.float32)
    statistics = np.repeat(np.arange(count, dtype=np.float32)[:, None], len(NUMERIC), axis=1)
    seen = Views(statistics, np.zeros(count, np.uint64), embedding, np.zeros((count, 0), np.float32))
    dataset = Dataset(model="m", labels=("bolt",), items=tuple(map(item, range(count))))
    sealed = np.arange(LEARNED, count)
    material = SimpleNamespace(dataset=dataset, new=np.ones(count, np.bool_), sealed=lambda new: sealed)
    its: Any = SimpleNamespace(material=material, headers=[Header("jpeg", 100, 100)] * count)
    candidate: Any = SimpleNamespace(seen=seen, said=[(Box("bolt", 0, 0, row + 1, 10, 0.5),) for row in range(count)])
    reference, held_out = apart(its, candidate, np.arange(LEARNED))
    assert len(held_out) == SEALED
    assert held_out.statistics[:, 0].tolist() == sealed.tolist()
    assert np.array_equal(held_out.embedding, reference.project(embedding[sealed]))
    assert held_out.answers is not None
    assert np.all(np.diff(held_out.answers[:, -1]) > 0)  # boxes grow with the row
    assert held_out.group[:4].tolist() == [0, 1, 0, 1]
