"""Labels onto the log, some hundred at once; one that is too large for it is left out and does not hold up the others."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from contracts.errors import RecordTooLargeError
from contracts.events import FrameLabelled, encode
from contracts.ports import Bus
from retrain.labels.formats.labelled import LeftOut

BATCH: Final = 500
SOURCE: Final = "keepsight/labels"


def published(bus: Bus, results: Iterator[FrameLabelled | LeftOut]) -> Iterator[FrameLabelled | LeftOut]:
    """The results as they came, each event on the log when it is given. Raises LogAwayError and LogRefusedError: what was given until then stays there."""
    while batch := list(islice(results, BATCH)):
        events = [one for one in batch if isinstance(one, FrameLabelled)]
        refused = _publish(bus, events) if events else {}
        for one in batch:
            if isinstance(one, FrameLabelled) and one.event_id in refused:
                yield LeftOut(one.frame_id, "", refused[one.event_id])
            else:
                yield one


def _publish(bus: Bus, events: Sequence[FrameLabelled]) -> dict[str, str]:
    """Returns the ids of the events that are too large for the log, with the reason."""
    try:
        bus.publish([encode(event, SOURCE) for event in events])
    except RecordTooLargeError as error:
        if len(events) == 1:
            return {events[0].event_id: str(error)}
        return {event_id: why for event in events for event_id, why in _publish(bus, [event]).items()}
    return {}
