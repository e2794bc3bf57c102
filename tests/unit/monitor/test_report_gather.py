"""Reading an incident's events back from a real embedded log: all of them, each once, and never more records than the bound."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contracts import events
from contracts.errors import LogAwayError
from contracts.events import AnyEvent, IncidentClosed, IncidentOpened, IncidentUpdated
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.log_embedded import EmbeddedBus
from contracts.ports import Bus, Outgoing
from monitor.identity import derived_id
from monitor.report.gather import Reading
from tests.monitor_line import MODEL, Line, usual
from tests.unit.monitor.test_report_shelf import incident

FOREVER = float("inf")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("line"))


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    bus = open_bus(f"embedded://{tmp_path}/log")
    bus.ensure_topics(events.TOPICS)
    yield bus
    bus.close()


def publish(bus: Bus, *facts: AnyEvent) -> None:
    bus.publish([events.encode(fact, "test") for fact in facts])


def reading(bus: Bus, most: int = 100_000) -> Reading:
    return Reading(bus, MODEL, lambda: False, most)


def of(since: float, *cameras: str) -> Incident:
    return incident(1, since=since, cameras=cameras)


def test_the_frames_of_its_cameras_and_version_while_it_lasted(line: Line, bus: Bus) -> None:
    before = list(line.pass_by(("cam-1", "cam-2", "cam-3"), 10, usual()))
    begun = line.now + 0.001
    during = list(line.pass_by(("cam-1", "cam-2", "cam-3"), 10, usual()))
    others = [
        line.frame("cam-1", usual(), variant="candidate"),
        msgspec.structs.replace(line.frame("cam-1", usual()), version="2"),
        line.frame("cam-1", usual(), audit=True),
        line.frame("cam-1", usual(), model="another"),
    ]
    ended = line.now
    after = list(line.pass_by(("cam-1", "cam-2"), 5, usual()))
    publish(bus, *before, *during, *others, *after, *during[:7])
    bus.publish([Outgoing(events.FRAMES, f"{MODEL}/cam-1", b"no event")])
    found = list(reading(bus).frames(of(begun, "cam-1", "cam-2"), ended))
    wanted = [frame for frame in during if frame.camera != "cam-3"]
    assert sorted(frame.event_id for frame in found) == sorted(frame.event_id for frame in wanted)
    assert len(list(reading(bus).frames(of(begun, "cam-1", "cam-2"), FOREVER))) == len(wanted) + len(after)


def test_the_labels_of_its_frames(line: Line, bus: Bus) -> None:
    old = line.frame("cam-1", usual())
    begun = line.now + 0.001
    frames = [line.frame("cam-1", usual()), line.frame("cam-2", usual())]
    labels = [line.label(frame, right=True) for frame in (old, *frames)]
    publish(bus, *labels, labels[1])
    assert [label.event_id for label in reading(bus).labels(of(begun, "cam-1"), FOREVER)] == [labels[1].event_id]


def test_a_long_topic_is_read_near_its_end_and_that_is_said(line: Line, bus: Bus) -> None:
    frames = [line.frame(f"cam-{number % 24}", usual()) for number in range(2400)]
    publish(bus, *frames)
    some = reading(bus, most=1200)
    every = of(0.0, *(f"cam-{number}" for number in range(24)))
    found = {frame.event_id for frame in some.frames(every, FOREVER)}
    assert 600 <= len(found) <= 1200
    assert {frame.event_id for frame in frames[-24:]} <= found
    assert len(some.notes) == 1
    assert "only the newest 1,200 records" in some.notes[0]
    whole = reading(bus)
    assert len(list(whole.frames(every, FOREVER))) == 2400
    assert whole.notes == []


def test_the_newest_word_on_each_incident(bus: Bus) -> None:
    def about(number: int) -> dict[str, object]:
        return {"event_id": derived_id(number, number), "occurred_at": float(number), "model": MODEL}

    first, second = incident(1), incident(2)
    publish(
        bus,
        IncidentOpened(**about(1), incident=first),  # type: ignore[arg-type]  # of `about`
        IncidentOpened(**about(2), incident=second),  # type: ignore[arg-type]
        IncidentUpdated(**about(3), incident=incident(1, severity="page")),  # type: ignore[arg-type]
        IncidentClosed(**about(4), incident=first, resolution="over"),  # type: ignore[arg-type]
        IncidentOpened(**{**about(5), "model": "another"}, incident=incident(3)),  # type: ignore[arg-type]
    )
    told = reading(bus).incidents()
    assert list(told) == [second.incident_id, first.incident_id]
    assert isinstance(told[first.incident_id], IncidentClosed)


def test_an_empty_log_gives_nothing_and_no_time_an_error(bus: Bus) -> None:
    assert list(reading(bus).frames(of(0.0, "cam-1"), FOREVER)) == []
    assert reading(bus).incidents() == {}
    with pytest.raises(LogAwayError, match=r"keepsight\.frames was not reached"):
        list(Reading(bus, MODEL, lambda: True).frames(of(0.0, "cam-1"), FOREVER))


def test_when_time_runs_out_what_was_read_counts_and_it_is_said(line: Line, bus: Bus) -> None:
    publish(bus, *(line.frame("cam-1", usual()) for _ in range(50)))
    asked = iter([False, True])
    late = Reading(bus, MODEL, lambda: next(asked))
    assert list(late.frames(of(0.0, "cam-1"), FOREVER)) == []
    assert "the time for reading keepsight.frames ran out" in late.notes[0]


def test_an_incident_of_long_ago_is_found_in_a_long_topic(line: Line, tmp_path: Path) -> None:
    now = line.now
    bus = EmbeddedBus(tmp_path / "long", clock=lambda: now)
    bus.ensure_topics(events.TOPICS)
    frame = line.frame("cam-1", usual())
    about: dict[int, list[str]] = {}
    for hour in range(40):
        frames = [
            msgspec.structs.replace(frame, event_id=derived_id(now, hour, number), received_at=now, camera=f"cam-{number % 2}")
            for number in range(300)
        ]
        about[hour] = [one.event_id for one in frames if one.camera == "cam-1"]
        publish(bus, *frames)
        begun, now = now, now + 3600
    some = reading(bus, most=12_000 // 2)
    found = {one.event_id for one in some.frames(of(begun - 30 * 3600, "cam-1"), begun - 29 * 3600)}
    assert found == {*about[9], *about[10]}
    assert some.notes == []
    bus.close()
