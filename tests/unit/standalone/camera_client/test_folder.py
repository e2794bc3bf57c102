"""A folder's files: order, resuming, following, moving away."""

import os
import random
from pathlib import Path

import pytest

from standalone.camera_client import folder as module
from standalone.camera_client.cursor import Cursor
from standalone.camera_client.errors import SourceError, UsageError
from standalone.camera_client.folder import Folder, Ways, in_order
from tests.unit.standalone.camera_client.parts import NOW, TurnedClock

OLD = NOW - 3600


def write(folder: Path, *names: str, at: float = OLD) -> None:
    for name in names:
        (folder / name).write_bytes(name.encode())
        os.utime(folder / name, (at, at))


def names(source: Folder, settle: bool = True) -> list[str]:
    """All that it gives until it waits for nothing more."""
    found = []
    while (shot := source.take()) is not None:
        assert shot.content == shot.name.encode()
        found.append(shot.name)
        if settle:
            source.settled(shot, "answered")
    return found


def opened(path: Path, clock: TurnedClock | None = None, cursor: Cursor | None = None, **ways: object) -> Folder:
    return Folder(path, Ways(**ways), clock or TurnedClock(), [].append, cursor)  # type: ignore[arg-type]  # passed through


def test_files_come_in_the_order_of_their_names_with_numbers_by_value(tmp_path: Path) -> None:
    write(tmp_path, "f10.jpg", "f9.jpg", "f009.png", "f1.webp", "a.JPEG", "notes.txt", ".hidden.jpg", "f10-2.jpg", "f10-10.jpg")
    (tmp_path / "folder.jpg").mkdir()
    source = opened(tmp_path)
    assert source.total == 7
    assert names(source) == ["a.JPEG", "f1.webp", "f9.jpg", "f009.png", "f10-2.jpg", "f10-10.jpg", "f10.jpg"]


def test_a_folder_larger_than_a_listing_comes_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 3)
    wanted = [f"{number}.jpg" for number in range(10)]
    write(tmp_path, *reversed(wanted))
    assert names(opened(tmp_path)) == wanted


def test_names_of_any_kind_have_an_order() -> None:
    ordered = ["", "1", "01", "1a", "a", "a1", "a1b", "a1b2", "²", "é.jpg"]
    for seed in range(20):
        assert sorted(random.Random(seed).sample(ordered, len(ordered)), key=in_order) == sorted(ordered, key=in_order)


def test_a_single_file_is_sent_with_its_type(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "b.PNG")
    source = opened(tmp_path / "b.PNG")
    shot = source.take()
    assert shot
    assert (shot.name, shot.content_type, source.take()) == ("b.PNG", "image/png", None)


