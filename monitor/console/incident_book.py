"""The incidents that the log tells of, open and over, with what was said of each: retrain's as well as the monitor's.

The topic is compacted: of an incident of long ago only the last word is left, and that holds the whole of it. Bounded: what is over goes first, the oldest
before the others.
"""

import threading
from typing import Final, NamedTuple

from contracts.events import IncidentClosed, IncidentOpened, IncidentUpdated
from contracts.incidents import Incident

MOST: Final = 2000
"""Some 10 kB each: a few evidences, and the names of its cameras."""
MOST_WORDS: Final = 40
Said = IncidentOpened | IncidentUpdated | IncidentClosed


class Word(NamedTuple):
    """What was said at one moment (Unix seconds); `why` as IncidentUpdated has it, or `opened`, `closed`."""

    at: float
    why: str
    severity: str
    cause: str
    cameras: int
    headline: str


class IncidentView(NamedTuple):
    """An incident as it stands. `closed_at` is None while it is open; `words` are oldest first."""

    incident: Incident
    said_at: float
    closed_at: float | None = None
    resolution: str = ""
    false_alarm: bool = False
    words: tuple[Word, ...] = ()

    @property
    def state(self) -> str:
        """In one word or two."""
        if self.closed_at is None:
            return "open"
        return "false alarm" if self.false_alarm else "closed"


class IncidentBook:
    """`take` each event of one model once, in the order of its topic; the rest may be asked from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, IncidentView] = {}

    def take(self, event: Said) -> None:
        """The newest word on an incident."""
        incident = event.incident
        with self._lock:
            before = self._known.pop(incident.incident_id, None)
            words = (*(before.words if before else ()), _word(event))
            if len(words) > MOST_WORDS:
                words = (words[0], *words[2:])
            over = isinstance(event, IncidentClosed)
            self._known[incident.incident_id] = IncidentView(
                incident,
                event.occurred_at,
                event.occurred_at if over else None,
                event.resolution if isinstance(event, IncidentClosed) else "",
                event.false_alarm if isinstance(event, IncidentClosed) else False,
                words,
            )
            if len(self._known) > MOST:
                gone = next((number for number, one in self._known.items() if one.closed_at is not None), next(iter(self._known)))
                del self._known[gone]

    def get(self, incident_id: str) -> IncidentView | None:
        """An incident."""
        with self._lock:
            return self._known.get(incident_id)

    def open(self) -> list[IncidentView]:
        """Those that are not over: pages first, then the newest."""
        with self._lock:
            found = [one for one in self._known.values() if one.closed_at is None]
        return sorted(found, key=lambda one: (one.incident.severity != "page", -one.incident.opened_at, one.incident.incident_id))

    def closed(self) -> list[IncidentView]:
        """Those that are over, the newest first."""
        with self._lock:
            found = [one for one in self._known.values() if one.closed_at is not None]
        return sorted(found, key=lambda one: (-(one.closed_at or 0.0), one.incident.incident_id))

    def of_camera(self, camera: str) -> list[IncidentView]:
        """Those of a camera: the open ones first."""
        return [one for one in (*self.open(), *self.closed()) if camera in one.incident.cameras]


def _word(event: Said) -> Word:
    one = event.incident
    match event:
        case IncidentOpened():
            why = "opened"
        case IncidentUpdated():
            why = event.why
        case IncidentClosed():
            why = "closed"
    return Word(event.occurred_at, why, one.severity, one.cause, len(one.cameras), one.headline)
