"""Labels reach a real log in the order of the file; one that is too large is told and holds nothing up."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from contracts.errors import LogAwayError
from contracts.events import LABELS, TOPICS, FrameLabelled, decode
from contracts.log import open_bus
from contracts.ports import Bus, Outgoing
from contracts.predictions import ClassTruth
from retrain.labels.formats.labelled import LeftOut
from retrain.labels.publishing import BATCH, published


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    log = open_bus(f"embedded://{tmp_path}/log")
    log.ensure_topics(TOPICS)
    return log


def event(number: int) -> FrameLabelled:
    return FrameLabelled(
        event_id=f"e{number}",
        occurred_at=1.0,
        model="m",
        frame_id=f"f{number}",
        camera="c",
        site="s",
        captured_at=1.0,
        truth=ClassTruth("dog"),
        predictions=(),
    )


def on_the_log(bus: Bus) -> list[str]:
    reader = bus.reader(None, [LABELS])
    found = []
    try:
        while records := reader.poll(0.1):
            found += [decode(record).event_id for record in records]
    finally:
        reader.close()
    return found


def test_all_of_them_in_order(bus: Bus) -> None:
    out = LeftOut("x", "row 3", "why")
    results = [event(0), out, *(event(number) for number in range(1, BATCH + 10))]
    assert list(published(bus, iter(results))) == results
    assert on_the_log(bus) == [f"e{number}" for number in range(BATCH + 10)]
    assert list(published(bus, iter([out]))) == [out]


def test_one_that_is_too_large_is_left_out(bus: Bus) -> None:
    large = msgspec.structs.replace(event(1), labelled_by="x" * (9 << 20))
    first, refused, last = published(bus, iter([event(0), large, event(2)]))
    assert (first, last) == (event(0), event(2))
    assert isinstance(refused, LeftOut)
    assert refused.picture == "f1"
    assert "bytes; at most" in refused.why
    assert on_the_log(bus) == ["e0", "e2"]


class AwayAfter:
    """A log that goes away after so many batches."""

    def __init__(self, bus: Bus, batches: int) -> None:
        self._bus, self._left = bus, batches

    def publish(self, records: Sequence[Outgoing]) -> None:
        if self._left == 0:
            raise LogAwayError("the log is away")
        self._left -= 1
        self._bus.publish(records)


def test_what_was_given_is_on_the_log_when_it_goes_away(bus: Bus) -> None:
    results = published(AwayAfter(bus, 2), (event(number) for number in range(3 * BATCH)))  # type: ignore[arg-type]  # publishes alone
    given = list(islice(results, 2 * BATCH))
    with pytest.raises(LogAwayError):
        next(results)
    assert given == [event(number) for number in range(2 * BATCH)]
    assert on_the_log(bus) == [f"e{number}" for number in range(2 * BATCH)]
