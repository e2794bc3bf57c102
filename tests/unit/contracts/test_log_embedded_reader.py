"""The embedded log's reader: in which order the places of a long past are read."""

from pathlib import Path

from contracts.log_embedded import EmbeddedBus
from contracts.ports import Outgoing, Record, TopicSpec


def past(folder: Path, seconds: int) -> list[list[Record]]:
    """Polls of 200 records of a past in which a busy place took ten records a second, and quiet ones one."""
    now = 1_700_000_000.0
    bus = EmbeddedBus(folder, clock=lambda: now)
    bus.ensure_topics([TopicSpec("busy", 1), TopicSpec("quiet", 3)])
    for second in range(seconds):
        now += 1.0
        bus.publish([Outgoing("busy", "b", b"%d" % n) for n in range(10)])
        bus.publish([Outgoing("quiet", f"key-{n}", b"%d" % second) for n in range(7)])
    reader = bus.reader(None, ["busy", "quiet"])
    polls = []
    while records := reader.poll(0.0, max_records=200):
        polls.append(records)
    reader.close()
    bus.close()
    return polls


def test_a_past_is_read_in_the_order_of_time_however_busy_the_places_are(tmp_path: Path) -> None:
    polls = past(tmp_path, seconds=300)
    ends = [{record.place: record.time_ms for record in polled} for polled in polls]
    reached = dict(ends[0])
    for at, delivered in enumerate(ends[1:-1], 1):
        reached |= delivered
        to_come = {record.place for polled in polls[at + 1 :] for record in polled}
        times = [reached[place] for place in to_come]
        assert max(times) - min(times) <= 64_000, "no place runs ahead of another by more than a share"
    assert len(polls) > 20


def test_all_is_read_once_and_in_order(tmp_path: Path) -> None:
    records = [record for polled in past(tmp_path, seconds=100) for record in polled]
    assert len(records) == 1_700
    for place in {record.place for record in records}:
        offsets = [record.offset for record in records if record.place == place]
        assert offsets == list(range(len(offsets)))


def test_a_full_place_starves_no_other_of_the_same_moment(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, clock=lambda: 1_700_000_000.0)
    bus.ensure_topics([TopicSpec("full", 1), TopicSpec("other", 1)])
    bus.publish([Outgoing("full", "f", b"") for _ in range(1_000)] + [Outgoing("other", "o", b"") for _ in range(1_000)])
    reader = bus.reader(None, ["full", "other"])
    polled = [{record.place.topic for record in reader.poll(0.0, max_records=64)} for _ in range(4)]
    reader.close()
    bus.close()
    assert polled == [{"other"}, {"full"}, {"other"}, {"full"}] or polled == [{"full"}, {"other"}, {"full"}, {"other"}]
