"""The command line: what goes together, what a SOURCE is, and that no secret is shown."""

import math
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from standalone.camera_client import __main__ as command
from standalone.camera_client.errors import UsageError
from standalone.camera_client.options import Options, options, without_secrets

MUST = ("--server", "http://127.0.0.1:8080", "--camera", "line-1")


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """A folder, an image, a video by name, and a stream."""
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "clip.mp4"):
        (tmp_path / name).write_bytes(b"x")
    paths = {"folder": "in", "image": "a.jpg", "video": "clip.mp4"}
    return {**{kind: str(tmp_path / name) for kind, name in paths.items()}, "stream": "rtsp://guest:secret@gate/live"}


def chosen(*arguments: str) -> Options:
    return options([*MUST, *arguments])


def test_each_kind_of_source_has_its_defaults(places: dict[str, str]) -> None:
    folder, video, stream = (chosen(places[kind]) for kind in ("folder", "video", "stream"))
    assert [one.kind for one in (folder, video, stream, chosen(places["image"]), chosen("0"), chosen("/dev/video2"))] == [
        "folder", "video", "stream", "folder", "stream", "stream",
    ]  # fmt: skip
    assert [one.newest for one in (folder, video, stream)] == [False, False, True]
    assert [one.give_up_after_s for one in (folder, video, stream)] == [300.0, 300.0, math.inf]
    followed = chosen(places["folder"], "--follow")
    assert (followed.captured_at, followed.live, followed.give_up_after_s, folder.captured_at) == ("source", True, math.inf, "now")
    assert stream.shown == "rtsp://gate/live"


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("stream", "--follow", "SOURCE is no folder"),
        ("image", "--follow", "SOURCE is one file"),
        ("video", "--done-folder done", "SOURCE is no folder"),
        ("stream", "--loop", "a stream has no beginning"),
        ("folder", "--loop --resume at", "leave --done-folder, --resume and --follow out"),
        ("folder", "--loop --captured-at source", "same capture times"),
        ("stream", "--resume at", "a stream cannot"),
        ("folder", "--keep newest", "use it with --follow"),
        ("video", "--keep newest --resume at", "plays the video once"),
        ("stream", "--captured-at source", "captured when they are seen"),
        ("folder", "--starts-at 2026-01-01T00:00:00Z", "for a video"),
        ("video", "--captured-at source --starts-at 2026-01-01T00:00:00", "write it as"),
        ("folder", "--cert-key-file k", "give both"),
    ],
)
def test_what_does_not_go_together_is_said(places: dict[str, str], kind: str, arguments: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        chosen(places[kind], *arguments.split())


@pytest.mark.parametrize("source", ["nowhere/", "ftp://gate/x", "gopher://guest:secret@gate/?token=secret"])
def test_a_source_that_is_none_is_said_without_its_secrets(source: str) -> None:
    with pytest.raises(UsageError, match=r"^SOURCE ") as refusal:
        chosen(source)
    assert "secret" not in str(refusal.value)


def test_a_camera_name_is_a_name(places: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--camera 'hall/1' is not a name"):
        options(["--server", "http://s", "--camera", "hall/1", places["folder"]])


def test_a_stream_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "gate").write_text("rtsp://guest:secret@gate/live\n--rate=2\n")
    found = chosen(f"@{tmp_path / 'gate'}")
    assert (found.source, found.rate_hz) == ("rtsp://guest:secret@gate/live", 2.0)


def test_secrets_in_addresses() -> None:
    assert without_secrets("http://u:p@h:1/a?token=t") == "http://h:1/a?...=..."
    assert without_secrets("/a/folder@home?x") == "/a/folder@home?x"
    assert without_secrets("http://u:p@[broken") == "http://..."


def test_a_key_comes_from_its_file_or_else_from_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    assert command.key_of(None) == ""
    monkeypatch.setenv(command.KEY_VARIABLE, " ks.a.b\n")
    assert command.key_of(None) == "ks.a.b"
    file.write_text("ks.c.d\n")
    assert command.key_of(file) == "ks.c.d"
    for content in ("", "\n", "two words\n", "ks.é.x"):
        file.write_text(content)
        with pytest.raises(UsageError, match=str(file)) as refusal:
            command.key_of(file)
        assert not content.strip() or content.strip() not in str(refusal.value)
    with pytest.raises(UsageError, match="cannot be read"):
        command.key_of(tmp_path / "none")


@pytest.fixture
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals_as_before")
def test_mistakes_end_with_status_2_before_anything_is_sent(capsys: pytest.CaptureFixture[str], places: dict[str, str]) -> None:
    assert command.main([*MUST, "nowhere/"]) == 2
    assert "keepsight-camera: SOURCE 'nowhere/' does not exist" in capsys.readouterr().err
    assert command.main([*MUST, places["video"]]) == 5
    assert "is no video that OpenCV can read" in capsys.readouterr().err
    for arguments in (("--count", "0"), ("--rate", "x"), ("--rate", "nan"), ("--jpeg-quality", "101"), ("--raet", "1")):
        with pytest.raises(SystemExit) as ended:
            command.main([*MUST, places["folder"], *arguments])
        assert ended.value.code == 2
