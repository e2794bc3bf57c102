"""The publisher: everything in order, over a log that goes away or refuses, and a stop that waits no longer than told."""

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from contracts.errors import LogAwayError, LogError, LogRefusedError, RecordTooLargeError
from contracts.events import DEAD, Dead
from contracts.logs import Logger
from contracts.ports import Outgoing, Reader, StartAt, TopicSpec
from serving.delivery import publisher as publishing
from serving.delivery.publisher import Publisher
from serving.delivery.spool import Spool
from serving.telemetry.instruments import Instruments
from tests.serving_process import eventually

RECORDS = [Outgoing("topic", "key", str(number).encode()) for number in range(50)]


class Log:
    """A Bus in memory that fails with `error` while it is set, after taking `half` of what it was given."""

    def __init__(self) -> None:
        self.taken: list[Outgoing] = []
        self.error: LogError | None = None
        self.half = False
        self.limit = 1 << 20
        self.tries = 0
        self.topics: set[str] = set()

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        self.tries += 1
        if self.error:
            raise self.error
        self.topics |= {topic.name for topic in topics}

    def publish(self, records: Sequence[Outgoing]) -> None:
        self.tries += 1
        if self.error:
            self.taken += records[: len(records) // 2] if self.half else []
            raise self.error
        if any(len(record.value) > self.limit for record in records):
            raise RecordTooLargeError(f"at most {self.limit} bytes")
        self.taken += records

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt | None = None, sole: bool = False) -> Reader:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(publishing, "_LAST_RETRY_S", 0.002)


def _publisher(folder: Path, log: Log) -> tuple[Spool, Publisher, Instruments]:
    spool, instruments = Spool(folder, 1 << 20), Instruments(CollectorRegistry())
    return spool, Publisher(spool, log, instruments, Logger("test")), instruments


def test_it_publishes_what_was_there_and_what_comes(tmp_path: Path) -> None:
    log = Log()
    spool, publisher, instruments = _publisher(tmp_path, log)
    spool.append(RECORDS[:20])
    publisher.start()
    for record in RECORDS[20:]:
        spool.append([record])
    assert publisher.stop(60)
    assert log.taken == RECORDS
    assert "keepsight.frames" in log.topics
    assert instruments.registry.get_sample_value("keepsight_serving_events_total", {"outcome": "published"}) == len(RECORDS)
    assert instruments.registry.get_sample_value("keepsight_serving_log_up") == 1


@pytest.mark.parametrize("error", [LogAwayError("away"), LogRefusedError("wrong password")])
def test_it_goes_on_when_the_log_is_back(tmp_path: Path, error: LogError, caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    spool, publisher, instruments = _publisher(tmp_path, log)
    log.error = error
    publisher.start()
    spool.append(RECORDS)
    eventually("tries", lambda: log.tries, lambda tries: tries > 5)
    assert spool.pending_bytes > 0
    assert instruments.registry.get_sample_value("keepsight_serving_log_up") == 0
    log.error = None
    assert publisher.stop(60)
    assert log.taken == RECORDS
    assert [record.message for record in caplog.records].count("log_away") == 1


def test_half_a_publish_is_repeated_whole(tmp_path: Path) -> None:
    log = Log()
    spool, publisher, _ = _publisher(tmp_path, log)
    publisher.start()
    eventually("the topics", lambda: log.topics)
    log.half, log.error = True, LogAwayError("broken off")
    spool.append(RECORDS)
    eventually("half of them", lambda: len(log.taken), lambda taken: taken >= 25)
    log.error = None
    assert publisher.stop(60)
    assert log.taken[-len(RECORDS) :] == RECORDS


def test_a_stop_while_the_log_is_away_keeps_the_spool(tmp_path: Path) -> None:
    log = Log()
    log.error = LogAwayError("away")
    spool, publisher, _ = _publisher(tmp_path, log)
    publisher.start()
    spool.append(RECORDS)
    assert not publisher.stop(0.05)
    spool.close()
    spool, publisher, _ = _publisher(tmp_path, log)
    log.error = None
    publisher.start()
    assert publisher.stop(60)
    assert log.taken == RECORDS


def test_a_surprise_does_not_end_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    spool, publisher, _ = _publisher(tmp_path, log)
    surprised = threading.Event()

    def surprise(topics: Sequence[TopicSpec]) -> None:
        if not surprised.is_set():
            surprised.set()
            raise RuntimeError("a surprise")

    monkeypatch.setattr(log, "ensure_topics", surprise)
    publisher.start()
    spool.append(RECORDS)
    assert publisher.stop(60)
    assert surprised.is_set()
    assert log.taken == RECORDS


def test_a_record_that_no_log_takes_goes_to_the_dead_letters_in_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    log.limit = 200_000
    spool, publisher, instruments = _publisher(tmp_path, log)
    spool.append([*RECORDS[:3], Outgoing("topic", "small/line-1", b"\xff" * 200_001), *RECORDS[3:]])
    publisher.start()
    assert publisher.stop(60)
    (dead,) = (record for record in log.taken if record.topic == DEAD)
    assert log.taken.index(dead) == 3
    letter = msgspec.json.decode(dead.value, type=Dead)
    assert (letter.topic, letter.model, letter.handler, letter.reason) == ("topic", "small", "serving", "at most 200000 bytes")
    assert [record for record in log.taken if record is not dead] == RECORDS
    assert instruments.registry.get_sample_value("keepsight_serving_events_total", {"outcome": "refused"}) == 1
    assert [record.message for record in caplog.records].count("event_too_large") == 1


def test_a_spool_that_is_half_full_is_told_once_an_outage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    spool, publisher, _ = _publisher(tmp_path, log)
    log.error = LogAwayError("away")
    publisher.start()
    spool.append([Outgoing("topic", "key", b"x" * 600_000)])
    eventually("the line", lambda: [record.message for record in caplog.records].count("spool_half_full"))
    tries = log.tries
    eventually("more tries", lambda: log.tries > tries + 3)
    log.error = None
    assert publisher.stop(60)
    assert [record.message for record in caplog.records].count("spool_half_full") == 1


def test_a_log_that_answers_is_up_before_there_is_anything_to_publish(tmp_path: Path) -> None:
    _, publisher, instruments = _publisher(tmp_path, Log())
    publisher.start()
    eventually("the log is up", lambda: instruments.registry.get_sample_value("keepsight_serving_log_up") == 1)
    assert publisher.stop(60)


class _Rests(threading.Event):
    """How long was rested, without resting."""

    def __init__(self) -> None:
        super().__init__()
        self.of_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.of_s.append(timeout or 0.0)
        return False


def test_many_full_batches_leave_half_the_time_to_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, publisher, _ = _publisher(tmp_path, Log())
    rests = _Rests()
    monkeypatch.setattr(publisher, "_draining", rests)
    times = iter(
        (1.0, 10.0, 13.0, 17.0, 20.0, 22.0, 23.0, 30.0)
    )  # of each batch: its start, the start and end of its publish, its end
    monkeypatch.setattr(publishing.time, "perf_counter", lambda: next(times))
    spool.append([RECORDS[0]] * (publishing.BATCH + 1))
    publisher._step()
    publisher._step()
    assert rests.of_s == [17.0 - 1.0, publishing._LINGER_S]
