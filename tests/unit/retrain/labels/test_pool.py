"""The pool of frames without a truth: answered and stored ones, bounded blindly, gone as soon as they are labelled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contracts.events import FrameLabelled, FrameScored
from contracts.predictions import ClassTruth, Detections, classification
from contracts.statistics import ImageStatistics
from retrain.labels.pool import AXES, Pool
from retrain.labels.selection import DAY_S
from retrain.state.opening import open_state
from retrain.state.sqlite import SqliteState
from tests.postgres_server import PASSWORD, server

STATISTICS = ImageStatistics(120.0, 40.0, 300.0, 2.0, 7.0, 0.2, 1.0, 1.0, 0.0, 0.0)


@pytest.fixture(params=["sqlite", "postgres"])
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pool]:
    url = server().url(server().database()) if request.param == "postgres" else ""
    state = open_state(url, PASSWORD, tmp_path / "state.sqlite3", "m")
    yield Pool(state.sql)
    state.close()


def scored(number: int, **more: Any) -> FrameScored:
    standard: dict[str, Any] = {
        "camera": "a",
        "variant": "champion",
        "prediction": classification(("cat", "dog"), [0.3, 0.7]),
        "stored": f"frames/m/{number}.jpg",
        "sample": "uniform",
        "embedding": tuple(float(axis) for axis in range(AXES + 8)),
    }
    return FrameScored(
        event_id=f"e{number}", occurred_at=0.0, model="m", frame_id=f"f{number}", site="s", stream="items", version="3", captured_at=float(number),
        received_at=0.0, width=8, height=8, bytes=1, codec="jpeg", statistics=STATISTICS, confidence=0.7, entropy=0.5, **{**standard, **more},
    )  # fmt: skip


def labelled(frame: FrameScored) -> FrameLabelled:
    return FrameLabelled(
        event_id="l", occurred_at=1.0, model="m", frame_id=frame.frame_id, camera=frame.camera, site="s", captured_at=frame.captured_at,
        truth=ClassTruth("cat"), predictions=(), sample=frame.sample,
    )  # fmt: skip


def ids(pool: Pool, *excluded: str) -> list[str]:
    return [one.frame_id for one in pool.candidates(frozenset(excluded))]


def test_a_stored_frame_waits_for_its_label(pool: Pool) -> None:
    assert pool.add(scored(1, camera="b", sample="uncertain"))
    assert not pool.add(scored(1))
    (found,) = pool.candidates()
    assert found[:8] == ("f1", "b", 1.0, "frames/m/1.jpg", "uncertain", "3", 0.5, "dog")
    assert found.embedding.dtype == np.float16
    assert found.embedding.tolist() == list(range(AXES))
    assert ids(pool, "b") == []


@pytest.mark.parametrize("more", [{"stored": None}, {"sample": None}, {"audit": True}, {"variant": "shadow"}])
def test_what_nobody_can_label_does_not_wait(pool: Pool, more: dict[str, Any]) -> None:
    assert not pool.add(scored(1, **more))
    assert ids(pool) == []


def test_a_detector_suggests_no_class(pool: Pool) -> None:
    pool.add(scored(1, prediction=Detections(()), embedding=()))
    (found,) = pool.candidates()
    assert (found.suggested, found.embedding.shape) == ("", (0,))


def test_a_label_ends_the_wait_also_where_it_comes_first(pool: Pool) -> None:
    first, second = scored(1), scored(2)
    pool.add(first)
    pool.labelled(labelled(first))
    pool.labelled(labelled(second))
    assert not pool.add(second)
    assert ids(pool) == []


def test_the_newest_stay(pool: Pool) -> None:
    for number in range(10):
        pool.add(scored(number))
    pool.prune(kept=4)
    assert ids(pool) == ["f6", "f7", "f8", "f9"]


def test_a_busy_camera_leaves_room_for_the_others(pool: Pool) -> None:
    for number in range(40):
        pool.add(scored(number, sample="uncertain" if number % 2 else "uniform"))
    pool.add(scored(40, camera="b"))
    pool.add(scored(int(DAY_S)))
    pool.prune(kept_a_day=3)
    kept = pool.candidates()
    assert len(kept) == 8
    assert [one.frame_id for one in kept][-2:] == ["f40", f"f{int(DAY_S)}"]


def test_which_stay_depends_on_their_ids_alone(pool: Pool, tmp_path: Path) -> None:
    for number in range(40):
        pool.add(scored(number))
    pool.prune(kept_a_day=5)
    other = SqliteState(tmp_path / "other.sqlite3", "m")
    again = Pool(other.sql)
    for number in reversed(range(40)):
        again.add(msgspec.structs.replace(scored(number), entropy=0.1, version="4", embedding=()))
        again.prune(kept_a_day=5)
    assert ids(again) == ids(pool)
    assert ids(pool) not in ([f"f{number}" for number in range(5)], [f"f{number}" for number in range(35, 40)])
    other.close()
