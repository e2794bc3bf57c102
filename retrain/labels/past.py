"""What stands on the log so far: topics from their beginning to where they ended when the reading began."""

from collections.abc import Iterator, Sequence
from typing import Final

from contracts.errors import LogRefusedError
from contracts.ports import Bus, Record
from retrain.labels.matching import Tick

_POLL_S: Final = 0.2


def records(bus: Bus, topics: Sequence[str], tick: Tick) -> Iterator[Record]:
    """The records so far, in order per place. What comes while they are read may be among them, or not.

    Raises LogAwayError, and LogRefusedError where the topics do not exist.
    """
    reader = bus.reader(None, topics)
    try:
        found = reader.poll(_POLL_S)
        behind = dict(reader.lag())
        done, total = 0, len(found) + sum(behind.values())
        while True:
            yield from found
            done += len(found)
            tick(min(done, total), total)
            if not any(left > 0 for left in behind.values()):
                return
            found = reader.poll(_POLL_S)
            for record in found:
                behind[record.place] = behind.get(record.place, 0) - 1
            if not found:
                behind = dict(reader.lag())  # offsets that hold no record any more are none to wait for
    except LogRefusedError as error:
        raise LogRefusedError(f"{error}. If nothing ran on this log yet, `keepsight up` makes it") from error
    finally:
        reader.close()
