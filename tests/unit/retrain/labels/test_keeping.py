"""Labelled frames outlive retention, a store that fails holds nothing up, and what is gone is told."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import StoreError
from contracts.events import FrameLabelled
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.logs import Logger
from contracts.predictions import ClassTruth
from retrain.labels.book import Labels
from retrain.labels.keeping import AGAIN_S, AT_ONCE, MOST_S, Keeping
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState

START = 1.7e9


class House:
    def __init__(self, folder: Path) -> None:
        self.database = Database(SqliteState(folder / "state.sqlite3", "m"), "test")
        self.labels, self.store, self.folder = Labels(self.database), FrameStore(str(folder)), folder
        self.now, self.step = 0.0, 0.0
        self.keeping = Keeping(self.labels, self.store, "m", Logger("test"), self.clock)

    def clock(self) -> float:
        self.now += self.step
        return self.now

    def frame(self, number: int) -> str:
        frame_id = new_id(START + number)
        path = frame_path("m", frame_id, "jpeg")
        about = {"frame_id": frame_id, "camera": "c", "site": "s", "captured_at": START, "model": "m"}
        card = StoredFrame(**about, codec="jpeg", sample="uniform", predictions=(), path=path)  # type: ignore[arg-type]
        self.store.put(card, f"frame {number}".encode())
        event = FrameLabelled(
            event_id=frame_id, occurred_at=START, truth=ClassTruth("a"), predictions=(), stored=path, sample="uniform", **about  # type: ignore[arg-type]
        )  # fmt: skip
        self.labels.add(event)
        return frame_id

    def tick(self) -> int:
        """How many are left to be kept."""
        self.keeping.copy()
        with self.database.transaction():
            self.keeping.enter()
        return len(self.labels.unkept("", 10_000))

    def content(self) -> list[bytes]:
        return [self.store.read(frame.path) for frame in self.labels.usable(())]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.database.close()


def test_some_at_a_tick_until_all_outlive_retention(house: House) -> None:
    for number in range(AT_ONCE + 5):
        house.frame(number)
    assert [house.tick(), house.tick()] == [5, 0]
    house.store.prune("m", 0, START * 2)
    assert sorted(house.content()) == sorted(f"frame {number}".encode() for number in range(AT_ONCE + 5))
    for frame in house.labels.usable(()):  # and are found by their ids
        card = house.store.card("m", frame.frame_id)
        assert card is not None
        assert card.path == frame.path


def test_a_slow_store_gets_fewer_but_never_none(house: House) -> None:
    for number in range(5):
        house.frame(number)
    house.step = MOST_S * 0.6
    assert [house.tick(), house.tick()] == [4, 3]


def test_what_retention_took_first_is_told_and_waits_no_more(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.frame(0)
    house.store.prune("m", 0, START * 2)
    house.frame(1)
    assert house.tick() == 0
    assert [path.split("/")[0] for path in (frame.path for frame in house.labels.usable(()))] == ["frames", "datasets"]


def test_a_turn_that_fails_loses_nothing(house: House) -> None:
    house.frame(0)
    house.keeping.copy()  # and the transaction that would enter it is undone
    assert house.tick() == 0
    assert house.content() == [b"frame 0"]


def test_a_frame_that_cannot_be_read_lets_the_others_by(house: House) -> None:
    broken = house.folder / frame_path("m", house.frame(0), "jpeg")
    broken.unlink()
    broken.mkdir()
    house.frame(1)
    assert house.tick() == 2
    house.now += AGAIN_S - 1
    assert house.tick() == 2
    house.now += 2
    assert house.tick() == 1
    broken.rmdir()
    broken.write_bytes(b"frame 0")
    assert house.tick() == 0


def test_a_store_that_hangs_before_it_fails_is_left_alone_as_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.frame(0)
    house.frame(1)
    asked = []

    def hang(path: str) -> bytes:
        asked.append(path)
        house.now += 2 * AGAIN_S
        raise StoreError("timed out")

    monkeypatch.setattr(house.store, "read", hang)
    house.tick()
    house.tick()
    assert len(asked) == 1


FULL = """
import resource, signal, sys
from pathlib import Path
from tests.unit.retrain.labels.test_keeping import AGAIN_S, House
house = House(Path(sys.argv[1]))
house.frame(0)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
house.keeping.copy()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with house.database.transaction():
    house.keeping.enter()
print(len(house.labels.unkept("", 9)), sorted(path.name for path in Path(sys.argv[1]).glob("datasets/m/files/*")))
house.now += AGAIN_S + 1
print(house.tick(), house.tick(), house.content())
"""


def test_a_full_disk_is_told_and_the_copy_made_when_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["1 []", "1 0 [b'frame 0']"], done.stderr
