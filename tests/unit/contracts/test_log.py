"""Which URL opens which log, what is wrong with a bad one, waiting for a log, and the prefix that keeps runs apart."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from contracts.errors import LogAwayError, SettingsError
from contracts.log import LogSecurity, open_bus, wait_for_log
from contracts.log_embedded import EmbeddedBus
from contracts.log_prefix import PrefixedBus
from contracts.ports import Bus, Outgoing, Place, TopicSpec


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no scheme"),
        ("/var/log", "no scheme"),
        ("redis://host", "'redis' is none of embedded, kafka"),
        ("embedded://relative/path", "three slashes"),
        ("embedded://", "no absolute folder"),
        ("embedded:///", "no absolute folder"),
        ("embedded:///folder?max_byte=1", "max_byte is unknown"),
        ("embedded:///folder?max_bytes=0", "max_bytes is '0'"),
        ("embedded:///folder?max_bytes=many", "max_bytes is 'many'"),
        ("kafka://", "'' is no host:port"),
        ("kafka://host:0", "'host:0' is no host:port"),
        ("kafka://host:70000", "'host:70000' is no host:port"),
        ("kafka://host:9092,", "'' is no host:port"),
        ("kafka://host:9092/a/b", "'a/b' has characters"),
    ],
)
def test_a_bad_url_is_named_with_what_is_allowed(url: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_bus(url)
    assert repr(url) in str(caught.value)
    assert said in str(caught.value)
    assert "embedded:///absolute/folder" in str(caught.value)
    assert "kafka://host:port" in str(caught.value)


def test_urls_open_their_adapters(tmp_path: Path) -> None:
    assert isinstance(open_bus(f"embedded://{tmp_path}/a%20b?max_bytes=1000"), EmbeddedBus)
    assert type(open_bus("kafka://host,[::1]:9093")).__name__ == "KafkaBus"
    assert isinstance(open_bus("kafka://host:9092/run-1.a"), PrefixedBus)


def test_opening_touches_nothing(tmp_path: Path) -> None:
    bus = open_bus(f"embedded://{tmp_path}/log")
    bus.reader("group", ["topic"]).close()
    bus.close()
    assert list(tmp_path.iterdir()) == []


def test_the_kafka_client_is_imported_for_kafka_only() -> None:
    code = "import sys; from contracts.log import open_bus; open_bus('embedded:///nowhere/log'); assert 'kafka' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True, timeout=60)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(LogSecurity(username="user", password="secret"))


class Away:
    """A log that is away for the first `times` calls."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.made: list[str] = []

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        if self.left:
            self.left -= 1
            raise LogAwayError("away")
        self.made = [topic.name for topic in topics]


class Hurry(threading.Event):
    """An Event whose waits take no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def waited(log: Away, stop: threading.Event, clock: Sequence[float]) -> bool:
    """wait_for_log under a clock that shows `clock`, one after the other."""
    ticks = iter(clock)
    return wait_for_log(log, [TopicSpec("topic", 1)], 5.0, stop, lambda: next(ticks))  # type: ignore[arg-type]


def test_waiting_tries_again_until_the_log_is_there() -> None:
    log = Away(2)
    assert waited(log, Hurry(), [0.0, 1.0, 2.0])
    assert log.made == ["topic"]


def test_waiting_gives_up_at_its_deadline_and_says_why() -> None:
    with pytest.raises(LogAwayError, match="gave up waiting for the log after 5 s: away"):
        waited(Away(9), Hurry(), [0.0, 1.0, 5.0])


def test_waiting_ends_when_told_to_stop() -> None:
    stop = Hurry()
    stop.set()
    assert not waited(Away(9), stop, [0.0])


def test_a_prefix_keeps_runs_apart_and_does_not_show(tmp_path: Path) -> None:
    beneath = EmbeddedBus(tmp_path)
    one, two = (PrefixedBus(beneath, name) for name in ("one", "two"))
    for bus in (one, two):
        bus.ensure_topics([TopicSpec("topic", 1)])
    one.publish([Outgoing("topic", "key", b"1"), Outgoing("topic", "key", b"2")])
    two.publish([Outgoing("topic", "key", b"3")])
    place = Place("topic", 0)

    reader = one.reader("group", ["topic"])
    assert [(record.place, record.value) for record in reader.poll(10)] == [(place, b"1"), (place, b"2")]
    assert reader.places() == {place}
    assert reader.lag() == {place: 0}
    reader.commit({place: 1})
    reader.close()
    assert values(one, None) == [b"2"]
    assert values(one, 0) == [b"1", b"2"]
    assert values(two, None) == [b"3"]
    assert len(beneath.reader(None, ["one.topic", "two.topic"]).poll(10)) == 3
    one.close()


def values(bus: Bus, start: int | None) -> list[bytes]:
    reader = bus.reader("group", ["topic"], lambda place: start if place.topic == "topic" else 1_000)
    records = reader.poll(10)
    reader.close()
    return [record.value for record in records]


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        open_bus("kafka://ann:secret@broker:9092")
    assert "kafka_password" in str(refused.value)
    assert "secret" not in str(refused.value)
