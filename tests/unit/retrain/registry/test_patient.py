"""A repository that says nothing: it counts as away after a bound, is asked nothing else meanwhile, and goes on when it answers."""

import threading
from pathlib import Path

import pytest

from contracts.errors import StoreError, VersionError
from contracts.files import Folder
from contracts.repository import changed
from retrain.registry.patient import PatientRepository
from tests.small_model import publish_small_version


@pytest.fixture
def repository(tmp_path: Path) -> PatientRepository:
    publish_small_version(str(tmp_path), "small", "1")
    publish_small_version(str(tmp_path), "small", "2", seed=1, champion=False)
    return PatientRepository(str(tmp_path), 0.2, lambda: 7.0)


def test_answers_and_errors_are_the_repository_s(repository: PatientRepository) -> None:
    channels = repository.channels("small")
    assert (channels.champion, repository.has("small", "2"), repository.has("small", "7")) == ("1", True, False)
    repository.set_channels("small", changed(channels, 1.0, "ada", "", candidate="2", share=0.1))
    assert repository.channels("small").candidate == "2"
    assert repository.finish(repository.manifest("small", "2")) == repository.manifest("small", "2")
    with pytest.raises(VersionError, match=r"has no version '7' .*finished versions: 1, 2"):
        repository.manifest("small", "7")


def test_one_that_hangs_is_away_and_what_was_asked_is_done_once(
    repository: PatientRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, create, goes_on, created = repository.channels("small"), Folder.create, threading.Event(), []

    def hangs(folder: Folder, path: str, content: bytes) -> bool:
        assert goes_on.wait(60)
        created.append(path)
        return create(folder, path, content)

    monkeypatch.setattr(Folder, "create", hangs)
    after = changed(before, 1.0, "retrain", "", candidate="2", share=0.1)
    with pytest.raises(StoreError, match=r"was asked for the next channels, to be written, 0 s ago and has not answered yet"):
        repository.set_channels("small", after)
    for _ in range(3):
        with pytest.raises(StoreError, match="the next channels"):
            repository.channels("small")
    thread = next(one for one in threading.enumerate() if one.name == "repository")
    goes_on.set()
    thread.join(60)
    assert repository.channels("small") == after
    assert len(created) == 1
