"""What every store of the monitor's memory must hold: the SQLite file of one host, and PostgreSQL."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contracts.errors import SettingsError, StoreError, TakenOverError
from contracts.ports import Outgoing, Place
from monitor.memory import Memory
from monitor.store import Store as SqliteStore
from monitor.store import misfit
from monitor.stores import Store
from tests.postgres_server import PASSWORD, Server, server

PLACE = Place("keepsight.frames", 1)
LETTER = Outgoing("keepsight.incidents", "key", b"\x00body", {"ce_id": "1"})
MODEL = "model"


class Shop:
    """Opens a store, as many times as asked, and closes all."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.server: Server | None = None
        if kind == "postgres":
            self.server = server()
            self.database = self.server.database()
        self._opened: list[Store] = []

    def open(self, model: str = MODEL, fingerprint: str = "block_frames=16") -> Store:
        if self.server is None:
            store: Store = SqliteStore(self.folder / f"{model}.sqlite", fingerprint)
        else:
            from monitor.store_postgres import PostgresStore

            store = PostgresStore(self.server.url(self.database), PASSWORD, model, fingerprint)
        self._opened.append(store)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()

    def sql(self, statement: str) -> None:
        """Change what is stored, behind its back."""
        if self.server is not None:
            self.server.sql(self.database, statement.replace(" part ", " keepsight_monitor_part "))
        else:
            with sqlite3.connect(self.folder / f"{MODEL}.sqlite") as database:
                database.execute(statement.replace("'\\x93'", "x'93'"))
            database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(request.param, tmp_path)
    yield shop
    shop.close()


def grown(memory: Memory, *names: str) -> Memory:
    """The memory, with cameras met in this order."""
    for name in names:
        memory.camera(name, "hall", audit=False).last_at = 12.5
    return memory


def test_what_was_saved_is_loaded_in_the_order_in_which_it_was_met(shop: Shop) -> None:
    store = shop.open()
    memory = grown(store.load(), "cam-2", "cam-1", "cam-3")
    memory.rollout.champion = "1"
    memory.mark("rollout", "")
    store.save(memory, {PLACE: 7}, [LETTER])
    assert not memory.dirty
    store.save(grown(memory, "cam-0", "cam-2"), {PLACE: 9, Place("keepsight.labels", 0): 1}, [])
    again = shop.open()
    loaded = again.load()
    assert list(loaded.cameras) == ["cam-2", "cam-1", "cam-3", "cam-0"]
    assert loaded.cameras == memory.cameras
    assert loaded.rollout == memory.rollout
    assert again.offsets() == {PLACE: 9, Place("keepsight.labels", 0): 1}
    letters, last = again.unsent()
    assert letters == [LETTER]
    again.sent(last)
    assert again.unsent() == ([], 0)


def test_a_part_that_is_gone_is_gone(shop: Shop) -> None:
    store = shop.open()
    memory = grown(store.load(), "cam-1", "cam-2")
    store.save(memory, {}, [])
    del memory.cameras["cam-1"]
    memory.mark("camera", "cam-1")
    store.save(memory, {}, [])
    assert list(shop.open().load().cameras) == ["cam-2"]


def test_letters_keep_their_order_and_come_in_shares(shop: Shop) -> None:
    store = shop.open()
    memory = store.load()
    letters = [Outgoing("keepsight.incidents", f"k{n}", b"%d" % n, {"ce_id": str(n)}) for n in range(30)]
    for at in range(0, 30, 10):
        store.save(memory, {}, letters[at : at + 10])
    seen: list[Outgoing] = []
    while (share := store.unsent(limit=7))[0]:
        seen += share[0]
        store.sent(share[1])
    assert seen == letters


def test_who_was_taken_over_changes_nothing_and_says_nothing(shop: Shop) -> None:
    first, second = shop.open(), shop.open()
    memory = grown(first.load(), "cam-1")
    first.save(memory, {PLACE: 5}, [LETTER])
    heir = grown(second.load(), "cam-2")
    grown(memory, "cam-3")
    for change in (
        lambda: first.save(memory, {PLACE: 8}, [LETTER]),
        lambda: first.unsent(),
        lambda: first.sent(99),
    ):
        with pytest.raises(TakenOverError, match="taken over"):
            change()
    assert ("camera", "cam-3") in memory.dirty
    second.save(heir, {PLACE: 6}, [])
    third = shop.open()
    assert list(third.load().cameras) == ["cam-1", "cam-2"]
    assert third.offsets() == {PLACE: 6}
    assert third.unsent()[0] == [LETTER]


def test_who_takes_over_again_goes_on_from_what_the_other_saved(shop: Shop) -> None:
    first, second = shop.open(), shop.open()
    for n in range(6):
        store = (first, second)[n % 2]
        memory = store.load()
        assert list(memory.cameras) == [f"cam-{k}" for k in range(n)]
        store.save(grown(memory, f"cam-{n}"), {PLACE: n}, [])
    assert first.offsets() == {PLACE: 5}


def test_a_store_made_under_other_settings_is_refused(shop: Shop) -> None:
    shop.open()
    with pytest.raises(SettingsError, match=r"block_frames=16.*block_frames=64"):
        shop.open(fingerprint="block_frames=64")


