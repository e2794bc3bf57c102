"""What every state of the retrain service must hold: the SQLite file of one host, and PostgreSQL."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from contracts.channels import Channels
from contracts.errors import SettingsError, StoreError, TakenOverError
from contracts.events import Approve, FrameLabelled, ServingReported
from contracts.incidents import Incident
from contracts.ports import Place
from contracts.predictions import ClassTruth
from retrain.job import Job
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.rollout.evidence import Answer, Rollouts
from retrain.rollout.guards import CameraShare
from retrain.rollout.states import Rollout
from retrain.state.connection import State
from retrain.state.database import Database
from retrain.state.ledger import Ledger, Row
from retrain.state.opening import open_state
from retrain.state.reading import cameras_seen, ledger_rows
from retrain.state.tables import FORMAT, TABLES
from tests.postgres_server import PASSWORD, Server, server

MODEL = "model"
REMEMBER = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class Shop:
    """Opens states of a kind, as many times as asked, and closes all."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.folder = folder
        self.server: Server | None = None
        if kind == "postgres":
            self.server = server()
            self.database = self.server.database()
        self._opened: list[State] = []

    def open(self, model: str = MODEL) -> State:
        url = self.server.url(self.database) if self.server else ""
        self._opened.append(open_state(url, PASSWORD, self.folder / f"{model}.sqlite3", model))
        return self._opened[-1]

    def close(self) -> None:
        for state in self._opened:
            state.close()


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(request.param, tmp_path)
    yield shop
    shop.close()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop("postgres", tmp_path)
    yield shop
    assert shop.server is not None
    shop.server.thaw()
    shop.close()


def remember(state: State, **facts: str) -> None:
    with state.transaction():
        state.sql.executemany(REMEMBER, list(facts.items()))


def facts(state: State) -> dict[str, str]:
    return dict(state.sql.execute("SELECT name, value FROM facts ORDER BY name"))


def test_what_was_written_is_read_after_a_restart_to_the_bit(shop: Shop) -> None:
    row = ("früh\n'\"%s ?", -0.1 - 0.2, b"\x00\xff?", None)
    state = shop.open()
    with state.transaction():
        state.sql.execute("INSERT INTO labels VALUES (?, 'c', ?, ?, 5e-324, ?)", (row[0], row[1], row[3], row[2]))
        state.sql.execute("INSERT INTO offsets VALUES ('t', 0, ?)", (2**63 - 1,))
    state.close()
    again = shop.open()
    asked = "SELECT frame_id, captured_at, body, sample FROM labels WHERE labelled_at = 5e-324"
    assert again.sql.execute(asked).fetchone() == row
    assert again.sql.execute("SELECT next_offset FROM offsets").fetchone() == (2**63 - 1,)
    assert again.sql.execute("SELECT 1 FROM labels WHERE frame_id = 'none'").fetchone() is None


def test_the_ledger_is_read_beside_its_service_and_nothing_is_made(shop: Shop) -> None:
    state = shop.open()
    database = Database(state, "test")
    url = shop.server.url(shop.database) if shop.server else ""
    with database.transaction():
        for i in range(2500):
            Ledger(database).append("decision", float(i), why="ü?%")
        for camera in ("line-2", "line-1"):
            Labels(database).fault(fault(f"i-{camera}", camera), None)
    path = shop.folder / f"{MODEL}.sqlite3"
    with database.transaction():
        Ledger(database).append("unfinished", 0.0)
        rows = ledger_rows(url, PASSWORD, path, MODEL)
        assert [row.sequence for row in rows] == list(range(1, 2501))
    assert ledger_rows(url, PASSWORD, path, MODEL)[:-1] == rows
    assert [Row(*row[:3], msgspec.json.decode(row.body), row.hash) for row in rows] == Ledger(database).rows()[:-1]
    assert cameras_seen(url, PASSWORD, path, MODEL) == ["line-1", "line-2"]
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"no ledger in|no state of the model 'other'"):
            ledger_rows(url, PASSWORD, shop.folder / "other.sqlite3", "other")
    with database.transaction():  # nobody took it over
        pass


