"""A case: an incident from its opening to its closing, with what the monitor must remember to update and close it.

Events about it carry ids that follow from the incident and a running number, so that one said twice after a crash is folded by its readers.
"""

from typing import Final, Literal

import msgspec

from contracts.events import IncidentClosed, IncidentOpened, IncidentUpdated, RetrainRequested
from contracts.incidents import Cause, Estimate, Incident
from monitor.identity import derived_id, request_key
from monitor.incidents.mark import Mark
from monitor.quality.burst import Burst
from monitor.quality.labels import LabelChannel
from monitor.quality.tally import Tally

Kind = Literal["drift", "labels", "fault"]
Why = Literal["evidence", "acknowledged", "reminder"]
FIRST_UPDATE: Final = 8
"""Blocks above a limit after which an open drift incident is first told anew; then at every doubling."""
FIRST_REPORT: Final = 10
"""Labels after which an open drift incident first tells the realised quality; then at every doubling."""


class Case(msgspec.Struct):
    """An open incident. `fault` is the symptom of a fault case, "" otherwise."""

    kind: Kind
    incident: Incident
    fault: str = ""
    sequence: int = 0
    said_at: float = 0.0
    """When it was last told, whatever brought it."""
    blocks: int = 0
    """Blocks above a limit that its cameras closed since it was opened."""
    tell_at: int = FIRST_UPDATE
    """Such blocks at which it is told anew."""
    crossed: dict[str, float] = {}
    """When channels of each family were last above their limits on one of its cameras."""
    worst: dict[str, list[float]] = {}
    """The highest ratio of each channel by scale among its cameras, over the limits as they were calibrated."""
    tally: Tally = msgspec.field(default_factory=Tally)
    """Uniform labels of frames that the case's cameras took since it began."""
    report_at: int = FIRST_REPORT
    label_alarm: bool = False
    """Labels said that it is harm: by the version's alarm or by the case's own burst."""
    burst: Burst | None = None
    """The labels that it asked for, where an estimate was over its limit."""
    place: bytes = b""
    """float32 [F]: the mean frame of its cameras when it was last told, in the coordinates of its version (see regimes.py)."""
    departure: bytes = b""
    """float32 [10 + A] or [10]: the same of video cameras, whose frames are told by how far they depart."""
    replaced_by: str = ""
    replaced_at: float = 0.0

    def opened(self, model: str) -> IncidentOpened:
        """The event that it was opened."""
        at = self.said_at = self.incident.opened_at
        return IncidentOpened(event_id=self._next_id(at), occurred_at=at, model=model, incident=self.incident)

    def updated(self, model: str, at: float, incident: Incident, why: Why = "evidence") -> IncidentUpdated:
        """The event that it changed to `incident`, or that it is told again."""
        self.incident, self.said_at = incident, at
        return IncidentUpdated(event_id=self._next_id(at), occurred_at=at, model=model, incident=incident, why=why)

    def closed(self, model: str, at: float, resolution: str, false_alarm: bool = False) -> IncidentClosed:
        """The event that it is over."""
        return IncidentClosed(
            event_id=self._next_id(at),
            occurred_at=at,
            model=model,
            incident=self.incident,
            resolution=resolution,
            false_alarm=false_alarm,
        )

    def as_mark(self, at: float) -> Mark:
        """What is kept of it when it closes: it may be called a false alarm then or later."""
        one = self.incident
        return Mark(one.incident_id, one.headline, one.site, one.cameras, one.version, dict(self.worst), at)

    def _next_id(self, at: float) -> str:
        self.sequence += 1
        return derived_id(at, self.incident.incident_id, self.sequence)


def incident_id(at: float, model: str, site: str, cause: Cause, about: str) -> str:
    """The id of an incident opened `at`; `about` tells those of one site, cause and moment apart."""
    return derived_id(at, model, site, cause, about)


def retrain_request(case: Case, channel: LabelChannel, model: str, at: float, excluded: tuple[str, ...]) -> RetrainRequested:
    """The request that a label alarm makes, once per episode of a version."""
    key = request_key(model, channel.version, channel.episode)
    incident = case.incident
    return RetrainRequested(
        event_id=derived_id(at, "retrain", key),
        occurred_at=at,
        model=model,
        request_key=key,
        version=channel.version,
        reason=incident.headline,
        incident_id=incident.incident_id,
        since=incident.since,
        cameras=tuple(camera for camera in incident.cameras if camera not in excluded),
        excluded_cameras=excluded,
        evidence=incident.evidence,
        cause=incident.cause,
        drift_type=incident.drift_type,
        recurs=incident.recurs,
        harm=_harm(case, channel),
    )


def _harm(case: Case, channel: LabelChannel) -> float | None:
    """Mean loss above what is tolerated, of the labels that speak for the case; None where nothing is tolerated because nothing is known."""
    tally = channel.recent if channel.recent.n > case.tally.n else case.tally
    if channel.overall is None or not tally.n:
        return None
    return round(max(0.0, tally.loss / tally.n - channel.overall.tolerated), 4)


def label_estimates(tally: Tally, benchmark: dict[str, float], positive: str | None) -> tuple[Estimate, ...]:
    """Realised quality of a tally beside the benchmark, with anytime-valid intervals, for the figures that the benchmark has."""
    return tuple(
        Estimate(name, "labels", round(benchmark[name], 4), round(m.value, 4), round(m.low, 4), round(m.high, 4), m.n)
        for name, m in tally.metrics(positive).items()
        if name in benchmark
    )
