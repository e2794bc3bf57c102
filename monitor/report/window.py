"""Where in a topic a stretch of time lies: the offsets to read from and up to, place by place, found without reading what is between.

The port knows offsets, not times. A long topic is therefore bisected by the times at which the log took its records, all places at once, a record of
each a round: some twenty rounds for a billion records. That is near enough: a window begins a few records early rather than late.
"""

from collections.abc import Callable
from contextlib import closing
from typing import Final, NamedTuple

from contracts.errors import LogAwayError
from contracts.ports import Bus, Place, Reader, Record

Over = Callable[[], bool]
"""Whether the time for reading is over."""
POLL_S: Final = 0.5
NEAR: Final = 200
"""Records that a bisection may be off by: reading them is cheaper than another round."""
EARLY_S: Final = 60.0
"""Clocks of serving and of the log differ by at most this."""
LATE_S: Final = 600.0
"""So much later than its frame a record may have been taken: serving keeps events while the log is away."""


class Span(NamedTuple):
    """Offsets of one place, the end excluded."""

    first: int
    end: int


def spans(bus: Bus, topic: str, over: Over) -> dict[Place, Span]:
    """All that a topic holds now, by place. Raises LogAwayError when the time is over before it is known."""
    first: dict[Place, int] = {}
    after: dict[Place, int] = {}
    with closing(bus.reader(None, [topic])) as reader:
        while not over():
            for record in reader.poll(POLL_S):
                first.setdefault(record.place, record.offset)
                after[record.place] = record.offset + 1
            places, lag = reader.places(), reader.lag()
            if places and all(place in first or not lag.get(place, 0) for place in places):
                return {place: Span(first.get(place, 0), after.get(place, 0) + lag.get(place, 0)) for place in sorted(places)}
    raise LogAwayError(f"{topic} was not reached in the time for reading")


def narrowed(bus: Bus, topic: str, whole: dict[Place, Span], since: float, until: float, over: Over) -> dict[Place, Span]:
    """The parts of a topic that may hold events from `since` to `until` (Unix seconds; infinite for no bound)."""
    begin = _taken_at(bus, topic, whole, since - EARLY_S, over)
    rest = {place: Span(begin[place].first, span.end) for place, span in whole.items()}
    end = _taken_at(bus, topic, rest, until + LATE_S, over)
    return {place: Span(begin[place].first, end[place].end) for place in whole}


def _taken_at(bus: Bus, topic: str, whole: dict[Place, Span], at: float, over: Over) -> dict[Place, Span]:
    """In each place the offsets, at most NEAR of them, between which is the first record that the log took at a time or later; more without time."""
    low = {place: span.first for place, span in whole.items()}
    high = {place: span.end for place, span in whole.items()}
    if at in (float("-inf"), float("inf")):
        edge = low if at < 0 else high
        return {place: Span(edge[place], edge[place]) for place in whole}
    while not over() and (wide := [place for place in whole if high[place] - low[place] > NEAR]):
        middle = {place: (low[place] + high[place]) // 2 for place in wide}
        seen = _one_each(bus, topic, {**{place: span.end for place, span in whole.items()}, **middle}, set(wide), over)
        for place in wide:
            record = seen.get(place)
            if record is not None and record.offset < high[place] and record.time_ms < at * 1000:
                low[place] = record.offset
            else:
                high[place] = middle[place]
    return {place: Span(low[place], high[place]) for place in whole}


def _one_each(bus: Bus, topic: str, start: dict[Place, int], wanted: set[Place], over: Over) -> dict[Place, Record]:
    """The first record at or after an offset, of each place that is wanted and has one."""
    seen: dict[Place, Record] = {}
    with closing(bus.reader(None, [topic], start.get)) as reader:
        while wanted - seen.keys() and not over():
            records = reader.poll(POLL_S, 1)
            for record in records:
                seen.setdefault(record.place, record)
            if not records and _at_the_end(reader):
                break
    return seen


def _at_the_end(reader: Reader) -> bool:
    return bool(reader.places()) and not any(reader.lag().values())
