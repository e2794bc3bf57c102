"""Files made one stream: in order of time whatever the files' order, in bounded memory."""

import random
from itertools import count
from pathlib import Path

import msgspec
import pytest

from contracts.events import FrameScored, encode
from monitor.backtest import ordering
from monitor.backtest.files import EventFile
from monitor.backtest.ordering import OutOfOrderError, merged
from tests.monitor_line import Line, usual


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[FrameScored]:
    """600 frames; each moment has those of two cameras."""
    line = Line(tmp_path_factory.mktemp("line"))
    frames = list(line.pass_by(("cam-1", "cam-2"), 300, usual()))
    return [frame if number % 2 else replaced(frame, frames[number + 1].received_at) for number, frame in enumerate(frames)]


def replaced(frame: FrameScored, at: float) -> FrameScored:
    """The frame at another time."""
    return msgspec.structs.replace(frame, received_at=at, captured_at=at)


def write(folder: Path, *parts: list[FrameScored]) -> list[EventFile]:
    files = []
    for number, part in enumerate(parts):
        path = folder / f"part-{number}"
        path.write_bytes(b"".join(encode(frame, "test").value + b"\n" for frame in part))
        files.append(EventFile(str(path), number, "FrameScored"))
    return files


def ids(folder: Path, *parts: list[FrameScored], presorted: bool = True) -> list[str]:
    """The ids in the order of the stream."""
    files = write(folder, *parts)
    for file in files:
        file.source.sorted = not presorted
    runs = count()
    (folder / "runs").mkdir(exist_ok=True)
    return [one.event_id for one in merged(files, lambda: folder / "runs" / str(next(runs)))]


def test_any_split_of_any_order_gives_one_stream(told: list[FrameScored], tmp_path: Path) -> None:
    whole = ids(tmp_path, told)
    assert sorted(whole) == sorted(frame.event_id for frame in told)
    shuffled = random.Random(1).sample(told, len(told))
    for parts in ((told[:200], told[200:]), (told[200:], told[:200]), (told[::3], told[1::3], told[2::3]), (shuffled,), (told, [])):
        assert ids(tmp_path, *parts) == whole


def test_what_does_not_fit_the_window_is_sorted_on_disk(
    told: list[FrameScored], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ids(tmp_path, told)
    monkeypatch.setattr(ordering, "WINDOW", 10)
    monkeypatch.setattr(ordering, "LEAST_WINDOW", 10)
    monkeypatch.setattr(ordering, "RUN", 32)
    monkeypatch.setattr(ordering, "MOST_RUNS", 4)
    camera_by_camera = [*told[::2], *told[1::2]]
    with pytest.raises(OutOfOrderError, match="part-0"):
        ids(tmp_path, camera_by_camera)
    assert ids(tmp_path, camera_by_camera, presorted=False) == whole
    assert ids(tmp_path, camera_by_camera[:250], camera_by_camera[250:], presorted=False) == whole


def test_a_few_late_events_are_counted_and_judged_when_they_come(
    told: list[FrameScored], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "LEAST_WINDOW", 10)
    monkeypatch.setattr(ordering, "WINDOW", 10)
    (file,) = write(tmp_path, [*told[3:400], *told[:3], *told[400:]])
    found = [one.event_id for one in merged([file], lambda: tmp_path / "none")]
    assert file.source.late == 3
    assert len(found) == len(told)
    assert found.index(told[0].event_id) == pytest.approx(387, abs=2)
