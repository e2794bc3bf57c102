"""Files of unfinished versions go when they stood long by two clocks; numbers stay spent, and what is finished or nobody's is not touched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import StoreError, TakenOverError, VersionError
from contracts.files import Folder
from contracts.logs import Logger
from contracts.repository import ModelRepository
from retrain.registry.leftovers import KEPT_S, LOOKS, Leftovers
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState
from tests.packages import with_first_version

START = 1_760_000_000.0
STEP_S = KEPT_S / LOOKS


class Shop:
    """A repository with version 1, and a version 2 that somebody began."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.sqlite3"
        self.database = Database(SqliteState(self.path, "solar"), "test")
        self.repository = with_first_version(str(folder / "repository"))
        self.files = Folder(f"{self.repository.url}/models/solar")
        self.files.create("2/.claim", b"digest")
        self.files.write("2/model.onnx", b"half of it")
        self.files.write("2/verdict/a.jpg", b"a picture")
        self.again()

    def again(self) -> None:
        self.leftovers = Leftovers("solar", self.repository, self.database, Logger("test"))

    def gone(self) -> bool:
        return self.files.names("2") == []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.database.close()


def test_they_go_after_a_while_and_the_number_stays_spent(shop: Shop) -> None:
    for look in range(LOOKS + 1):
        assert not shop.gone()
        shop.leftovers.look(START + look * STEP_S, ())
        shop.again()
    assert shop.gone()
    assert shop.files.read("2/.claim") == b"digest"
    assert (shop.repository.versions("solar"), shop.repository.next_version("solar")) == (["1"], "3")
    shop.leftovers.look(START + KEPT_S * 2, ())
    assert shop.database.fact("unfinished_versions") is None


@pytest.mark.parametrize("step_s", [0.0, 1.0, -3600.0])
def test_a_service_that_starts_over_and_over_makes_nothing_old(shop: Shop, step_s: float) -> None:
    for look in range(LOOKS * 3):
        shop.leftovers.look(START + look * step_s, ())
    assert not shop.gone()


def test_a_clock_that_jumps_makes_nothing_old(shop: Shop) -> None:
    shop.leftovers.look(START, ())
    shop.leftovers.look(START + KEPT_S * 100, ())
    assert not shop.gone()


def test_who_goes_on_writing_begins_the_wait_anew(shop: Shop) -> None:
    for look in range(LOOKS * 2 - 1):
        if look == LOOKS - 1:
            shop.files.write("2/model.onnx", b"more than half of it")
        shop.leftovers.look(START + look * STEP_S, ())
    assert not shop.gone()


def test_what_a_job_wants_is_not_even_counted(shop: Shop) -> None:
    for look in range(LOOKS * 2):
        shop.leftovers.look(START + look * STEP_S, {"2"})
    shop.leftovers.look(START + KEPT_S * 9, ())
    assert not shop.gone()


def test_folders_that_nobody_claimed_and_finished_versions_stay(shop: Shop) -> None:
    shop.files.write("notes/readme.txt", b"a person's")
    assert set(shop.repository.unfinished("solar")) == {"2"}
    with pytest.raises(VersionError, match="is finished: versions are immutable"):
        shop.repository.clear("solar", "1")


def test_who_was_taken_over_removes_nothing(shop: Shop) -> None:
    for look in range(LOOKS):
        shop.leftovers.look(START + look * STEP_S, ())
    heir = Database(SqliteState(shop.path, "solar"), "heir")
    heir.take()
    with pytest.raises(TakenOverError):
        shop.leftovers.look(START + KEPT_S * 2, ())
    heir.close()
    assert not shop.gone()


def test_what_cannot_be_removed_now_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for look in range(LOOKS):
        shop.leftovers.look(START + look * STEP_S, ())

    def away(repository: ModelRepository, model: str, version: str) -> None:
        raise StoreError("read only")

    with monkeypatch.context() as broken:
        broken.setattr(ModelRepository, "clear", away)
        with pytest.raises(StoreError):
            shop.leftovers.look(START + KEPT_S * 2, ())
    shop.leftovers.look(START + KEPT_S * 2, ())
    assert shop.gone()
