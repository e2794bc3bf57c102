"""A picture is a stored frame by the id in its name or byte by byte, and nothing outside the folder is looked at."""

from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.predictions import Scored, classification
from retrain.labels.matching import Pictures, by_content, frame_id_in

FRAME = "0199aaaa-0000-7000-8000-000000000001"
OTHER = "0199aaaa-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    "picture",
    [
        FRAME,
        f"{FRAME}.jpeg",
        f"frames/m/20260101/00/{FRAME}.jpeg",
        f"/data/upload/3/1a2b3c4d-{FRAME}.jpeg",
        f"C:\\labels\\{FRAME.upper()}.JPG",
        f"{OTHER}/{FRAME}_jpg.rf.0123456789abcdef.jpg",
        f"{OTHER}-{FRAME}.png",
    ],
)
def test_the_id_is_found_wherever_it_stands_in_the_name(picture: str) -> None:
    assert frame_id_in(picture) == FRAME


@pytest.mark.parametrize("picture", ["", "a.jpg", f"{FRAME}/a.jpg", FRAME.replace("-7000-", "-4000-"), FRAME[:-1]])
def test_other_names_hold_none(picture: str) -> None:
    assert frame_id_in(picture) is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in {"a.jpg": b"one", "x/b.jpg": b"two", "y/b.jpg": b"three", "y/c.png": b"one"}.items():
        (tmp_path / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / path).write_bytes(content)
    (tmp_path / "secret.jpg").write_bytes(b"four")
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        ("a.jpg", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("/elsewhere/a.jpg", "a.jpg"),
        ("a", "a.jpg"),
        ("c", "y/c.png"),
        ("x/b.jpg", "x/b.jpg"),
        ("x\\b.jpg", "x/b.jpg"),
        ("b.jpg", None),
        ("../secret.jpg", None),
        ("link.jpg", None),
        ("", None),
    ],
)
def test_a_picture_is_found_by_its_path_or_by_a_name_that_is_alone(folder: Path, picture: str, found: str | None) -> None:
    assert Pictures(folder).find(picture) == (folder / found if found else None)


def test_a_folder_is_needed(folder: Path) -> None:
    with pytest.raises(SettingsError, match="is no folder"):
        Pictures(folder / "a.jpg")


def put(store: FrameStore, at: float, content: bytes) -> str:
    frame_id = new_id(at)
    card = StoredFrame(
        frame_id=frame_id,
        model="m",
        camera="c",
        site="s",
        captured_at=at,
        codec="jpeg",
        sample="uniform",
        predictions=(Scored("1", "champion", classification(("a", "b"), [0.9, 0.1])),),
        path=frame_path("m", frame_id, "jpeg"),
    )
    store.put(card, content)
    return frame_id


class CountingStore(FrameStore):
    """Counts the frames that were read."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.read_frames = 0

    def read(self, path: str) -> bytes:
        self.read_frames += 1
        return super().read(path)


def test_frames_that_are_alike_byte_by_byte(folder: Path, tmp_path: Path) -> None:
    store = CountingStore(str(tmp_path / "frames"))
    early, late, other = (put(store, at, content) for at, content in ((100.0, b"one"), (200.0, b"one"), (300.0, b"three")))
    put(store, 400.0, b"far larger")
    told: list[tuple[int, int]] = []
    found = by_content(
        ["a.jpg", "y/c.png", "y/b.jpg", "x/b.jpg", "z.jpg"], Pictures(folder), store, "m", lambda *at: told.append(at)
    )
    assert found == {"a.jpg": early, "y/c.png": early, "y/b.jpg": other}
    assert late not in found.values()
    assert store.read_frames == 3
    assert told == [(0, 3), (1, 3), (2, 3)]


def test_without_a_picture_the_store_is_left_alone(folder: Path, tmp_path: Path) -> None:
    store = CountingStore(str(tmp_path / "frames"))
    put(store, 100.0, b"one")
    assert by_content(["z.jpg"], Pictures(folder), store, "m", lambda *at: None) == {}
    assert store.read_frames == 0
