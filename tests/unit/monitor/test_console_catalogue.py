"""The versions as the console knows them: looked at seldom, seen when they change."""

import threading
from pathlib import Path

import pytest

from contracts.channels import Channels
from contracts.errors import StoreError
from contracts.repository import ModelRepository
from monitor.console import catalogue as catalogues
from monitor.console.catalogue import EVERY_S, LIST_S, Catalogue
from tests.small_model import LABELS, publish_small_version, set_channels


@pytest.fixture
def url(tmp_path: Path) -> str:
    publish_small_version(str(tmp_path))
    return str(tmp_path)


class Hours:
    now = 0.0


def catalogue(url: str, hours: Hours, *new_classes: str) -> Catalogue:
    return Catalogue(ModelRepository(url), "small", new_classes, lambda: hours.now)


def test_a_change_of_the_channels_is_seen_and_shows_new_versions(url: str) -> None:
    hours = Hours()
    known = catalogue(url, hours)
    channels, versions = known.now()
    assert channels is not None
    assert (channels.champion, versions) == ("1", ("1",))
    publish_small_version(url, version="2", champion=False)
    set_channels(url, candidate="2", share=0.05)
    assert known.now() == (channels, ("1",))
    hours.now = EVERY_S
    channels, versions = known.now()
    assert channels is not None
    assert (channels.candidate, versions) == ("2", ("2", "1"))
    publish_small_version(url, version="3", champion=False)
    hours.now += EVERY_S
    assert known.now()[1] == ("2", "1")
    hours.now += LIST_S
    assert known.now()[1] == ("3", "2", "1")
    publish_small_version(url, version="4", champion=False)
    assert known.now(anew=True)[1][0] == "4"


def test_manifests_are_read_once_and_bounded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "MOST", 1)
    publish_small_version(url, version="2", champion=False)
    known = catalogue(url, Hours(), "scratch", LABELS[0])
    first = known.manifest("1")
    assert first is not None
    (Path(url) / "models" / "small" / "1" / "manifest.json").unlink()
    assert known.manifest("1") is first
    assert known.manifest("2") is not None
    assert known.manifest("1") is None  # the oldest went
    assert known.manifest("9") is None
    assert known.manifest("..") is None
    assert known.labels() == ("scratch", LABELS[0])


def test_no_repository_is_no_version_and_a_store_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = catalogue(str(tmp_path / "none"), Hours(), "scratch")
    assert known.now() == (None, ())
    assert known.labels() == ("scratch",)

    def away(*_: object) -> None:
        raise StoreError("s3 is away")

    monkeypatch.setattr(ModelRepository, "channels", away)
    with pytest.raises(StoreError, match="s3 is away"):
        known.now(anew=True)


def test_a_repository_that_hangs_holds_no_page(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "PATIENT_S", 0.01)
    answers = threading.Event()

    class Hangs(ModelRepository):
        def channels(self, model: str) -> Channels:
            answers.wait()
            return super().channels(model)

    known = Catalogue(Hangs(url), "small", (), lambda: 0.0)
    for anew in (False, True):
        with pytest.raises(StoreError, match="has not answered"):
            known.now(anew)
    monkeypatch.setattr(catalogues, "PATIENT_S", 10.0)
    patient = Catalogue(Hangs(url), "small", (), lambda: 0.0)
    first = threading.Thread(target=patient.now)
    first.start()
    assert patient.manifest("1") is not None  # it is asked beside what hangs
    answers.set()
    first.join()
    assert patient.now()[1] == ("1",)
