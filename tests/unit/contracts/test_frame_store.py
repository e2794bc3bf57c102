"""Stored frames are found by their id alone, and retention keeps the newest within its bounds."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.errors import StoreError
from contracts.files import Folder
from contracts.frame_store import FrameStore, StoredFrame, frame_path, kept_path
from contracts.ids import new_id
from contracts.predictions import Classification, Scored

HOUR_S = 3600.0
START = 1_700_000_000.0 - 1_700_000_000.0 % HOUR_S
CONTENT = b"\xff\xd8 a frame of a thousand bytes".ljust(1000, b".")


@pytest.fixture(params=["folder", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path)
    else:
        root = f"memory://frames-{secrets.token_hex(4)}"
        yield root
        Folder(root).remove("")


@pytest.fixture
def store(url: str) -> FrameStore:
    return FrameStore(url)


def put(store: FrameStore, at: float, model: str = "solar", content: bytes = CONTENT) -> StoredFrame:
    frame_id = new_id(at)
    card = StoredFrame(
        frame_id=frame_id,
        model=model,
        camera="cam-1",
        site="line-3",
        captured_at=at,
        codec="jpeg",
        sample="uniform",
        predictions=(Scored("1", "champion", Classification(("good", "defect"), (0.9, 0.1))),),
        path=frame_path(model, frame_id, "jpeg"),
    )
    store.put(card, content)
    return card


def kept(store: FrameStore, cards: list[StoredFrame]) -> list[bool]:
    return [store.card(card.model, card.frame_id) is not None for card in cards]


def size_of(url: str) -> int:
    folder = Folder(url)

    def total(path: str) -> int:
        return sum(size + total(f"{path}/{name}") for name, size in folder.sizes(path).items())

    return total("frames")


def test_a_frame_is_found_by_its_id(store: FrameStore, url: str) -> None:
    card = put(store, START)
    assert FrameStore(url).card("solar", card.frame_id) == card
    assert store.read(card.path) == CONTENT
    assert card.path == f"frames/solar/20231114/22/{card.frame_id}.jpeg"


def test_putting_again_changes_nothing(store: FrameStore, url: str) -> None:
    card = put(store, START)
    before = size_of(url)
    store.put(card, CONTENT)
    assert size_of(url) == before


@pytest.mark.parametrize("frame_id", ["", "frame-1", "../../etc/passwd", "0" * 36, new_id(START), new_id(281_474_976_710.0)])
def test_an_unknown_frame_is_none(store: FrameStore, frame_id: str) -> None:
    put(store, START)
    assert store.card("solar", frame_id) is None


def test_a_frame_of_another_model_is_unknown(store: FrameStore) -> None:
    card = put(store, START)
    assert store.card("lunar", card.frame_id) is None


def test_a_frame_without_its_card_is_unfinished(store: FrameStore, url: str) -> None:
    card = put(store, START)
    Folder(url).remove(card.path.replace(".jpeg", ".json"))
    assert store.card("solar", card.frame_id) is None


def test_a_card_that_a_power_cut_left_empty_is_unfinished(store: FrameStore, url: str) -> None:
    card = put(store, START)
    Folder(url).write(card.path.replace(".jpeg", ".json"), b"")
    assert store.card("solar", card.frame_id) is None


def test_a_damaged_card_is_said(store: FrameStore, url: str) -> None:
    card = put(store, START)
    Folder(url).write(card.path.replace(".jpeg", ".json"), b'{"frame_id": 3}')
    with pytest.raises(StoreError, match=r"frames/solar/.*\.json is not readable: .*frame_id"):
        store.card("solar", card.frame_id)


@pytest.mark.parametrize(
    "path", ["frames/../secrets", "/etc/passwd", "frames/solar/../../../etc/passwd", "models/solar/1/model.onnx", ""]
)
def test_a_path_out_of_the_store_is_no_frame(store: FrameStore, url: str, path: str) -> None:
    Folder(url).write("secrets", b"not yours")
    Folder(url).write("models/solar/1/model.onnx", b"not a frame")
    with pytest.raises(FileNotFoundError):
        store.read(path)


def test_retention_by_age_takes_whole_hours_that_ended_before(store: FrameStore) -> None:
    cards = [put(store, START + hours * HOUR_S) for hours in (0, 1, 2, 25, 26)]
    freed = store.prune("solar", 10**9, START + 2.5 * HOUR_S)
    assert kept(store, cards) == [False, False, True, True, True]
    assert freed > 2 * len(CONTENT)
    with pytest.raises(FileNotFoundError):
        store.read(cards[0].path)
    assert store.prune("solar", 10**9, START + 2.5 * HOUR_S) == 0


def test_days_that_are_over_leave_no_empty_folders(store: FrameStore, url: str) -> None:
    put(store, START)
    put(store, START + 48 * HOUR_S)
    store.prune("solar", 10**9, START + 48 * HOUR_S)
    assert Folder(url).names("frames/solar") == [time.strftime("%Y%m%d", time.gmtime(START + 48 * HOUR_S))]


def test_retention_by_size_takes_the_oldest_frames_and_no_more(store: FrameStore, url: str) -> None:
    cards = [put(store, START + minutes * 60) for minutes in range(0, 180, 10)]
    before = size_of(url)
    limit = before // 2
    freed = store.prune("solar", limit, START)
    assert size_of(url) == before - freed <= limit
    assert before - freed > limit - 2 * before / len(cards)
    alive = kept(store, cards)
    assert alive == sorted(alive)
    assert 7 <= sum(alive) <= 9


def test_one_hour_over_the_cap_keeps_its_newest_frames(store: FrameStore, url: str) -> None:
    """A cap below an hour's frames must not empty the store each time it is reached."""
    cards = [put(store, START + seconds) for seconds in range(20)]
    store.prune("solar", size_of(url) // 4, START)
    alive = kept(store, cards)
    assert alive == sorted(alive)
    assert 3 <= sum(alive) <= 5


def test_a_cap_of_nothing_keeps_nothing(store: FrameStore, url: str) -> None:
    put(store, START)
    store.prune("solar", 0, START)
    assert size_of(url) == 0


def test_other_models_are_left_alone(store: FrameStore) -> None:
    mine, other = put(store, START), put(store, START, model="lunar")
    store.prune("solar", 0, START + 10 * HOUR_S)
    assert kept(store, [mine, other]) == [False, True]


def test_nothing_to_prune(store: FrameStore) -> None:
    assert store.prune("solar", 0, START) == 0


def test_stored_frames_are_listed_in_order_of_time(store: FrameStore) -> None:
    late, early = put(store, START + 3 * HOUR_S, content=b"late"), put(store, START)
    put(store, START, model="other")
    assert list(store.frames("solar")) == [(early.path, len(CONTENT)), (late.path, 4)]
    assert list(store.frames("unknown")) == []


def test_a_kept_frame_outlives_retention_and_is_held_to_its_digest(store: FrameStore, url: str) -> None:
    card = put(store, START)
    name = store.keep("solar", store.read(card.path))
    assert store.keep("solar", CONTENT, durable=True) == name
    store.prune("solar", 0, START + 2 * HOUR_S)
    assert store.kept("solar", name) == store.read(kept_path("solar", name)) == CONTENT
    with pytest.raises(FileNotFoundError):
        store.read(card.path)
    with pytest.raises(FileNotFoundError):
        store.kept("solar", "0" * 64)
    Folder(url).write(kept_path("solar", name), b"another picture")
    with pytest.raises(StoreError, match="was altered: its SHA-256 is another than its name"):
        store.kept("solar", name)
    store.keep("solar", CONTENT)
    assert store.read(kept_path("solar", name)) == b"another picture"
    store.keep("solar", CONTENT, durable=True)
    assert store.kept("solar", name) == CONTENT


@pytest.mark.parametrize(
    "path",
    ["datasets/solar/1.json", "datasets/solar/files/x", f"datasets/../files/{'0' * 64}", "frames/../x", "/frames/x", "frames"],
)
def test_no_path_leads_to_anything_but_frames(store: FrameStore, url: str, path: str) -> None:
    Folder(url).write(f"datasets/files/{'0' * 64}", b"no frame")
    with pytest.raises(FileNotFoundError, match="is no frame of this store"):
        store.read(path)


def test_a_kept_frames_card_outlives_retention(store: FrameStore) -> None:
    card, other = put(store, START), put(store, START + 1)
    path = kept_path("solar", store.keep("solar", CONTENT))
    store.keep_card("solar", card.frame_id, path)
    assert store.card("solar", card.frame_id) == card  # as long as it is there
    store.prune("solar", 0, 2 * START)
    found = store.card("solar", card.frame_id)
    assert found == msgspec.structs.replace(card, path=path)
    assert store.read(path) == CONTENT
    assert store.card("solar", other.frame_id) is None
    for nothing in (other.frame_id, "no id"):  # gone, or none: there is nothing to keep
        store.keep_card("solar", nothing, path)
        assert store.card("solar", nothing) is None
