"""The events of an incident, read back from the log: its cameras' frames and labels while it lasted, with a bound on how much is read.

A topic is read by nobody's group: the part that the incident's time lies in, and of that at most MOST_RECORDS of the newest records, shared out over the
partitions. Records of other cameras are passed over by their key, undecoded. What the bound or the time left out is said.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Final, TypeVar

from contracts.events import (
    FRAMES,
    INCIDENTS,
    LABELS,
    AnyEvent,
    BadEventError,
    FrameLabelled,
    FrameScored,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    decode,
)
from contracts.incidents import Incident
from contracts.ports import Bus, Record
from monitor.report.window import POLL_S, Over, narrowed, spans

MOST_RECORDS: Final = 500_000
"""Of one topic. About 0.6 GB at 1.2 kB a frame: some 4 s of a core from the embedded log (measured: 150,000 a second)."""
BATCH: Final = 5000
E = TypeVar("E", FrameScored, FrameLabelled)
Told = IncidentOpened | IncidentUpdated | IncidentClosed


class Reading:
    """Reads an incident's events of one model. `notes` then says what was left out."""

    def __init__(self, bus: Bus, model: str, over: Over, most: int = MOST_RECORDS) -> None:
        self._bus = bus
        self._model = model
        self._over = over
        self._most = most
        self.notes: list[str] = []

    def incidents(self) -> dict[str, Told]:
        """The newest word on every incident of the model that the log still knows, by id, in the order in which they were last spoken of."""
        told: dict[str, Told] = {}
        for record in self._records(INCIDENTS, float("-inf"), float("inf")):
            event = _decoded(record)
            if isinstance(event, Told) and event.model == self._model:
                told.pop(event.incident.incident_id, None)
                told[event.incident.incident_id] = event
        return told

    def frames(self, incident: Incident, until: float) -> Iterator[FrameScored]:
        """The frames that the incident's version answered on its cameras from its beginning to `until`, each once, in no particular order."""
        for frame in self._events(FRAMES, FrameScored, incident, until):
            mine = frame.version == incident.version and frame.variant == "champion" and not frame.audit
            if mine and incident.since <= frame.received_at <= until:
                yield frame

    def labels(self, incident: Incident, until: float) -> Iterator[FrameLabelled]:
        """The newest label of each frame that its cameras took from its beginning to `until`, in no particular order."""
        newest: dict[str, FrameLabelled] = {}
        for label in self._events(LABELS, FrameLabelled, incident, float("inf")):
            standing = newest.get(label.frame_id)
            if incident.since <= label.captured_at <= until and (standing is None or standing.occurred_at <= label.occurred_at):
                newest[label.frame_id] = label
        yield from newest.values()

    def _events(self, topic: str, kind: type[E], incident: Incident, until: float) -> Iterator[E]:
        keys = {f"{self._model}/{camera}" for camera in incident.cameras}
        seen: set[str] = set()
        for record in self._records(topic, incident.since, until):
            if record.key not in keys:
                continue
            event = _decoded(record)
            if isinstance(event, kind) and event.event_id not in seen:
                seen.add(event.event_id)
                yield event

    def _records(self, topic: str, since: float, until: float) -> Iterator[Record]:
        """The newest records of a stretch of time; all that the topic holds when it holds few. Some from outside it may be among them."""
        whole = spans(self._bus, topic, self._over)
        if sum(span.end - span.first for span in whole.values()) > self._most:
            whole = narrowed(self._bus, topic, whole, since, until, self._over)
        share = self._most // max(1, len(whole))
        start = {place: max(span.first, span.end - share) for place, span in whole.items()}
        if cut := sum(start[place] - span.first for place, span in whole.items()):
            self.notes.append(
                f"of {topic} only the newest {self._most:,} records of that time were looked at; about {cut:,} older ones were not"
            )
        left = {place for place, span in whole.items() if start[place] < span.end}
        with closing(self._bus.reader(None, [topic], start.get)) as reader:
            while left:
                if self._over():
                    self.notes.append(f"the time for reading {topic} ran out: some of the newest records were not looked at")
                    return
                records = reader.poll(POLL_S, BATCH)
                for record in records:
                    if record.place in left:
                        yield record
                    if record.offset >= whole[record.place].end - 1:
                        left.discard(record.place)
                if not records and not any(reader.lag().values()):
                    return  # the last offsets were no records (compacted away, or a transaction's marks)


def _decoded(record: Record) -> AnyEvent | None:
    try:
        return decode(record)
    except BadEventError:
        return None  # the services have put it among the dead letters
