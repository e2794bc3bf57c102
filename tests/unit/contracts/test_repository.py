"""Versions are whole or refused by name; channels move by compare-and-set, whatever dies in between."""

import multiprocessing
import secrets
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contracts.channels import Channels
from contracts.errors import ChannelConflictError, StoreError, VersionError
from contracts.files import Folder, sha256
from contracts.golden import Golden
from contracts.manifest import Manifest
from contracts.repository import ModelRepository, changed
from tests.unit.contracts.versions import MODEL_BYTES, small_baseline, small_manifest

SPAWN = multiprocessing.get_context("spawn")
BASELINE = small_baseline()


@pytest.fixture(params=["folder", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path)
    else:
        root = f"memory://models-{secrets.token_hex(4)}"
        yield root
        Folder(root).remove("")


@pytest.fixture
def repository(url: str) -> ModelRepository:
    return ModelRepository(url)


def publish(repository: ModelRepository, version: str = "1", model: bytes = MODEL_BYTES) -> Manifest:
    return repository.publish(small_manifest(version), model, BASELINE)


def begin(repository: ModelRepository, *versions: str) -> Channels:
    for version in versions:
        publish(repository, version, version.encode())
    return repository.set_channels("solar", changed(Channels(champion=versions[0]), 1.0, "test", "first"))


def test_a_version_comes_back_as_it_was_published(repository: ModelRepository) -> None:
    manifest = publish(repository)
    version = repository.read("solar", "1")
    assert version.manifest == manifest
    assert version.model == MODEL_BYTES
    assert version.digest == sha256(MODEL_BYTES)
    assert len(version.baseline) == len(BASELINE)
    assert repository.baseline("solar", "1")[0] == manifest
    assert repository.manifest("solar", "1") == manifest
    assert repository.models() == ["solar"]
    assert version.golden is None


def test_golden_frames_are_part_of_a_version(repository: ModelRepository, url: str) -> None:
    golden = Golden(np.zeros((2, 32, 32, 3), np.uint8), np.full((2, 2), 0.5, np.float32), np.zeros((2, 4), np.float32))
    manifest = repository.publish(small_manifest("1"), MODEL_BYTES, BASELINE, golden)
    assert set(manifest.files) == {"model.onnx", "baseline.npz", "golden.npz"}
    found = repository.read("solar", "1").golden
    assert found is not None
    assert np.array_equal(found.probabilities, golden.probabilities)
    Folder(url).write("models/solar/1/golden.npz", b"another one")
    with pytest.raises(VersionError, match=r"golden.npz has 11 bytes, its manifest says"):
        repository.read("solar", "1")
    Folder(url).remove("models/solar/1/golden.npz")
    with pytest.raises(VersionError, match=r"golden.npz is missing"):
        repository.read("solar", "1")


def test_files_above_the_bound_are_refused_unread(repository: ModelRepository, url: str) -> None:
    publish(repository)
    with pytest.raises(VersionError, match=r"baseline.npz has \d+ bytes, at most 100 are allowed"):
        repository.read("solar", "1", max_bytes=100)
    Folder(url).write("models/solar/1/model.onnx", bytes(1 << 20))
    with pytest.raises(VersionError, match=r"model.onnx has 1048576 bytes, at most 65536 are allowed"):
        repository.read("solar", "1", max_bytes=1 << 16)


def test_versions_are_listed_by_number(repository: ModelRepository) -> None:
    for version in ("2", "10", "9", "blessed"):
        publish(repository, version, version.encode())
    begin(repository, "1")
    assert repository.versions("solar") == ["blessed", "1", "2", "9", "10"]
    assert repository.next_version("solar") == "11"
    assert repository.versions("other") == []
    assert repository.next_version("other") == "1"


def test_a_half_written_version_is_invisible_and_its_number_is_spent(repository: ModelRepository, url: str) -> None:
    publish(repository, "1")
    Folder(url).write("models/solar/2/model.onnx", b"half")
    assert repository.versions("solar") == ["1"]
    assert repository.next_version("solar") == "3"
    with pytest.raises(VersionError, match=r"no version '2' in .* \(finished versions: 1\)"):
        repository.read("solar", "2")


def test_publishing_again_completes_what_a_crash_left(repository: ModelRepository, url: str) -> None:
    publish(repository)
    Folder(url).remove("models/solar/1/manifest.json")
    Folder(url).write("models/solar/1/baseline.npz", b"half")
    publish(repository)
    assert repository.read("solar", "1").model == MODEL_BYTES


def test_publishing_the_same_again_changes_nothing(repository: ModelRepository) -> None:
    manifest = publish(repository)
    assert repository.publish(msgspec.structs.replace(small_manifest(), created_at=9.0), MODEL_BYTES, BASELINE) == manifest


@pytest.mark.parametrize("finished", [True, False])
def test_another_model_under_the_same_name_is_refused_and_destroys_nothing(
    repository: ModelRepository, url: str, finished: bool
) -> None:
    publish(repository)
    if not finished:
        Folder(url).remove("models/solar/1/manifest.json")
    with pytest.raises(VersionError, match=r"models/solar/1 is taken by another model; .* next number"):
        publish(repository, "1", b"another graph")
    assert Folder(url).read("models/solar/1/model.onnx") == MODEL_BYTES


@pytest.mark.parametrize("name", ["channels", "channels.json"])
def test_the_channels_names_are_no_versions(repository: ModelRepository, name: str) -> None:
    with pytest.raises(VersionError, match="where the channels lie"):
        publish(repository, name)


@pytest.mark.parametrize("name", ["../2", "", "a/b", ".hidden"])
def test_names_that_lead_elsewhere_are_refused(repository: ModelRepository, name: str) -> None:
    with pytest.raises(VersionError, match=r"version .* is not a name"):
        publish(repository, name)
    with pytest.raises(VersionError, match=r"model .* is not a name"):
        repository.read(name, "1")


def test_a_baseline_of_other_labels_is_refused(repository: ModelRepository) -> None:
    with pytest.raises(VersionError, match=r"labels .* are not the baseline's"):
        repository.publish(small_manifest(labels=("cat", "dog")), MODEL_BYTES, BASELINE)


@pytest.mark.parametrize("name", ["model.onnx", "baseline.npz"])
def test_an_altered_file_is_refused_by_name(repository: ModelRepository, url: str, name: str) -> None:
    publish(repository)
    path = f"models/solar/1/{name}"
    content = Folder(url).read(path)
    for bad, message in (
        (content[:-1] + bytes([content[-1] ^ 1]), r"was altered: sha256 \w{12}…, its manifest says \w{12}…"),
        (content[:-1], rf"has {len(content) - 1} bytes, its manifest says {len(content)}: half-written or altered"),
        (b"", r"has 0 bytes"),
        (None, "is missing"),
    ):
        if bad is None:
            Folder(url).remove(path)
        else:
            Folder(url).write(path, bad)
        with pytest.raises(VersionError, match=rf"models/solar/1/{name} .*{message}"):
            repository.read("solar", "1")
    assert repository.manifest("solar", "1").version == "1"


def test_a_damaged_manifest_is_refused(repository: ModelRepository, url: str) -> None:
    publish(repository)
    Folder(url).write("models/solar/1/manifest.json", b'{"model": "solar"}')
    with pytest.raises(VersionError, match=r"manifest\.json is not a manifest we can read: .*version"):
        repository.read("solar", "1")


def test_a_renamed_version_is_refused(repository: ModelRepository, url: str) -> None:
    publish(repository)
    folder = Folder(url)
    for name in ("model.onnx", "baseline.npz", "manifest.json"):
        folder.write(f"models/solar/7/{name}", folder.read(f"models/solar/1/{name}"))
    with pytest.raises(VersionError, match=r"models/solar/7/manifest\.json says it is solar 1: .* copied or renamed"):
        repository.read("solar", "7")


def test_a_model_without_channels_says_what_to_do(repository: ModelRepository) -> None:
    publish(repository)
    with pytest.raises(VersionError, match=r"'solar' has no channels .* \(models there: solar\): import or bootstrap"):
        repository.channels("solar")
    with pytest.raises(VersionError, match=r"'lunar' has no channels"):
        repository.channels("lunar")


def test_channels_move_and_keep_their_history(repository: ModelRepository) -> None:
    first = begin(repository, "1", "2")
    second = repository.set_channels("solar", changed(first, 2.0, "rollout", "canary", candidate="2", share=0.05))
    third = repository.set_channels(
        "solar", changed(second, 3.0, "rollout", "won", champion="2", candidate=None, share=0.0, previous="1")
    )
    assert repository.channels("solar") == third
    assert (third.sequence, third.champion, third.previous, third.by, third.reason) == (3, "2", "1", "rollout", "won")
    assert repository.history("solar") == [first, second, third]


def test_of_two_decisions_on_the_same_state_the_second_is_refused(repository: ModelRepository) -> None:
    first = begin(repository, "1", "2")
    won = repository.set_channels("solar", changed(first, 2.0, "a", "", candidate="2"))
    with pytest.raises(ChannelConflictError, match=r"channels of 'solar' moved past 1 meanwhile"):
        repository.set_channels("solar", changed(first, 2.0, "b", "", champion="2"))
    assert repository.channels("solar") == won


def test_a_writer_killed_between_history_and_pointer_loses_nothing(repository: ModelRepository, url: str) -> None:
    first = begin(repository, "1", "2")
    pointer = Folder(url).read("models/solar/channels.json")
    second = repository.set_channels("solar", changed(first, 2.0, "a", "", candidate="2"))
    third = repository.set_channels("solar", changed(second, 3.0, "a", "", share=0.5))
    Folder(url).write("models/solar/channels.json", pointer)
    assert repository.channels("solar") == third
    fourth = repository.set_channels("solar", changed(third, 4.0, "a", "", share=1.0))
    assert repository.channels("solar") == fourth


def test_a_writer_killed_before_the_first_pointer_loses_nothing(repository: ModelRepository, url: str) -> None:
    first = begin(repository, "1")
    Folder(url).remove("models/solar/channels.json")
    assert repository.channels("solar") == first


def test_channels_of_unfinished_versions_are_refused(repository: ModelRepository, url: str) -> None:
    first = begin(repository, "1")
    Folder(url).write("models/solar/2/model.onnx", b"half")
    for fields in ({"champion": "2"}, {"candidate": "2", "share": 0.1}, {"shadow": "3"}):
        with pytest.raises(VersionError, match="has no version"):
            repository.set_channels("solar", changed(first, 2.0, "a", "", **fields))
    assert repository.channels("solar") == first


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_channels_of_an_impossible_share_are_refused(repository: ModelRepository, share: float) -> None:
    first = begin(repository, "1")
    with pytest.raises(VersionError, match="share"):
        repository.set_channels("solar", changed(first, 2.0, "a", "", candidate="1", share=share))
    assert repository.channels("solar") == first


@pytest.mark.parametrize("sequence", [0, -1, 3, 100])
def test_channels_never_skip_a_state(repository: ModelRepository, sequence: int) -> None:
    first = begin(repository, "1")
    with pytest.raises(ValueError, match="cannot begin at"):
        repository.set_channels("solar", msgspec.structs.replace(first, sequence=sequence))


def test_damaged_channels_are_refused_by_name(repository: ModelRepository, url: str) -> None:
    begin(repository, "1")
    Folder(url).write("models/solar/channels.json", b'{"champion": 1}')
    with pytest.raises(VersionError, match=r"models/solar/channels\.json is not readable: .*champion"):
        repository.channels("solar")


def move(url: str, who: int, moves: int, start: Barrier, done: Any) -> None:
    """Move the share up `moves` times, reading again after each lost race; report the sequences won."""
    repository, won = ModelRepository(url), []
    start.wait(60)
    while len(won) < moves:
        current = repository.channels("solar")
        try:
            mine = changed(current, float(current.sequence), f"racer-{who}", "", share=(current.sequence % 100) / 100)
            won.append(repository.set_channels("solar", mine).sequence)
        except ChannelConflictError:
            continue
    done.put((who, won))


def test_racing_processes_each_win_their_own_states(tmp_path: Path) -> None:
    repository, racers, moves = ModelRepository(str(tmp_path)), 3, 5
    begin(repository, "1")
    start, done = SPAWN.Barrier(racers), SPAWN.Queue()
    processes = [SPAWN.Process(target=move, args=(str(tmp_path), who, moves, start, done)) for who in range(racers)]
    for process in processes:
        process.start()
    won = dict(done.get(timeout=100) for _ in processes)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    sequences = sorted(sequence for mine in won.values() for sequence in mine)
    assert sequences == list(range(2, 2 + racers * moves))
    history = repository.history("solar")
    assert [state.sequence for state in history] == list(range(1, 2 + racers * moves))
    for state in history[1:]:
        assert state.sequence in won[int(state.by.removeprefix("racer-"))]
    assert repository.channels("solar") == history[-1]


def test_a_store_that_is_away_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        publish(ModelRepository(str(tmp_path)))
