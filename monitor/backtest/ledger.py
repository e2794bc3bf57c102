"""What one replay said, incident by incident: when it opened, when it first paged, and what was known in the end."""

import msgspec

from contracts.events import AnyEvent, IncidentClosed, IncidentOpened, IncidentUpdated, RetrainRequested
from contracts.incidents import Cause, DriftType, Evidence, Incident, Severity


class Told(msgspec.Struct, frozen=True):
    """What a person was told at that moment, before more was known."""

    cause: Cause
    type: DriftType | None
    cameras: tuple[str, ...]
    channels: tuple[str, ...]
    headline: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of incidents.ndjson: an incident as it opened, or the page that a ticket became. All but `at`, `kind` and `told` is as known in the end."""

    at: float
    kind: Severity
    cause: Cause
    type: DriftType | None
    cameras: tuple[str, ...]
    channels: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    budget: float
    incident_id: str
    site: str
    version: str
    headline: str
    since: float
    opened_at: float
    paged_at: float | None
    closed_at: float | None
    resolution: str
    false_alarm: bool
    """A person had marked it as one, in a command among the events."""
    reminders: int
    retrain_requested_at: float | None
    change: str
    """The marked change that it tells of; "" for none."""
    told: Told


class Entry(msgspec.Struct):
    """One incident of a replay. Times are Unix seconds of the events that said it."""

    opened: Incident
    latest: Incident
    paged: Incident | None = None
    paged_at: float | None = None
    closed_at: float | None = None
    resolution: str = ""
    false_alarm: bool = False
    reminders: int = 0
    retrain_at: float | None = None
    change: str = ""

    @property
    def opened_at(self) -> float:
        """When it was opened."""
        return self.opened.opened_at

    def lines(self, budget: float) -> list[Line]:
        """Its opening, and its page where that came later."""
        found = [self._line(budget, self.opened, self.opened_at)]
        if self.paged is not None and self.paged_at is not None and self.opened.severity != "page":
            found.append(self._line(budget, self.paged, self.paged_at))
        return found

    def _line(self, budget: float, then: Incident, at: float) -> Line:
        known = self.latest
        return Line(
            at=at,
            kind=then.severity,
            cause=known.cause,
            type=known.drift_type,
            cameras=known.cameras,
            channels=channels_of(known),
            evidence=known.evidence,
            budget=budget,
            incident_id=known.incident_id,
            site=known.site,
            version=known.version,
            headline=known.headline,
            since=known.since,
            opened_at=self.opened_at,
            paged_at=self.paged_at,
            closed_at=self.closed_at,
            resolution=self.resolution,
            false_alarm=self.false_alarm,
            reminders=self.reminders,
            retrain_requested_at=self.retrain_at,
            change=self.change,
            told=Told(then.cause, then.drift_type, then.cameras, channels_of(then), then.headline),
        )


class Ledger:
    """The incidents of one replay, by id, in the order of opening."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.retrain_requests = 0

    def hear(self, said: AnyEvent) -> None:
        """Take down what the judge said."""
        if isinstance(said, RetrainRequested):
            self.retrain_requests += 1
            entry = self.entries.get(said.incident_id)
            if entry is not None and entry.retrain_at is None:
                entry.retrain_at = said.occurred_at
        if not isinstance(said, IncidentOpened | IncidentUpdated | IncidentClosed):
            return
        incident = said.incident
        entry = self.entries.get(incident.incident_id)
        if entry is None:
            entry = self.entries[incident.incident_id] = Entry(incident, incident)
        entry.latest = incident
        if incident.severity == "page" and entry.paged is None:
            entry.paged, entry.paged_at = incident, said.occurred_at
        if isinstance(said, IncidentUpdated) and said.why == "reminder":
            entry.reminders += 1
        if isinstance(said, IncidentClosed):
            entry.closed_at = entry.closed_at or said.occurred_at  # one that had closed by itself may be called a false alarm later
            entry.resolution = entry.resolution or said.resolution
            entry.false_alarm = entry.false_alarm or said.false_alarm

    def lines(self, budget: float) -> list[Line]:
        """All that was said, by time."""
        return sorted((line for entry in self.entries.values() for line in entry.lines(budget)), key=lambda line: line.at)


def channels_of(incident: Incident) -> tuple[str, ...]:
    """The channels that its evidence names, strongest first."""
    return tuple(dict.fromkeys(e.channel for e in sorted(incident.evidence, key=lambda e: -e.ratio)))
