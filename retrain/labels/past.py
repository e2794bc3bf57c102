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
        behind = reader.lag()
        total = len(found) + sum(behind.values())
        done = 0
        while found or any(behind.values()):
            yield from found
            done += len(found)
            tick(min(done, total), total)
            if done >= total:
                return
            found = reader.poll(_POLL_S)
            if not found:
                behind = reader.lag()  # offsets that hold no record any more are none to wait for
    except LogRefusedError as error:
        raise LogRefusedError(f"{error}. If nothing ran on this log yet, `keepsight up` makes it") from error
    finally:
        reader.close()
