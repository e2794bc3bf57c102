"""What may stand on a log that should not: records that are no event, and records that stand there twice."""

from collections.abc import Callable
from typing import Final

from benchmarks.faults.house import MODEL
from contracts.events import FRAMES, LABELS
from contracts.ports import Bus, Outgoing, Record

NEWEST: Final = 300
"""Records of each topic that are published again: what a server repeats whose publish was acknowledged and not heard."""
OLDEST: Final = 100
POISON: Final = (
    b"",
    b"\xff\xfe no text",
    b"{",
    b"[]",
    b'{"type":"FrameScored"}',
    b'{"type":"FrameScored","event_id":"x","occurred_at":"yesterday","model":"small"}',
    b'{"type":"SomethingOfNextYear","event_id":"x","occurred_at":1.0,"model":"small"}',
    b'{"a":' * 2000,
)


def poisoned(bus: Bus, camera: str) -> int:
    """Publish each poison to frames and to labels. Returns how many there were."""
    records = [Outgoing(topic, f"{MODEL}/{camera}", value) for topic in (FRAMES, LABELS) for value in POISON]
    try:
        bus.publish(records)
    finally:
        bus.close()
    return len(records)


def published_again(bus: Bus) -> int:
    """Publish the newest frames and labels again, and the oldest frames. Returns how many frames there were."""
    try:
        newest = _read(bus, (FRAMES, LABELS), NEWEST, lambda _: -NEWEST // 8)
        oldest = _read(bus, (FRAMES,), OLDEST, None)
        records = [Outgoing(one.place.topic, one.key, one.value, dict(one.headers)) for one in (*newest, *oldest) if one.headers]
        bus.publish(records)
    finally:
        bus.close()
    return sum(record.topic == FRAMES for record in records)


def _read(bus: Bus, topics: tuple[str, ...], count: int, start_at: Callable[[object], int | None] | None) -> list[Record]:
    reader = bus.reader(None, topics, start_at)
    found: list[Record] = []
    try:
        while len(found) < count and (records := reader.poll(2.0, count - len(found))):
            found += records
    finally:
        reader.close()
    return found
