"""The log as it stands: a model's events of some topics, from their beginning to their end now, and what came since when asked again."""

from collections.abc import Iterator, Sequence
from typing import Final

from contracts.errors import LogRefusedError
from contracts.events import AnyEvent, BadEventError, decode
from contracts.ports import Bus

_POLL_S: Final = 0.2


class LogSoFar:
    """A reader in no group. Raises LogAwayError, and LogRefusedError where the topics do not exist."""

    def __init__(self, bus: Bus, topics: Sequence[str], model: str) -> None:
        self._reader = bus.reader(None, topics)
        self._model = model

    def events(self) -> Iterator[AnyEvent]:
        """Those that were not read yet, in the order of each topic, up to the end."""
        try:
            while True:
                records = self._reader.poll(_POLL_S)
                for record in records:
                    try:
                        event = decode(record)
                    except BadEventError:
                        continue  # the services have put it among the dead letters
                    if event.model == self._model:
                        yield event
                if not records and not any(self._reader.lag().values()):
                    return
        except LogRefusedError as error:
            raise LogRefusedError(f"{error}. If nothing ran on this log yet, `keepsight up` makes it") from error

    def close(self) -> None:
        """Leave the log."""
        self._reader.close()
