"""Several monitors of one model: whichever dies, freezes or is replaced, together they say and keep what one undisturbed monitor does, to the bit."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.errors import StoreError
from contracts.events import FRAMES, RETRAIN, AnyEvent, FrameScored
from monitor.store import Store
from monitor.stores import Store as AnyStore
from tests.kafka_cluster import cluster
from tests.monitor_line import Line, other, usual
from tests.monitor_replicas import Replicas, eventually
from tests.postgres_server import PASSWORD, Server, server

CAMERAS = ("cam-1", "cam-2", "cam-3")
STALL_S = 30.0
"""How long PostgreSQL stands still: longer than the monitor waits for an answer."""


class House:
    """A log and a store of a kind, and replicas on them."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.line = Line(folder)
        self.server: Server | None = None
        if kind == "embedded":
            self.replicas = Replicas(folder, self.line, f"embedded://{folder}/log", "")
            return
        servers = ",".join(cluster().servers)
        self.server = server()
        self._url = self.server.url(self.server.database())
        self.replicas = Replicas(folder, self.line, f"kafka://{servers}/{uuid.uuid4().hex[:8]}", self._url, PASSWORD)

    def store(self) -> AnyStore:
        """Of the replicas."""
        if self.server is None:
            return Store(self.replicas.folder / "state" / "monitor-small.sqlite", "block_frames=16")
        from monitor.store_postgres import PostgresStore

        return PostgresStore(self._url, PASSWORD, "small", "block_frames=16")

    def judged(self, topic: str = FRAMES) -> int:
        """Frames whose judgement is saved, or records of another topic; -1 while nobody can say."""
        try:
            store = self.store()
            try:
                return sum(at for place, at in store.offsets().items() if place.topic == topic)
            finally:
                store.close()
        except StoreError:
            return -1


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The least that is needed, and what production has: Kafka with PostgreSQL."""
    house = House(request.param, tmp_path)
    yield house
    house.replicas.close()
    if house.server is not None:
        house.server.thaw()


def story(line: Line, slices: int) -> list[list[AnyEvent]]:
    """Quiet, then drift on all cameras with wrong labels, in slices of event time."""
    told: list[list[AnyEvent]] = []
    for at in range(slices):
        pool = usual() if at < slices // 2 else other()
        frames = list(line.pass_by(CAMERAS, 240 // slices, pool))
        labels = [line.label(frame, right=pool is usual() or i % 5 < 2) for i, frame in enumerate(frames)]
        told.append([*frames, *labels])
    return told


def tell(house: House, how: list[str], also: Callable[[int], None] = lambda step: None) -> None:
    """A slice of the story for each succession: every other one in the middle of judging it, the rest before any of it is judged."""
    replicas = house.replicas
    told = story(house.line, len(how) + 1)
    frames = 0
    for step, (slice_, what) in enumerate(zip(told, [*how, ""], strict=True)):
        replicas.publish(slice_)
        also(step)
        if step % 2:
            eventually(house.judged, lambda seen, least=frames: seen > least)  # type: ignore[misc]
        if what:
            replicas.succeed(what, last=step == len(how) - 1)
        frames += sum(isinstance(fact, FrameScored) for fact in slice_)
    eventually(house.judged, lambda seen: seen == frames)
    # The monitor reads its own requests, too: whatever was said of this story has come back and is judged.
    eventually(lambda: (house.judged(RETRAIN), len(replicas.read(RETRAIN))), lambda seen: seen[0] == seen[1] > 0)


def same_as_undisturbed(house: House) -> None:
    """Parts, offsets, outbox and everything said."""
    house.replicas.stop()
    store = house.store()
    end = house.replicas.end(store)
    store.close()
    unharmed = house.replicas.unharmed()
    assert {topic.rpartition(".")[2] for topic, _, _ in unharmed["said"]} == {"incidents", "retrain"}
    assert end["said"] == unharmed["said"]
    assert end["places"] == unharmed["places"]
    for name, parts in unharmed["parts"].items():
        assert end["parts"][name] == parts, name
    assert end["unsent"] == []


def test_who_takes_over_goes_on_where_the_other_stood(house: House) -> None:
    house.replicas.start(2)

    def crash(step: int) -> None:
        if house.server is not None and step:
            house.server.stop()
            eventually(lambda: any(member.said("waiting") for member in house.replicas.members), bool)
            house.server.start()

    tell(house, ["freeze", "restart"] if house.server is None else ["kill"], crash)
    same_as_undisturbed(house)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_successions_of_three_replicas_change_no_verdict(house: House) -> None:
    house.replicas.start(3)

    def waits() -> int:
        return sum(len(member.said("waiting")) for member in house.replicas.members)

    def trouble(step: int) -> None:
        if house.server is None:
            return
        if step % 7 == 3:
            house.server.stop()
            house.server.start()
        elif step % 7 == 5:
            told, began = waits(), time.monotonic()
            house.server.freeze()  # with a slice just published; the monitor gives up an answer 20 s later, and asks again
            eventually(lambda: (waits() > told, time.monotonic() - began), lambda seen: seen[0] and seen[1] >= STALL_S)
            house.server.thaw()

    hows = list(itertools.islice(itertools.cycle(["kill", "freeze", "restart", "freeze", "kill"]), 20))
    tell(house, hows, trouble)
    print(sorted(house.replicas.took_s))  # what docs/replicas.md says of it
    same_as_undisturbed(house)