def test_a_store_of_another_release_is_refused_by_its_format() -> None:
    told = str(misfit("state.sqlite", "3 block_frames=64", "4 block_frames=16", "move the file away"))
    assert (
        told
        == "state.sqlite has format 3, this release reads 4: run the release that wrote it, or move the file away to judge the log anew"
    )


def test_monitors_that_start_at_once_make_one_store(postgres: Shop) -> None:
    assert postgres.server is not None
    for _ in range(5):
        postgres.database = postgres.server.database()
        together = threading.Barrier(4)

        def start(_: int, together: threading.Barrier = together) -> Store:
            together.wait()
            return postgres.open()

        with ThreadPoolExecutor(4) as pool:
            for store in pool.map(start, range(4)):
                store.close()


def test_models_do_not_meet(shop: Shop) -> None:
    one, two = shop.open("one"), shop.open("two", "block_frames=64")
    ours, theirs = grown(one.load(), "cam-1"), grown(two.load(), "cam-1", "cam-2")
    one.save(ours, {PLACE: 5}, [LETTER])
    two.save(theirs, {PLACE: 9}, [])
    assert two.unsent() == ([], 0)
    assert one.offsets() == {PLACE: 5}
    assert list(one.load().cameras) == ["cam-1"]
    two.save(grown(theirs, "cam-3"), {}, [])


def test_a_part_that_cannot_be_read_says_what_to_do(shop: Shop) -> None:
    store = shop.open()
    store.save(grown(store.load(), "cam-1"), {}, [])
    shop.sql("UPDATE part SET value = '\\x93' WHERE kind = 'camera'")
    with pytest.raises(SettingsError, match="is damaged"):
        shop.open().load()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop("postgres", tmp_path)
    yield shop
    assert shop.server is not None
    shop.server.thaw()
    shop.close()


def refused(act: Callable[[], object]) -> str:
    """What StoreError says."""
    with pytest.raises(StoreError) as error:
        act()
    return str(error.value)


def test_a_server_that_crashed_is_waited_for(postgres: Shop) -> None:
    store = postgres.open()
    memory = grown(store.load(), "cam-1")
    store.save(memory, {PLACE: 1}, [LETTER])
    assert postgres.server is not None
    grown(memory, "cam-2")
    postgres.server.stop()
    try:
        assert "database test_" in refused(lambda: store.save(memory, {PLACE: 2}, []))
        said = refused(lambda: store.save(memory, {PLACE: 2}, []))
    finally:
        postgres.server.start()
    assert PASSWORD not in said
    assert "Connection refused" in said or "connection refused" in said
    store.save(memory, {PLACE: 2}, [])
    again = postgres.open()
    assert list(again.load().cameras) == ["cam-1", "cam-2"]
    assert again.unsent()[0] == [LETTER]


def test_a_server_that_froze_is_given_up_and_nothing_is_half_done(postgres: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    store = postgres.open()
    memory = grown(store.load(), "cam-1")
    assert postgres.server is not None
    monkeypatch.setattr("contracts.postgres.ANSWER_S", 0.2)
    monkeypatch.setattr("contracts.postgres.CONNECT_S", 1)
    postgres.server.freeze()
    try:
        refused(lambda: store.save(memory, {PLACE: 1}, [LETTER]))
        assert ("camera", "cam-1") in memory.dirty
    finally:
        postgres.server.thaw()
    monkeypatch.setattr("contracts.postgres.ANSWER_S", 20.0)
    store.save(memory, {PLACE: 1}, [LETTER])
    again = postgres.open()
    assert list(again.load().cameras) == ["cam-1"]
    assert set(map(str, again.unsent()[0])) == {str(LETTER)}


def test_a_transaction_left_by_a_frozen_monitor_is_ended_by_the_server(postgres: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.postgres.IDLE_S", 1)
    frozen = postgres.open()
    memory = grown(frozen.load(), "cam-1")
    heirs: list[Memory] = []

    def frozen_within() -> None:
        with frozen._transaction() as connection:  # type: ignore[attr-defined]
            frozen._check_turn(connection)  # type: ignore[attr-defined]
            heirs.append(postgres.open().load())  # waits until the server has ended the other

    assert "idle-in-transaction" in refused(frozen_within)
    assert not heirs[0].cameras
    with pytest.raises(TakenOverError):
        frozen.save(memory, {}, [])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///x", "no postgresql://"),
        ("postgresql://me:hush@host/db?what=1", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url: str, said: str) -> None:
    pytest.importorskip("psycopg")
    from monitor.store_postgres import PostgresStore

    with pytest.raises(SettingsError, match=said) as error:
        PostgresStore(url, "", MODEL, "x")
    assert "hush" not in str(error.value)


def test_a_wrong_password_is_told_and_not_shown(postgres: Shop) -> None:
    from monitor.store_postgres import PostgresStore

    assert postgres.server is not None
    url = postgres.server.url(postgres.database)
    said = refused(lambda: PostgresStore(url, "hush-hush", MODEL, "x"))
    assert "password authentication failed" in said
    assert "hush-hush" not in said
