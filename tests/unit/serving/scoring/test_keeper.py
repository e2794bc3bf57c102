"""The keeper: what is sampled is stored, known before it is, bounded, and pruned."""

import threading
from pathlib import Path

import pytest

from contracts.errors import StoreError
from contracts.frame_store import FrameStore, StoredFrame
from contracts.logs import Logger
from contracts.predictions import Scored, classification
from serving.scoring import keeper as keeping
from serving.scoring.keeper import Keeper
from tests.serving_process import eventually
from tests.unit.serving import parts

SAID = Scored("1", "champion", classification(("a", "b"), [0.9, 0.1]))


def _card(number: int = 0) -> StoredFrame:
    return parts.card(SAID, number)


class Store(FrameStore):
    """A real store that waits for `open` before each write, and fails while `error` is set."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.open = threading.Event()
        self.open.set()
        self.error: StoreError | None = None
        self.puts = 0

    def put(self, card: StoredFrame, content: bytes) -> None:
        assert self.open.wait(60)
        self.puts += 1
        if self.error:
            raise self.error
        super().put(card, content)


def _keeper(folder: Path, max_bytes: int = 1 << 20) -> tuple[Keeper, Store]:
    store = Store(str(folder))
    return Keeper(store, "small", max_bytes, 1.0, parts.instruments(), Logger("test"), lambda: parts.NOW), store


def test_a_frame_is_known_at_once_and_stored_by_the_stop(tmp_path: Path) -> None:
    keeper, store = _keeper(tmp_path)
    store.open.clear()
    keeper.start()
    cards = [_card(number) for number in range(5)]
    for card in cards:
        keeper.keep(card, card.frame_id.encode())
    assert [keeper.card(card.frame_id) for card in cards] == cards
    assert store.card("small", cards[0].frame_id) is None
    store.open.set()
    assert keeper.stop(60) == 0
    for card in cards:
        assert store.card("small", card.frame_id) == card
        assert store.read(card.path) == card.frame_id.encode()


def test_a_later_card_stands_and_a_waiting_one_is_written_once(tmp_path: Path) -> None:
    keeper, store = _keeper(tmp_path)
    card = _card()
    later = StoredFrame(**{name: getattr(card, name) for name in card.__struct_fields__} | {"predictions": (SAID, SAID)})
    keeper.keep(card, b"frame")
    keeper.keep(later, b"frame")
    keeper.start()
    assert keeper.stop(60) == 0
    assert store.puts == 1
    assert store.card("small", card.frame_id) == later == keeper.card(card.frame_id)


def test_room_is_bounded_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_MAX_WAITING_BYTES", 100)
    keeper, _ = _keeper(tmp_path)
    keeper.keep(_card(0), bytes(60))
    assert keeper.has_room(40)
    assert not keeper.has_room(41)
    keeper.start()
    assert keeper.stop(60) == 0
    assert keeper.has_room(100)


def test_a_store_that_fails_loses_its_samples_and_says_it_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper, store = _keeper(tmp_path)
    store.error = StoreError("the disk is full")
    lost = [_card(number) for number in range(3)]
    for card in lost:
        keeper.keep(card, b"frame")
    keeper.start()
    assert keeper.stop(60) == 0
    assert [keeper.card(card.frame_id) for card in lost] == [None, None, None]
    assert [record.message for record in caplog.records].count("frame_not_stored") == 1


def test_recent_cards_are_bounded_and_older_ones_come_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_RECENT_CARDS", 2)
    keeper, store = _keeper(tmp_path)
    cards = [_card(number) for number in range(5)]
    for card in cards:
        store.put(card, b"frame")
        keeper.keep(card, b"frame")
    keeper.start()
    assert keeper.stop(60) == 0
    assert [keeper.card(card.frame_id) for card in cards] == cards
    assert keeper.card("no id at all") is None


def test_old_frames_are_pruned(tmp_path: Path) -> None:
    keeper, store = _keeper(tmp_path)
    old = _card(-3 * 86_400)
    store.put(old, b"old")
    new = _card(0)
    store.put(new, b"new")
    keeper.start()
    eventually("the old frame is gone", lambda: store.card("small", old.frame_id) is None)
    keeper.stop(60)
    assert store.card("small", new.frame_id) == new
