"""Reports to the log: at once when the versions change, every so often while they do not, and a last word."""

from pathlib import Path

import msgspec
import pytest

from contracts.events import ServingReported, VersionServed
from contracts.predictions import Variant
from serving.delivery.report import Reporter
from serving.delivery.spool import Spool
from tests.unit.serving.parts import NOW


class Desk:
    """A reporter on a real spool, with a clock that moves when told."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.spool = Spool(folder, 1 << 20)
        self.reporter = Reporter(self.spool, "small", "hall-1:8080", 15.0, lambda: self.now)

    def said(self) -> list[ServingReported]:
        """What is new in the spool."""
        found = []
        while batch := self.spool.read(100, 0):
            found += [msgspec.json.decode(record.value, type=ServingReported) for record in batch.records]
            self.spool.acknowledge(batch.end)
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def one(version: str = "1", role: Variant = "champion", **counts: int) -> VersionServed:
    return VersionServed(version, f"digest of {version}", role, "CPUExecutionProvider", **counts)


def test_it_tells_who_it_is_and_what_it_answers_with(desk: Desk) -> None:
    desk.now += 3
    desk.reporter.say(7, (one("1", answered=5, failed=2, invalid=1), one("2", "shadow")))
    (report,) = desk.said()
    assert (report.model, report.replica, report.sequence, report.started_at, report.occurred_at, report.leaving) == (
        "small",
        "hall-1:8080",
        7,
        NOW,
        NOW + 3,
        False,
    )
    assert report.versions == (one("1", answered=5, failed=2, invalid=1), one("2", "shadow"))


def test_a_server_without_a_version_says_so(desk: Desk) -> None:
    desk.reporter.say(0, ())
    (report,) = desk.said()
    assert (report.sequence, report.versions) == (0, ())


def test_a_change_is_said_at_once_and_the_rest_every_fifteen_seconds(desk: Desk) -> None:
    for half_second in range(121):  # a minute of looks, counts moving all the while
        desk.reporter.say(1, (one(answered=half_second),))
        desk.now += 0.5
    assert [(report.occurred_at - NOW, report.versions[0].answered) for report in desk.said()] == [
        (0, 0),
        (15, 30),
        (30, 60),
        (45, 90),
        (60, 120),
    ]
    for sequence, versions in ((2, (one(),)), (2, (one(), one("2", "shadow"))), (2, (one(), one("2", "candidate")))):
        desk.reporter.say(sequence, versions)
    assert [(report.sequence, len(report.versions)) for report in desk.said()] == [(2, 1), (2, 2), (2, 2)]


def test_a_clock_that_is_set_back_silences_nobody(desk: Desk) -> None:
    desk.reporter.say(1, (one(),))
    desk.now -= 3600
    desk.reporter.say(1, (one(),))
    desk.reporter.say(1, (one(),))
    assert [report.occurred_at for report in desk.said()] == [NOW, NOW - 3600]


def test_the_last_word_has_the_last_counts(desk: Desk) -> None:
    desk.reporter.say(1, (one(answered=1),))
    desk.reporter.leave(1, (one(answered=9),))
    first, last = desk.said()
    assert (first.leaving, last.leaving, last.versions[0].answered) == (False, True, 9)
    assert first.event_id != last.event_id