def test_a_folder_without_images_is_said(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt")
    with pytest.raises(SourceError, match="no JPEG, PNG or WebP files in"):
        opened(tmp_path)


def test_a_second_run_goes_on_after_the_last_settled_file(tmp_path: Path) -> None:
    pictures, mark = tmp_path / "pictures", tmp_path / "at"
    pictures.mkdir()
    write(pictures, *(f"{number}.jpg" for number in range(12)))
    source = opened(pictures, cursor=Cursor(mark, "line-1", "here"))
    for _ in range(10):
        shot = source.take()
        assert shot
        source.settled(shot, "answered")
    assert source.take()  # under way when it was killed: sent again
    again = opened(pictures, cursor=Cursor(mark, "line-1", "here"))
    assert again.total == 2
    assert names(again) == ["10.jpg", "11.jpg"]
    assert names(opened(pictures, cursor=Cursor(mark, "line-1", "here"))) == []


def test_a_cursor_of_another_camera_or_of_nobody_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "at"
    Cursor(mark, "line-1", "/pictures").advance("3.jpg")
    with pytest.raises(UsageError, match="belongs to camera 'line-1' and /pictures"):
        Cursor(mark, "line-2", "/pictures")
    for content in ("", "[]", "{}", '{"camera": "line-1"}', "\x00"):
        mark.write_text(content)
        with pytest.raises(UsageError, match=r"no file of keepsight-camera's"):
            Cursor(mark, "line-1", "/pictures")
    with pytest.raises(UsageError, match="--resume"):
        Cursor(mark / "below" / "a-file", "line-1", "/pictures").advance("x")


def test_a_looped_folder_begins_anew_and_stops_when_asked(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "2.jpg")
    clock = TurnedClock()
    source = opened(tmp_path, clock, loop=True)
    assert source.total is None
    assert [shot.name for shot in (source.take() for _ in range(5)) if shot] == ["1.jpg", "2.jpg", "1.jpg", "2.jpg", "1.jpg"]
    clock.stopping = True
    assert source.take() is None


def test_a_followed_folder_gives_what_comes_later_and_leaves_what_still_grows(tmp_path: Path) -> None:
    clock = TurnedClock()
    write(tmp_path, "1.jpg")
    source = opened(tmp_path, clock, follow=True)
    assert source.take()
    steps = [
        lambda: write(tmp_path, "2.jpg", at=clock.now()),  # being written now; 3 waits for its turn
        lambda: write(tmp_path, "3.jpg"),
    ]
    clock.meanwhile = lambda: steps.pop(0)() if steps else None
    shot = source.take()
    assert shot
    assert (shot.name, steps) == ("2.jpg", [])
    assert clock.now() - shot.captured_at < 60
    assert sum(clock.waits) >= 1.0
    after = source.take()
    assert after
    assert after.name == "3.jpg"


def test_an_empty_followed_folder_waits_until_it_is_to_stop(tmp_path: Path) -> None:
    clock = TurnedClock()
    clock.meanwhile = lambda: setattr(clock, "stopping", clock.passed_s > 5)
    assert opened(tmp_path, clock, follow=True).take() is None
    assert clock.passed_s > 5


def test_newest_leaves_out_what_waited_and_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 3)
    write(tmp_path, *(f"{number}.jpg" for number in range(8)))
    source = opened(tmp_path, follow=True, newest=True)
    shot = source.take()
    assert shot
    assert (shot.name, source.skipped, source.newer()) == ("7.jpg", 7, None)
    write(tmp_path, "8.jpg", "9.jpg")
    newer = source.newer()
    assert newer
    assert (newer.name, source.skipped) == ("9.jpg", 8)


@pytest.mark.parametrize("newest", [False, True])
def test_files_that_are_over_are_moved_and_none_is_sent_twice(tmp_path: Path, newest: bool) -> None:
    pictures, done = tmp_path / "in", tmp_path / "in" / "done"
    pictures.mkdir()
    write(pictures, *(f"{number}.jpg" for number in range(6)))
    source = opened(pictures, follow=True, newest=newest, done=done)
    if newest:
        shot = source.take()
        assert shot
        assert (shot.name, source.newer()) == ("5.jpg", None)  # it is under way, not newer than itself
        source.settled(shot, "answered")
        assert sorted(path.name for path in (done / "skipped").iterdir()) == [f"{number}.jpg" for number in range(5)]
    else:
        for fate in ("answered", "refused", "answered", "answered", "answered", "answered"):
            shot = source.take()
            assert shot
            source.settled(shot, fate)  # type: ignore[arg-type]  # of the closed set
        assert [path.name for path in (done / "refused").iterdir()] == ["1.jpg"]
    assert [path.name for path in pictures.iterdir()] == ["done"]
    write(pictures, "0.jpg")  # an earlier name comes late: here it is sent
    late = source.take()
    assert late
    assert late.name == "0.jpg"


def test_a_name_that_comes_again_keeps_what_was_moved_before(tmp_path: Path) -> None:
    pictures, done = tmp_path / "in", tmp_path / "done"
    pictures.mkdir()
    source = None
    for number in range(3):
        write(pictures, "snapshot.jpg", at=OLD + number)
        source = source or opened(pictures, follow=True, done=done)
        shot = source.take()
        assert shot
        source.settled(shot, "answered")
    assert len(list(done.iterdir())) == 3


def test_a_file_that_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg", "3.jpg")
    (tmp_path / "2.jpg").symlink_to(tmp_path / "2.jpg-was-here")
    with (tmp_path / "4.jpg").open("wb") as file:
        file.truncate(module.MAX_FILE_BYTES + 1)
    said: list[str] = []
    source = Folder(tmp_path, Ways(), TurnedClock(), said.append)
    assert names(source) == ["1.jpg", "3.jpg"]
    assert source.left_out == len(said) == 1
    assert "4.jpg has 67108865 bytes" in said[0]


def test_capture_times_are_now_or_the_files(tmp_path: Path) -> None:
    write(tmp_path, "1.jpg")
    now, then = opened(tmp_path).take(), opened(tmp_path, captured_at="source").take()
    assert now
    assert then
    assert (now.captured_at, then.captured_at) == (NOW, OLD)
