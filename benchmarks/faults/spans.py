"""The faults as they happened: when each began, was healed, and when everything was well again. Pure."""

import math
from collections.abc import Sequence

import msgspec

from benchmarks.faults.book import LOST, Sent
from contracts.incidents import Incident

_BEFORE_S = 1.0
"""A try that was under way when a fault began."""
_AFTER_S = 30.0
"""An incident may be told so long after all is well: a symptom must last, and a silence be noticed."""


class Span(msgspec.Struct, frozen=True):
    """A fault, in Unix seconds. `recovered_at` is infinite when it never was well again within the patience."""

    name: str
    began_at: float
    healed_at: float
    recovered_at: float
    cuts: bool = False
    """Whether it ends connections of cameras."""
    repeats: bool = False
    """Whether servers may publish again what the log had taken already."""
    blamed: frozenset[str] = frozenset()
    """Cameras of which it may be said that they are at fault."""
    said: tuple[str, ...] = ()
    """What services warned of meanwhile, as `service: event`."""

    @property
    def recovery_s(self) -> float:
        """From healed to well."""
        return self.recovered_at - self.healed_at

    def covers(self, at: float, after_s: float = 0.0) -> bool:
        """Whether a moment lies within it."""
        return self.began_at - _BEFORE_S <= at <= self.recovered_at + after_s


class Seen(msgspec.Struct, frozen=True):
    """What cameras that send photographs saw of a span: frames by how they ended, those that took more than one try, and latency of answered ones."""

    answered: int
    refused: int
    unanswered: int
    retried: int
    p50_ms: float
    p99_ms: float


def seen(frames: Sequence[Sent], since: float, until: float) -> Seen:
    """Of the photographs that were due within [since, until)."""
    those = [sent for sent in frames if sent.kind == "photograph" and since <= sent.due_at < until and sent.attempts]
    took = sorted(1000 * sent.took_s for sent in those if sent.fate == "accepted")
    fates = [sent.fate for sent in those]
    return Seen(
        len(took),
        fates.count("refused"),
        fates.count("unknown"),
        sum(len(sent.attempts) > 1 for sent in those),
        percentile(took, 50),
        percentile(took, 99),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent of them do not exceed (nearest rank); NaN of none."""
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)] if ordered else math.nan


def quiet(frames: Sequence[Sent], spans: Sequence[Span]) -> list[Sent]:
    """The frames that were due while nothing was wrong."""
    return [sent for sent in frames if not any(span.covers(sent.due_at) for span in spans)]


def lost_without_cause(frames: Sequence[Sent], spans: Sequence[Span]) -> int:
    """Photographs' tries of which nothing was heard although no fault that cuts connections was there."""
    return sum(
        attempt.status == LOST
        and not any(span.cuts and span.covers(attempt.at) for span in spans)
        for sent in frames
        if sent.kind == "photograph"
        for attempt in sent.attempts
    )  # fmt: skip


def cause_of(incident: Incident, spans: Sequence[Span]) -> str:
    """The fault that an incident is told for: it blames cameras that the fault made look so, while it lasted. "": none of them.

    Of the two times of an incident, opened and since, one may be of a clock that a fault made wrong.
    """
    if incident.cause != "camera_fault":
        return ""
    times = (incident.opened_at, incident.since)
    those = (
        span.name for span in spans if span.blamed.issuperset(incident.cameras) and any(span.covers(at, _AFTER_S) for at in times)
    )
    return next(those, "")
