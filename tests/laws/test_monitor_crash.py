"""The law of the monitor's loop: however the log is polled, whenever the process dies and wherever places move, one story has one end, to the bit."""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contracts import events
from contracts.errors import SettingsError, StoreError
from contracts.events import AnyEvent, IncidentOpened, MarkFalseAlarm, RolloutAdvanced
from contracts.log import open_bus
from contracts.ports import Place
from contracts.repository import ModelRepository
from monitor import store as store_module
from monitor.identity import derived_id
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.service import Service
from monitor.standard import Standard, Standards
from monitor.store import Store
from tests.laws.monitor_log import Fuse, Killed, Shelf
from tests.monitor_line import MODEL, Line, black, other, usual

POLICY = Policy(block_frames=16, confirm_blocks=2, quiet_blocks=2, recovered_blocks=3, label_arl=50.0)
CAMERAS = ("cam-1", "cam-2", "cam-3")
Told = list[tuple[AnyEvent | bytes, float, str]]
End = dict[str, Any]


class World:
    """One story, told once; its versions' standards, calibrated once."""

    def __init__(self, folder: Path) -> None:
        self.line = Line(folder)
        self.line.publish_for_other("2")
        self.standards = Standards(ModelRepository(self.line.url), MODEL, POLICY)
        self.told = self._tell()

    def _tell(self) -> Told:
        """Quiet, drift with labels that show harm, a fault, a false alarm, a swap; with repeats, late frames and what is no event between."""
        line, told, chance = self.line, Told(), random.Random(5)
        for pool, cameras, each, version in (
            (usual(), CAMERAS, 40, "1"),
            (other(), CAMERAS[:2], 70, "1"),
            (black(), CAMERAS[2:], 20, "1"),
            (usual(), CAMERAS, 40, "1"),
            (other(), CAMERAS, 60, "2"),
        ):
            for frame in line.pass_by(cameras, each, pool, version):
                told.append((frame, line.now, ""))
                if frame.sample == "uniform":
                    told.append((line.label(frame, right=pool is usual() or version == "2"), line.now, ""))
            if pool is black():
                told += self._command(told)
            if version == "1" and pool is usual() and len(told) > 200:
                said = {"occurred_at": line.now, "model": MODEL, "version": "2", "parent": "1", "share": 1.0, "reason": "law"}
                told.append((RolloutAdvanced(event_id=derived_id(line.now, "swap"), state="champion", **said), line.now, ""))
        for at in sorted(chance.sample(range(50, len(told)), 30), reverse=True):
            event, when, _ = told[at]
            what = chance.choice(("repeat", "late", "no event", "no id"))
            if what == "repeat":
                told.insert(at, (told[at - chance.randint(1, 40)][0], when, ""))
            elif what == "late" and isinstance(event, events.FrameScored):
                told.insert(at, (line.frame(event.camera, usual(), event_id=derived_id(1.0, at), received_at=when), when, ""))
            elif what == "no event":
                told.insert(at, (b'{"type": "NoSuchThing"}', when, f"{MODEL}/{chance.choice(CAMERAS)}"))
            else:
                told.insert(at, (line.frame("cam-1", usual(), event_id="not-an-id", received_at=when), when, ""))
        return told

    def _command(self, told: Told) -> Told:
        """A person calls the newest drift incident a false alarm."""
        judge = Judge(MODEL, POLICY, Memory(), self.standards)
        said = [word for event, at, _ in told if not isinstance(event, bytes) for word in judge.apply(event, at)]
        opened = [word.incident for word in said if isinstance(word, IncidentOpened) and word.incident.cause != "camera_fault"]
        at = self.line.now
        mark = MarkFalseAlarm(
            event_id=derived_id(at, "m"), occurred_at=at, model=MODEL, incident_id=opened[-1].incident_id, by="Ada"
        )
        return [(mark, at, "")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


class Fused(Judge):
    """A judge in a process that may die before and after any judgement."""

    fuse: Fuse

    def apply(self, event: AnyEvent, at: float) -> list[AnyEvent]:
        self.fuse.step()
        said = super().apply(event, at)
        self.fuse.step()
        return said


class FusedStore(Store):
    """The same for any save."""

    fuse = Fuse()

    def save(self, *whatever: Any) -> None:
        self.fuse.step()
        super().save(*whatever)
        self.fuse.step()


def live(world: World, shelf: Shelf, path: Path, save_every_s: float, standards: Callable[[str], Standard] | None = None) -> None:
    """One process, from its start until it has taken all or dies."""
    store = FusedStore(path, "law")
    try:
        store.fuse = shelf.fuse
        memory = store.load()
        judge = Fused(MODEL, POLICY, memory, standards or world.standards)
        judge.fuse = shelf.fuse
        ticks = count()
        service = Service(shelf, store, judge, memory, MODEL, 1.0, save_every_s, lambda: 9e9 + 0.1 * next(ticks))
        stop = threading.Event()
        service.run(stop, lambda: stop.set() if service.reading and not service.lag else None)
    finally:
        store.close()


def end(shelf: Shelf, path: Path) -> End:
    """All that is left when it is over, each kind of part in the order in which it will be loaded."""
    database = sqlite3.connect(path)
    parts: dict[str, list[tuple[str, bytes]]] = {}
    for kind, key, value in database.execute("SELECT kind, key, value FROM part ORDER BY rowid"):
        parts.setdefault(kind, []).append((key, value))
    parts["watch"].sort()  # two of one camera may be dropped and made again between saves: nothing goes by their order
    found: End = {
        "parts": parts,
        "places": sorted(database.execute("SELECT * FROM place").fetchall()),
        "outbox": database.execute("SELECT * FROM outbox").fetchall(),
        "said": shelf.folded(),
    }
    database.close()
    return found


@pytest.fixture(scope="module")
def unharmed(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[End, int]:
    """How the story ends when nothing happens, and how many steps that takes."""
    shelf, path = Shelf(world.told), tmp_path_factory.mktemp("unharmed") / "state.sqlite"
    live(world, shelf, path, 1.0)
    return end(shelf, path), shelf.fuse.steps


def test_the_story_has_everything_in_it(world: World, unharmed: tuple[End, int]) -> None:
    final, _ = unharmed
    assert {"camera", "watch", "labels", "rollout"} <= final["parts"].keys()
    assert not final["outbox"]
    said = {msg.partition(b'"type":"')[2].partition(b'"')[0].decode() for _, _, msg in final["said"]}
    assert {"IncidentOpened", "IncidentClosed", "RetrainRequested", "Dead"} <= said
    assert sum(next_offset for _, _, next_offset in final["places"]) == len(world.told)


@pytest.mark.parametrize("batch", [1, 50, 1000])
def test_any_batching_of_polls_gives_the_same_end(world: World, unharmed: tuple[End, int], tmp_path: Path, batch: int) -> None:
    shelf = Shelf(world.told)
    shelf.batch = batch
    live(world, shelf, tmp_path / "state.sqlite", 0.3)
    assert end(shelf, tmp_path / "state.sqlite") == unharmed[0]


def killed(world: World, path: Path, shelf: Shelf, fuses: Iterator[int], save_every_s: float) -> None:
    """Live, die after as many steps as each fuse says, and live again until the story is over."""
    for at in fuses:
        shelf.fuse = Fuse(at)
        try:
            live(world, shelf, path, save_every_s)
        except Killed:
            continue
        return
    shelf.fuse = Fuse()
    live(world, shelf, path, save_every_s)


@pytest.mark.parametrize("seed", range(12))
def test_a_process_killed_at_any_step_ends_as_an_unharmed_one(
    world: World, unharmed: tuple[End, int], tmp_path: Path, seed: int
) -> None:
    """Five deaths each: anywhere, and some soon after a start."""
    chance, path = random.Random(seed), tmp_path / "state.sqlite"
    fuses = [chance.randint(1, chance.choice((30, unharmed[1] // 2))) for _ in range(5)]
    shelf = Shelf(world.told)
    shelf.batch = chance.choice((1, 7, 40, 1000))
    killed(world, path, shelf, iter(fuses), chance.choice((0.1, 1.0, 30.0)))
    assert end(shelf, path) == unharmed[0]


@pytest.mark.slow
def test_a_process_killed_at_every_step_ends_as_an_unharmed_one(world: World, unharmed: tuple[End, int], tmp_path: Path) -> None:
    for at in range(1, unharmed[1], 3):
        shelf, path = Shelf(world.told), tmp_path / f"{at}.sqlite"
        killed(world, path, shelf, iter([at]), 1.0)
        assert end(shelf, path) == unharmed[0], at
        path.unlink()


@pytest.mark.parametrize("whole", [False, True], ids=["some places", "all places"])
def test_places_taken_away_and_given_back_change_nothing(
    world: World, unharmed: tuple[End, int], tmp_path: Path, whole: bool
) -> None:
    shelf, chance, given = Shelf(world.told), random.Random(3), []
    polls = set(chance.sample(range(1, 100), 20))

    def moves(number: int) -> Iterator[Place]:
        if number in polls:
            places = sorted(shelf.records)
            given.append(places if whole else chance.sample(places, 3))
            yield from given[-1]

    shelf.moves = moves
    live(world, shelf, tmp_path / "state.sqlite", 2.0)
    assert len(given) == 20
    assert end(shelf, tmp_path / "state.sqlite") == unharmed[0]


def test_taken_over_without_knowing_it_twenty_times_changes_nothing(
    world: World, unharmed: tuple[End, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another monitor loads the state behind this one's back, and dies: what is not saved is forgotten, and judged again."""
    monkeypatch.setattr("monitor.service.RETRY_S", 0.0)
    shelf, path, polls, loaded = Shelf(world.told), tmp_path / "state.sqlite", count(), []
    turns = set(random.Random(4).sample(range(2, 90), 20))

    def moves(_: int) -> Iterator[Place]:
        if next(polls) in turns:
            another = Store(path, "law")
            loaded.append(another.load())
            another.close()
        return iter(())

    shelf.moves = moves
    live(world, shelf, path, 0.3)
    assert len(loaded) == 20
    assert end(shelf, path) == unharmed[0]


def test_a_log_that_begins_anew_is_judged_from_its_beginning(world: World, tmp_path: Path) -> None:
    """Its offsets are lower than those saved: they are followed, not taken for repeats."""
    shelf = Shelf(world.told[:300])
    live(world, shelf, tmp_path / "state.sqlite", 1.0)
    anew = Shelf(world.told[300:320])
    live(world, anew, tmp_path / "state.sqlite", 1.0)
    places = {Place(topic, number): at for topic, number, at in end(anew, tmp_path / "state.sqlite")["places"]}
    for place, line in anew.records.items():
        assert places.get(place, 0) == (len(line) or len(shelf.records[place]))


def test_a_repository_that_goes_away_in_mid_judgement_changes_nothing(
    world: World, unharmed: tuple[End, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new process asks for each version anew, and every third question is not answered: also where a desk asks, with memory half-changed."""
    monkeypatch.setattr("monitor.service.RETRY_S", 0.0)
    asked = count()

    def standards(version: str) -> Standard:
        if next(asked) % 97 == 96:
            raise StoreError("the repository does not answer")
        return world.standards(version)

    shelf = Shelf(world.told)
    live(world, shelf, tmp_path / "state.sqlite", 0.5, standards)
    assert end(shelf, tmp_path / "state.sqlite") == unharmed[0]


def test_a_full_disk_is_waited_for_and_nothing_is_lost(
    world: World, unharmed: tuple[End, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself refuses to grow the file; judging stops, and goes on where it stood when there is room again."""
    monkeypatch.setattr("monitor.service.RETRY_S", 0.0)
    refused: dict[int, str] = {}
    attempts: list[int] = []
    save, shelf = Store.save, Shelf(world.told)

    def cramped(store: Store, *whatever: Any) -> None:
        attempts.append(shelf.fuse.steps)
        pages = 1 if len(attempts) % 3 else 1_000_000  # it never falls below what the file has
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        try:
            save(store, *whatever)
        except StoreError as error:
            refused[len(attempts)] = str(error)
            raise

    monkeypatch.setattr(Store, "save", cramped)
    live(world, shelf, tmp_path / "state.sqlite", 0.5)
    assert len(refused) > 1
    assert all("full" in reason for reason in refused.values())
    assert all(attempts[number] == attempts[number - 1] + 1 for number in refused), "nothing was judged before the next attempt"
    assert end(shelf, tmp_path / "state.sqlite") == unharmed[0]


def test_a_state_file_in_use_or_damaged_says_what_to_do(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.sqlite"
    live(world, Shelf(world.told[:40]), path, 1.0)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(store_module, "BUSY_S", 0.01)
    with pytest.raises(StoreError, match="does a frozen monitor hold it"):
        Store(path, "law")
    holder.close()
    sound = path.read_bytes()
    path.write_bytes(sound[:4096] + b"\x55" * (len(sound) - 4096))
    with pytest.raises(SettingsError, match="move it away"):
        Store(path, "law")
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(SettingsError, match="is damaged"):
        Store(path, "law")


def test_a_part_that_cannot_be_read_says_what_to_do(world: World, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    live(world, Shelf(world.told[:40]), path, 1.0)
    database = sqlite3.connect(path)
    database.execute("UPDATE part SET value = x'93' WHERE kind = 'camera'")
    database.commit()
    database.close()
    store = Store(path, "law")
    with pytest.raises(SettingsError, match="is damaged"):
        store.load()
    store.close()


def test_a_state_that_is_gone_is_made_anew_from_the_whole_log(world: World, tmp_path: Path) -> None:
    """However far the group had committed: the offsets that count are those that lie beside the state."""
    bus = open_bus(f"embedded://{tmp_path}/log")
    bus.ensure_topics(events.TOPICS)
    told = [event for event, _, _ in world.told[:120] if isinstance(event, events.FrameScored)]
    bus.publish([events.encode(event, "test") for event in told])

    def judged(state: Path) -> dict[str, int]:
        memory, stop, rounds = Memory(), threading.Event(), count()
        service = Service(
            bus, Store(state, "law"), Judge(MODEL, POLICY, memory, world.standards), memory, MODEL, 0.0, 0.01, time.time
        )

        def beat() -> None:
            if (service.taken and not service.lag) or next(rounds) > 20:
                stop.set()

        service.run(stop, beat)
        return {"taken": sum(service.taken.values()), "cameras": len(memory.cameras)}

    first = judged(tmp_path / "one.sqlite")
    assert first == {"taken": len(told), "cameras": len(CAMERAS)}
    assert judged(tmp_path / "two.sqlite") == first
    bus.close()
