"""Whole files in, whole files out, on a folder and on an object store; of several creators exactly one wins."""

import multiprocessing
import secrets
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from contracts.errors import StoreError
from contracts.files import Folder, sha256

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["folder", "file-url", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "memory":
        root = f"memory://test-{secrets.token_hex(4)}"
        yield root
        Folder(root).remove("")
    else:
        yield str(tmp_path / "store") if request.param == "folder" else f"file://{tmp_path}/store"


def test_read_what_was_written(url: str) -> None:
    folder = Folder(url)
    folder.write("a/b/c.bin", b"\x00one")
    assert folder.read("a/b/c.bin") == b"\x00one"
    folder.write("a/b/c.bin", b"two", durable=False)
    assert Folder(url).read("a/b/c.bin") == b"two"
    folder.write("empty", b"")
    assert folder.read("empty") == b""


def test_a_missing_file_is_missing(url: str) -> None:
    folder = Folder(url)
    for path in ("nothing", "no/folder/either"):
        assert not folder.exists(path)
        with pytest.raises(FileNotFoundError, match=path):
            folder.read(path)
        folder.remove(path)
    assert folder.names("no/folder") == []
    assert folder.names() == []


def test_create_wins_once(url: str) -> None:
    folder = Folder(url)
    assert folder.create("claims/1", b"first")
    assert not folder.create("claims/1", b"second")
    assert folder.read("claims/1") == b"first"


def test_names_and_sizes_are_those_of_one_folder(url: str) -> None:
    folder = Folder(url)
    for path, content in (("x/b.txt", b"12345"), ("x/a.txt", b""), ("x/deep/er.txt", b"1"), ("x/.hidden", b"1"), ("y", b"1")):
        folder.write(path, content)
    assert folder.names("x") == ["a.txt", "b.txt", "deep"]
    assert folder.sizes("x") == {"a.txt": 0, "b.txt": 5, "deep": 0}
    assert folder.names() == ["x", "y"]
    assert folder.names("") == ["x", "y"]


def test_a_folder_may_hold_one_named_like_itself(url: str) -> None:
    folder = Folder(url)
    folder.write("x/x/x", b"1")
    assert folder.names("x") == ["x"]
    assert folder.names("x/x") == ["x"]


def test_remove_takes_a_file_or_a_whole_folder(url: str) -> None:
    folder = Folder(url)
    for path in ("x/1", "x/deep/2", "y"):
        folder.write(path, b"1")
    folder.remove("y")
    folder.remove("x")
    assert not folder.exists("y")
    assert folder.names() == []


def test_another_process_s_file_is_seen_after_a_listing(url: str) -> None:
    """Object stores cache listings: a reader that asked once would never see a later file."""
    reader, writer = Folder(url), Folder(url)
    writer.write("channels/1", b"1")
    assert reader.names("channels") == ["1"]
    assert not reader.exists("channels/2")
    writer.write("channels/2", b"2")
    assert reader.exists("channels/2")
    assert reader.names("channels") == ["1", "2"]
    assert fsspec.core.url_to_fs(url, use_listings_cache=False)[0] is reader._fs


def test_unfinished_writes_stay_invisible_and_failed_ones_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(str(tmp_path))
    folder.write("x/file", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for act in (folder.write, folder.create):
        with pytest.raises(StoreError, match=r"x/file cannot be (written|created): .*No space left"):
            act("x/file", b"new")
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["file"]
    assert folder.read("x/file") == b"old"


def test_a_file_where_a_folder_should_be_is_said(url: str) -> None:
    folder = Folder(url)
    folder.write("x", b"1")
    with pytest.raises(StoreError, match=r"x/y cannot be written"):
        folder.write("x/y", b"2")
    with pytest.raises((StoreError, FileNotFoundError)):
        folder.read("x/y")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(StoreError, match="x cannot be read"):
        Folder(str(tmp_path)).read("x")


def test_an_unknown_protocol_says_what_is_known() -> None:
    with pytest.raises(StoreError, match=r"'nfs4://x' is no folder we can open.*s3:// or gs://"):
        Folder("nfs4://x")


class ClientError(Exception):
    """What an object store's client raises: no OSError."""


@pytest.mark.parametrize(
    ("method", "act"),
    [
        ("cat_file", lambda folder: folder.read("x")),
        ("pipe_file", lambda folder: folder.write("x", b"1")),
        ("exists", lambda folder: folder.exists("x")),
        ("ls", lambda folder: folder.names()),
        ("rm", lambda folder: folder.remove("x")),
    ],
)
def test_every_error_of_an_object_stores_client_is_a_store_error(
    method: str, act: Callable[[Folder], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ClientError("could not connect to the endpoint URL")

    monkeypatch.setattr(MemoryFileSystem, method, away)
    with pytest.raises(StoreError, match=r"memory://bucket/.*could not connect to the endpoint"):
        act(Folder("memory://bucket"))


def test_a_missing_bucket_is_no_missing_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_bucket(*_: object, **__: object) -> None:
        raise FileNotFoundError("The specified bucket does not exist")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", no_bucket)
    with pytest.raises(StoreError, match="bucket does not exist"):
        Folder("memory://bucket").write("x", b"1")


def test_a_race_that_s3_reports_as_a_failed_precondition_is_a_lost_race(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(f"memory://bucket-{secrets.token_hex(4)}")
    folder.write("x", b"theirs")

    def precondition(*_: object, **__: object) -> None:
        raise OSError(22, "At least one of the pre-conditions you specified did not hold")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", precondition)
    assert folder.create("x", b"ours") is False
    with pytest.raises(StoreError, match="pre-conditions"):
        folder.create("y", b"ours")


def race(url: str, who: int, rounds: int, start: Barrier, won: Any) -> None:
    folder = Folder(url)
    for number in range(rounds):
        start.wait(60)
        if folder.create(f"race/{number}", bytes([who]) * 10_000):
            won.put((number, who))


def test_of_racing_processes_exactly_one_creates(tmp_path: Path) -> None:
    rounds, racers = 25, 4
    start, won = SPAWN.Barrier(racers), SPAWN.Queue()
    processes = [SPAWN.Process(target=race, args=(str(tmp_path), who, rounds, start, won)) for who in range(racers)]
    for process in processes:
        process.start()
    winners = dict(won.get(timeout=60) for _ in range(rounds))
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert won.empty()
    assert sorted(winners) == list(range(rounds))
    for number, who in winners.items():
        assert Folder(str(tmp_path)).read(f"race/{number}") == bytes([who]) * 10_000


def rewrite(url: str, stop: Any) -> None:
    folder, turn = Folder(url), 0
    while not stop.is_set():
        turn = (turn + 1) % 256
        folder.write("file", bytes([turn]) * 200_000, durable=False)


def test_a_reader_sees_the_old_content_or_the_new(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.write("file", bytes(200_000))
    stop = SPAWN.Event()
    writer = SPAWN.Process(target=rewrite, args=(str(tmp_path), stop))
    writer.start()
    try:
        seen: set[int] = set()
        deadline = time.monotonic() + 100
        while len(seen) < 50 and time.monotonic() < deadline:
            content = folder.read("file")
            assert len(content) == 200_000
            assert len(set(content[:: len(content) // 50])) == 1
            seen.add(content[0])
    finally:
        stop.set()
        writer.join(60)
    assert len(seen) >= 50
    assert writer.exitcode == 0
    assert folder.names() == ["file"]


def test_digest() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
