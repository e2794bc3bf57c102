"""Three genuine brokers under load while one is killed, one frozen and one restarted: nothing lost, nothing out of order, nothing twice by id."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator

import pytest

from contracts.errors import LogAwayError
from contracts.log import open_bus
from contracts.ports import Outgoing, Record, TopicSpec
from tests.kafka_cluster import Cluster, cluster
from tests.laws.logs import until

pytestmark = pytest.mark.kafka
KEYS = 6


@pytest.fixture
def trio() -> Iterator[Cluster]:
    """The run's three brokers, all of them up before and after."""
    brokers = cluster(3, secure=True)
    yield brokers
    for number in (1, 2, 3):
        brokers.command("resume", number)


class Load:
    """A publisher that goes on whatever happens, repeating a batch until it is certain, and a member that reads along."""

    def __init__(self, url: str) -> None:
        self._enough = threading.Event()
        self._stop = threading.Event()
        self._buses = [open_bus(url, "load-publisher"), open_bus(url, "load-reader")]
        self.certain = 0
        self.seen: list[Record] = []
        self._buses[0].ensure_topics([TopicSpec("frames", 6)])
        self._threads = [threading.Thread(target=run) for run in (self._publish, self._read)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop publishing, read what is certain, and close."""
        publisher, reader = self._threads
        try:
            self._enough.set()
            publisher.join(60)
            until(
                lambda: len(self.ids()) >= self.certain or not reader.is_alive(),
                "record of every certain batch",
                self.state,
            )
        finally:
            self._stop.set()
            reader.join(60)
            for bus in self._buses:
                bus.close()

    def ids(self) -> set[str]:
        return {record.headers["ce_id"] for record in self.seen}

    def state(self) -> str:
        return f"certain {self.certain}, seen {len(self.ids())}"

    def _publish(self) -> None:
        while not self._enough.is_set():
            numbers = range(self.certain, self.certain + 12)
            records = [Outgoing("frames", f"camera-{n % KEYS}", b"x" * 1000, {"ce_id": str(n)}) for n in numbers]
            try:
                self._buses[0].publish(records)
            except LogAwayError:
                continue
            self.certain += len(records)

    def _read(self) -> None:
        reader = self._buses[1].reader("monitor", ["frames"])
        while not self._stop.is_set():
            try:
                records = reader.poll(0.2)
            except LogAwayError:
                continue
            self.seen += records
            reader.commit({record.place: record.offset + 1 for record in records})
        reader.close()


@pytest.mark.parametrize(
    ("down", "up", "broker"),
    [
        ("kill", "start", 1),
        pytest.param("pause", "resume", 2, marks=pytest.mark.slow),
        pytest.param("stop", "start", 3, marks=pytest.mark.slow),
    ],
)
def test_a_broker_lost_under_load_costs_no_record_and_no_order(trio: Cluster, down: str, up: str, broker: int) -> None:
    load = Load(f"kafka://{','.join(trio.servers)}/{uuid.uuid4().hex[:8]}")
    try:
        advance(load)
        trio.command(down, broker)
        advance(load)
        trio.command(up, broker)
        advance(load)
    finally:
        load.stop()

    by_key: dict[str, list[int]] = defaultdict(list)
    for record in load.seen:
        number = int(record.headers["ce_id"])
        if number not in by_key[record.key]:
            by_key[record.key].append(number)
    for key, numbers in by_key.items():
        offset = int(key.removeprefix("camera-"))
        assert numbers == list(range(offset, numbers[-1] + 1, KEYS)), key
    assert sum(len(numbers) for numbers in by_key.values()) >= load.certain


def advance(load: Load) -> None:
    """Until 240 more records are certain and as many more were seen."""
    mark = load.certain + 240
    until(lambda: load.certain >= mark, "progress of the publisher", load.state)
    until(lambda: len(load.ids()) >= mark, "progress of the reader", load.state)
