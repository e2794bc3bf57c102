"""What every log must hold about reading: groups, sharing, saved state, redelivery, lag."""

from contracts.errors import StoreError
from contracts.ports import Place, Record
from tests.laws.logs import Log, bodies, outgoing, read, settled, until


def in_order(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.place, record.offset))


def test_groups_are_independent(log: Log) -> None:
    topic = log.topic()
    log.bus.publish(outgoing(topic, "key", *range(10)))
    for group in (log.name("monitor"), log.name("retrain"), None):
        assert bodies(read(log.reader(group, topic), 10)) == list(range(10))


def test_two_members_share_the_places_and_every_record_is_read_once(log: Log) -> None:
    topic, group = log.topic(partitions=4), log.name("group")
    members = [log.reader(group, topic), log.reader(group, topic)]
    until(lambda: settled(members, 4), "fair share")
    assert [len(member.places()) for member in members] == [2, 2]

    keys = [f"key-{n}" for n in range(20)]
    log.bus.publish([record for key in keys for record in outgoing(topic, key, key)])
    got = [[], []]  # type: ignore[var-annotated]

    def all_read() -> bool:
        for i, member in enumerate(members):
            held = member.places()
            records = member.poll(0.1)
            assert {record.place for record in records} <= held
            got[i] += bodies(records)
        return len(got[0]) + len(got[1]) >= 20

    until(all_read, "record of every key", lambda: str(got))
    assert sorted(got[0] + got[1]) == sorted(keys)
    assert got[0]
    assert got[1]


def test_topics_with_equally_many_partitions_are_shared_alike(log: Log) -> None:
    topics, group = [log.topic(partitions=4), log.topic(partitions=4)], log.name("group")
    members = [log.reader(group, *topics), log.reader(group, *topics)]
    until(lambda: settled(members, 8), "fair share")
    for member in members:
        first, second = ({place.partition for place in member.places() if place.topic == topic} for topic in topics)
        assert first == second


def test_a_member_that_leaves_hands_over_its_places(log: Log) -> None:
    topic, group = log.topic(partitions=4), log.name("group")
    stays, leaves = log.reader(group, topic), log.reader(group, topic)
    until(lambda: settled([stays, leaves], 4), "fair share")
    leaves.close()
    until(lambda: settled([stays], 4), "handover")


def test_a_place_that_a_member_keeps_goes_on_where_it_was(log: Log) -> None:
    """Not from the committed offset, which is far behind, and without asking the state again."""
    topic, group = log.topic(partitions=4), log.name("group")
    asked: list[Place] = []

    def start_at(place: Place) -> None:
        asked.append(place)

    first = log.reader(group, topic, start_at=start_at)
    until(lambda: settled([first], 4), "assignment")
    log.bus.publish([record for n in range(20) for record in outgoing(topic, f"key-{n}", n)])
    assert len(read(first, 20)) == 20

    second = log.reader(group, topic)
    until(lambda: settled([first, second], 4), "fair share")
    kept = first.places()
    assert sorted(asked) == sorted({*asked})
    log.bus.publish([record for n in range(100, 120) for record in outgoing(topic, f"key-{n - 100}", n)])
    expected = read(log.reader(None, topic), 40)
    new = [record for record in expected if record.place in kept and bodies([record]) >= [100]]
    assert in_order(read(first, len(new))) == in_order(new)
    assert sorted(asked) == sorted({*asked})


def test_without_a_commit_everything_comes_again(log: Log) -> None:
    topic, group = log.topic(), log.name("group")
    log.bus.publish(outgoing(topic, "key", *range(5)))
    for _ in range(2):
        reader = log.reader(group, topic)
        assert bodies(read(reader, 5)) == list(range(5))
        reader.close()


def test_a_group_resumes_at_its_commit(log: Log) -> None:
    topic, group = log.topic(), log.name("group")
    log.bus.publish(outgoing(topic, "key", *range(5)))
    reader = log.reader(group, topic)
    records = read(reader, 5)
    reader.commit({records[0].place: records[2].offset + 1})
    reader.close()

    assert bodies(read(log.reader(group, topic), 2)) == [3, 4]