@settings(max_examples=15, deadline=None)
@given(numbers=some.lists(some.floats(allow_nan=False), min_size=1, max_size=20, unique=True))
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_numbers_keep_their_bits_and_their_order(kind: str, numbers: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = Shop(kind, tmp_path_factory.mktemp("numbers"))
    state = shop.open()
    try:
        with state.transaction():
            state.sql.executemany("INSERT INTO seen VALUES (?, ?)", [(str(i), number) for i, number in enumerate(numbers)])
        assert [number for (number,) in state.sql.execute("SELECT until FROM seen ORDER BY until")] == sorted(numbers)
    finally:
        shop.close()


def test_texts_sort_by_their_bytes(shop: Shop) -> None:
    names = ["a", "B", "_", "Z", "é", "z", "10", "9", "", "\U0001f600", "\uffff"]
    state = shop.open()
    remember(state, **dict.fromkeys(names, ""))
    assert list(facts(state)) == sorted(names, key=lambda name: name.encode())


def test_sequences_rise_in_the_order_of_writing(shop: Shop) -> None:
    state = shop.open()
    insert = "INSERT INTO outbox (topic, key, value, headers) VALUES ('t', ?, ?, ?) RETURNING sequence"
    for key in "abc":
        with state.transaction():
            state.sql.execute(insert, (key, b"", b""))
    with state.transaction():
        assert state.sql.execute("DELETE FROM outbox WHERE key IN ('b', 'c')").rowcount == 2
        ((fourth,),) = state.sql.execute(insert, ("d", b"", b""))
    rows = state.sql.execute("SELECT key, sequence FROM outbox ORDER BY sequence").fetchall()
    assert [key for key, _ in rows] == ["a", "d"]
    assert fourth == rows[-1][1] >= rows[0][1] + 3


def test_who_comes_second_is_told_by_the_count(shop: Shop) -> None:
    state = shop.open()
    with state.transaction():
        once = "INSERT INTO seen VALUES (?, ?) ON CONFLICT (event_id) DO NOTHING"
        assert [state.sql.execute(once, ("e", at)).rowcount for at in (1.0, 2.0)] == [1, 0]


def test_a_transaction_that_raises_leaves_nothing(shop: Shop) -> None:
    state = shop.open()
    remember(state, before="1")

    def turn() -> None:
        with state.transaction():
            state.sql.execute(REMEMBER, ("after", "1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        turn()
    assert facts(state) == {"before": "1"}


def test_a_savepoint_that_raises_leaves_the_rest(shop: Shop) -> None:
    state = shop.open()

    def record(name: str, fails: bool) -> None:
        with state.savepoint():
            state.sql.execute(REMEMBER, (name, "1"))
            if fails:
                raise LookupError

    with state.transaction():
        for at, name in enumerate("abcd"):
            try:
                record(name, fails=at % 2 == 1)
            except LookupError:
                continue
    assert list(facts(state)) == ["a", "c"]


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (REMEMBER, ("x", None)),
        ("INSERT INTO offsets VALUES (?, 0, ?)", ("t", 2**63)),
        ("INSERT INTO facts VALUES (?, ?)", ("good", "2")),
    ],
)
def test_values_that_cannot_be_held_are_refused_and_undone_alone(shop: Shop, statement: str, values: tuple[object, ...]) -> None:
    refused_alone(shop.open(), statement, values)


def test_a_text_that_postgres_cannot_hold_is_refused_and_undone_alone(postgres: Shop) -> None:
    refused_alone(postgres.open(), REMEMBER, ("x\x00", "1"))


def refused_alone(state: State, statement: str, values: tuple[object, ...]) -> None:
    def record() -> None:
        with state.savepoint():
            state.sql.execute(statement, values)  # type: ignore[arg-type]

    with state.transaction():
        state.sql.execute(REMEMBER, ("good", "1"))
        with pytest.raises(ValueError):
            record()
        state.sql.execute(REMEMBER, ("better", "1"))
    assert facts(state) == {"better": "1", "good": "1"}


def test_who_was_taken_over_changes_nothing(shop: Shop) -> None:
    first, second = shop.open(), shop.open()
    remember(first, a="1")
    second.take()
    ran = []

    def turn(state: State) -> None:
        with state.transaction():
            ran.append(state)

    for _ in range(2):
        with pytest.raises(TakenOverError, match="taken over by another retrain service"):
            turn(first)
    assert not ran
    assert facts(first) == {"a": "1"}
    remember(second, b="2")
    first.take()
    remember(first, c="3")
    with pytest.raises(TakenOverError):
        turn(second)
    assert facts(shop.open()) == {"a": "1", "b": "2", "c": "3"}


def test_of_many_that_take_at_once_the_last_one_owns_it(shop: Shop) -> None:
    states = [shop.open() for _ in range(4)]
    together = threading.Barrier(len(states))

    def take(state: State) -> None:
        together.wait()
        state.take()

    with ThreadPoolExecutor(len(states)) as pool:
        list(pool.map(take, states))
    owners = 0
    for state in states:
        try:
            remember(state, owner="1")
        except TakenOverError:
            continue
        owners += 1
    assert owners == 1


def test_services_that_start_at_once_make_one_state(shop: Shop) -> None:
    for i in range(5):
        together = threading.Barrier(4)

        def start(_: int, model: str = f"m{i}", together: threading.Barrier = together) -> State:
            together.wait()
            return shop.open(model)

        with ThreadPoolExecutor(4) as pool:
            for state in pool.map(start, range(4)):
                remember(state, a="1")


def test_what_the_service_keeps_is_the_same_in_both(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain.state.ledger._ROWS", 2)
    database = Database(shop.open(), "test")
    labels, jobs, rollouts, ledger = Labels(database), Jobs(database), Rollouts(database), Ledger(database)
    job = Job(job_id="j", request_key="k", trigger="operator", version="1", reason="", since=0.0, created_at=1.0)
    states = [Channels(champion="1", sequence=1, by="bootstrap"), Channels(champion="2", sequence=2, by="ada")]
    rollout = Rollout(version="2", parent="1", labels=("a",), state="shadow", entered_at=1.0, reason="")
    with database.transaction():
        for i, camera in enumerate("abcb"):
            labels.add(labelled(f"f{i}", camera, captured_at=100.0 + i))
        labels.fault(fault("gone", "a"), 100.5)
        labels.fault(fault("open", "c"), None)
        labels.fault(fault("none", "b"), None)
        labels.no_fault("none")
        jobs.save(job)
        jobs.save(msgspec.structs.replace(job, state="failed"))
        jobs.mark_rolled_back("j")
        for name in ("p", "p", "q"):
            jobs.to_end(name, "jobs/j/1")
        jobs.gone("p")
        for kind in ("one", "two", "three"):
            ledger.append(kind, 1.5, why="ü")
        ledger.take_over(states, 2.0, lambda version: {})
        rollouts.save(rollout)
        rollouts.save_cameras({"a": (1.0, CameraShare()), "b": (9.0, CameraShare())})
        assert rollouts.remember([Answer("f", "2", "x", 5.0)]) == {("f", "2")}
        again = [Answer("f", "2", "y", 6.0), *(Answer(f"g{i}", "1", "", 6.0) for i in (*range(1200), 7))]
        assert rollouts.remember(again) == {(f"g{i}", "1") for i in range(1200)}
        for replica, sequence, leaving in (("b", 1, False), ("a", 1, False), ("a", 2, False), ("b", 2, True), ("c", 1, False)):
            rollouts.save_report(reported(replica, sequence, leaving))
        rollouts.forget_server("c")
        database.save_offsets({Place("t", 0): 1})
        database.save_offsets({Place("t", 0): 7, Place("t", 1): 2})
        database.remember("name", "old")
        database.remember("name", "new")
        database.publish_later(Approve(event_id="e", occurred_at=1.0, model=MODEL, version="2", by="ada"))
    assert labels.add(labelled("f1", "b", captured_at=101.0, label="other")) == "conflict"
    assert [frame.frame_id for frame in labels.usable((), 0.0)] == ["f1", "f3"]
    assert (labels.count(), labels.count_new(0.0, ()), labels.count_new(102.0, ()), labels.count_new(0.0, "b")) == (4, 2, 1, 0)
    assert labels.faulty() == {"c"}
    assert jobs.recent() == (msgspec.structs.replace(job, state="failed", rolled_back=True),)
    assert jobs.unfinished() == jobs.waiting() == ()
    assert jobs.ending() == [("q", "jobs/j/1")]
    assert (ledger.broken_at(), len(ledger.rows()), ledger.channels_sequence()) == (None, 5, 2)
    assert (rollouts.newest(), rollouts.live(5.0)) == (rollout, ["b"])
    assert {name: seen for name, (seen, _) in rollouts.cameras({"a", "b", "new"}).items()} == {"a": 1.0, "b": 9.0, "new": 0.0}
    assert rollouts.remembered(["f", "g3", "h"]) == {("f", "2"): "x", ("g3", "1"): ""}
    assert rollouts.reports() == {"a": reported("a", 2)}
    assert (rollouts.report("a"), rollouts.report("b")) == (reported("a", 2), None)
    assert (rollouts.of("2"), rollouts.of("3")) == (rollout, None)
    assert database.offsets() == {Place("t", 0): 7, Place("t", 1): 2}
    assert (database.fact("name"), database.unpublished()) == ("new", 1)
    last, records = database.outbox()
    assert [record.headers["ce_id"] for record in records] == ["e"]
    database.published(last)
    with database.transaction():
        database.sql.execute("UPDATE ledger SET body = replace(body, 'ü', 'u') WHERE sequence = 3")
        rollouts.forget_answers(6.0)
        rollouts.clear_evidence("2")
        database.remember("name", None)
        assert database.first_time("e", 10.0)
        database.forget_seen(11.0)
        assert database.first_time("e", 10.0)
        assert not database.first_time("e", 20.0)
    assert (ledger.broken_at(), rollouts.newest(), rollouts.remembered(["f"]), database.fact("name")) == (3, None, {}, None)
    assert database.outbox() == (0, [])


def reported(replica: str, sequence: int, leaving: bool = False) -> ServingReported:
    return ServingReported(
        event_id=f"{replica}{sequence}",
        occurred_at=1.0,
        model=MODEL,
        replica=replica,
        sequence=sequence,
        versions=(),
        started_at=0.5,
        leaving=leaving,
    )


def labelled(frame: str, camera: str, captured_at: float, label: str = "fine") -> FrameLabelled:
    return FrameLabelled(
        event_id=frame,
        occurred_at=200.0,
        model=MODEL,
        frame_id=frame,
        camera=camera,
        site="s",
        captured_at=captured_at,
        truth=ClassTruth(label),
        predictions=(),
        stored=f"{frame}.jpg",
        sample="uniform",
    )


def fault(incident: str, camera: str) -> Incident:
    return Incident(
        incident_id=incident,
        cause="camera_fault",
        severity="ticket",
        headline="",
        action="",
        site="s",
        cameras=(camera,),
        version="1",
        since=50.0,
        opened_at=60.0,
    )


def test_models_do_not_meet(shop: Shop) -> None:
    long = "m" * 63
    models = ("one", "One", "two.three-four", f"{long}a", f"{long}b")
    states = [shop.open(model) for model in models]
    for model, state in zip(models, states, strict=True):
        state.take()
        remember(state, model=model)
    assert [facts(state)["model"] for state in states] == list(models)


def test_a_table_that_this_release_adds_is_made(shop: Shop) -> None:
    state = shop.open()
    remember(state, a="1")
    with state.transaction():
        state.sql.execute("DROP TABLE answers")
    again = shop.open()
    again.sql.execute("SELECT frame_id, version, label, at FROM answers")
    assert facts(again) == {"a": "1"}


def test_the_state_of_a_later_release_is_refused(shop: Shop) -> None:
    state = shop.open()
    with state.transaction():
        state.sql.execute("UPDATE about SET format = ?", (FORMAT + 1,))
        if shop.server is None:
            state.sql.execute(f"PRAGMA user_version={FORMAT + 1}")
    with pytest.raises(SettingsError, match=f"has format {FORMAT + 1}, this release reads {FORMAT}"):
        shop.open()


def test_a_file_of_the_first_format_goes_on(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / f"{MODEL}.sqlite3")
    for name in ("offsets", "seen", "outbox", "facts", "ledger", "labels", "faults", "rollouts", "cameras", "answers"):
        old.execute(TABLES[name].split(";")[0].replace("SERIAL", "INTEGER PRIMARY KEY AUTOINCREMENT"))
    old.execute(
        "CREATE TABLE jobs (job_id TEXT PRIMARY KEY, request_key TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL,"
        " lease_until REAL NOT NULL, body BLOB NOT NULL)"
    )
    old.execute("CREATE INDEX seen_until ON seen (until)")
    old.execute("CREATE INDEX labels_captured ON labels (captured_at)")
    old.execute("CREATE INDEX answers_at ON answers (at)")
    old.execute("INSERT INTO jobs VALUES ('j', 'k', 'held', 'me', 12.5, x'7b7d')")
    old.execute("PRAGMA user_version=1")
    old.commit()
    old.close()
    shop = Shop("sqlite", tmp_path)
    state, fresh = shop.open(), shop.open("fresh")
    assert state.sql.execute("SELECT * FROM jobs").rows == [("j", "k", "held", b"{}")]
    state.take()
    remember(state, a="1")
    asked = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    assert state.sql.execute(asked).rows == fresh.sql.execute(asked).rows
    shop.close()


def test_a_file_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / f"{MODEL}.sqlite3").write_bytes(b"not a database at all" * 300)
    with pytest.raises(SettingsError, match="is damaged"):
        Shop("sqlite", tmp_path).open()


FULL = """
import resource, signal, sys
from pathlib import Path
from contracts.errors import StoreError
from retrain.state.sqlite import SqliteState
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
state = SqliteState(Path(sys.argv[1]), "m")
with state.transaction():
    state.sql.execute("INSERT INTO facts VALUES ('before', '1')")
limit = sum(path.stat().st_size for path in Path(sys.argv[1]).parent.iterdir()) + 200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
refused = 0
for _ in range(2):
    try:
        with state.transaction():
            for i in range(100):
                with state.savepoint():
                    state.sql.execute("INSERT INTO facts VALUES (?, ?)", (f"row {i}", "x" * 10_000))
    except StoreError as error:
        refused += "cannot be read or written" in str(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with state.transaction():
    state.sql.execute("INSERT INTO facts VALUES ('room again', '1')")
print(refused, [name for (name,) in state.sql.execute("SELECT name FROM facts ORDER BY name")])
"""


def test_a_full_disk_undoes_the_turn_and_is_waited_for(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path / "f"], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "2 ['before', 'room again']\n", done.stderr


def refused(act: Callable[[], object]) -> str:
    """What StoreError says."""
    with pytest.raises(StoreError) as error:
        act()
    return str(error.value)


def test_a_server_that_crashed_is_waited_for(postgres: Shop) -> None:
    state = postgres.open()
    remember(state, a="1")
    assert postgres.server is not None
    postgres.server.stop()
    try:
        said = [refused(lambda: remember(state, b="1")), refused(lambda: facts(state)), refused(state.take)]
    finally:
        postgres.server.start()
    assert all("database test_" in one and PASSWORD not in one for one in said)
    assert "refused" in said[-1]
    remember(state, c="1")
    assert facts(state) == {"a": "1", "c": "1"}


def test_a_server_that_froze_is_given_up_and_nothing_is_half_done(postgres: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    state = postgres.open()
    assert postgres.server is not None
    monkeypatch.setattr("contracts.postgres.ANSWER_S", 0.2)
    monkeypatch.setattr("contracts.postgres.CONNECT_S", 1)
    postgres.server.freeze()
    try:
        refused(lambda: remember(state, a="1", b="1"))
    finally:
        postgres.server.thaw()
    monkeypatch.setattr("contracts.postgres.ANSWER_S", 20.0)
    remember(state, c="1")
    assert facts(state) == {"c": "1"}


def test_a_transaction_left_by_a_frozen_service_is_ended_by_the_server(postgres: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.postgres.IDLE_S", 1)
    frozen, heir = postgres.open(), postgres.open()
    remember(frozen, a="1")

    def frozen_within() -> None:
        with frozen.transaction():
            frozen.sql.execute(REMEMBER, ("b", "1"))
            heir.take()  # waits until the server has ended the other
            frozen.sql.execute(REMEMBER, ("c", "1"))

    assert "idle-in-transaction" in refused(frozen_within)
    assert facts(heir) == {"a": "1"}
    with pytest.raises(TakenOverError):
        remember(frozen, d="1")


def test_a_wrong_password_is_told_and_not_shown(postgres: Shop) -> None:
    assert postgres.server is not None
    url = postgres.server.url(postgres.database)
    said = refused(lambda: open_state(url, "hush-hush", Path("unused"), MODEL))
    assert "password authentication failed" in said
    assert "hush-hush" not in said


@pytest.mark.parametrize(
    ("url", "said"), [("sqlite:///x", "no postgresql://"), ("postgresql://me:hush@host/db?what=1", "cannot be read")]
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url: str, said: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(SettingsError, match=said) as error:
        open_state(url, "", Path("unused"), MODEL)
    assert "hush" not in str(error.value)