def test_saved_state_wins_over_the_commit(log: Log) -> None:
    topic, group = log.topic(partitions=2), log.name("group")
    log.bus.publish(outgoing(topic, "key", *range(6)))
    reader = log.reader(group, topic)
    place = read(reader, 6)[0].place
    reader.commit({place: 6})
    reader.close()

    saved = {place: 2}
    assert bodies(read(log.reader(group, topic, start_at=saved.get), 4)) == [2, 3, 4, 5]
    assert bodies(read(log.reader(None, topic, start_at=saved.get), 4)) == [2, 3, 4, 5]


def test_state_is_asked_once_for_each_place(log: Log) -> None:
    topic = log.topic(partitions=3)
    asked: list[Place] = []

    def start_at(place: Place) -> int:
        asked.append(place)
        return 0

    reader = log.reader(log.name("group"), topic, start_at=start_at)
    until(lambda: settled([reader], 3), "assignment")
    log.bus.publish(outgoing(topic, "key", 1))
    read(reader, 1)
    assert sorted(asked) == [Place(topic, partition) for partition in range(3)]


def test_state_that_cannot_be_read_stops_the_poll_and_loses_nothing(log: Log) -> None:
    topic, group = log.topic(partitions=2), log.name("group")
    log.bus.publish(outgoing(topic, "key", *range(3)))
    failing = [True]

    def start_at(place: Place) -> None:
        if failing:
            raise StoreError("the state is on a disk that is away")

    reader = log.reader(group, topic, start_at=start_at)

    def refused() -> bool:
        try:
            assert not reader.poll(0.2)
        except StoreError:
            return True
        return False

    until(refused, "StoreError")
    failing.clear()
    assert bodies(read(reader, 3)) == [0, 1, 2]


def test_state_beyond_the_log_starts_at_the_beginning(log: Log) -> None:
    """A log that was set up anew under an old state: reading twice is safe, silence is not."""
    topic = log.topic(partitions=1)
    log.bus.publish(outgoing(topic, "key", *range(3)))
    for group in (log.name("group"), None):
        assert bodies(read(log.reader(group, topic, start_at=lambda place: 1_000), 3)) == [0, 1, 2]


def test_the_end_of_a_long_topic_is_read_alone(log: Log) -> None:
    topic = log.topic(partitions=1)
    log.bus.publish(outgoing(topic, "key", *range(9)))
    reader = log.reader(None, topic, start_at=lambda place: -3)
    assert bodies(read(reader, 3)) == [6, 7, 8]
    log.bus.publish(outgoing(topic, "key", 9))
    assert bodies(read(reader, 1)) == [9]
    assert reader.lag() == {Place(topic, 0): 0}
    assert bodies(read(log.reader(log.name("group"), topic, start_at=lambda place: -99), 10)) == list(range(10))


def test_lag_counts_what_is_not_yet_polled(log: Log) -> None:
    topic, group = log.topic(partitions=2), log.name("group")
    log.bus.publish(outgoing(topic, "key", *range(10)))
    reader = log.reader(group, topic)
    assert reader.lag() == {}
    first: list[object] = []
    until(lambda: bool(first.__iadd__(bodies(reader.poll(0.2, max_records=4)))), "records")
    until(lambda: len(reader.places()) == 2, "both places")
    assert sum(reader.lag().values()) == 10 - len(first)
    read(reader, 10 - len(first))
    log.bus.publish(outgoing(topic, "key", 10, 11))
    assert sum(reader.lag().values()) == 2


def test_a_commit_for_a_place_not_held_changes_nothing(log: Log) -> None:
    topic, group = log.topic(partitions=1), log.name("group")
    log.bus.publish(outgoing(topic, "key", 1, 2))
    reader = log.reader(group, topic)
    read(reader, 2)
    reader.commit({Place(topic, 7): 1, Place("another", 0): 1})
    reader.close()
    reader.commit({Place(topic, 0): 2})
    assert bodies(read(log.reader(group, topic), 2)) == [1, 2]
