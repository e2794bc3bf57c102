"""The story of a run, from the log's events: a line for each thing that happened, and each incident from its opening to its end."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from contracts.events import (
    AnyEvent,
    Dead,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    JobAdvanced,
    ModelPublished,
    RetrainRequested,
    RolloutAdvanced,
)
from contracts.incidents import Estimate, Evidence, Incident
from standalone.facts import Entry, Moments, SeenIncident
from standalone.scenario import SMEARED_CAMERA

UPDATED: Final = "incident updated"
LENS_GRACE_S: Final = 20.0
"""A fault may still be found this long after the lens was cleaned: the monitor judges whole blocks of frames."""
SHOWN: Final = 4
"""Evidence told for an incident, strongest first."""


def told(event: AnyEvent, started: float) -> Entry | None:
    """The line for an event, None for one that a person need not read."""
    at_s = round(event.occurred_at - started, 2)
    match event:
        case IncidentOpened(incident=incident):
            return Entry(at_s, "incident opened", f"{incident.headline} [{_where(incident)}]", "bad")
        case IncidentUpdated(incident=incident):
            return Entry(at_s, UPDATED, f"{incident.headline} [{_where(incident)}]", "bad")
        case IncidentClosed(incident=incident, resolution=resolution):
            return Entry(at_s, "incident closed", f"{incident.headline}: {resolution}", "good")
        case RetrainRequested(reason=reason):
            return Entry(at_s, "retraining requested", reason, "bad")
        case JobAdvanced(state=state, step=step, detail=detail):
            return Entry(at_s, f"training {state}", ": ".join(part for part in (step, detail) if part))
        case ModelPublished(version=version, parent=parent, gates=gates):
            passed = sum(gate.verdict == "pass" for gate in gates)
            return Entry(
                at_s, f"version {version} published", f"from version {parent}; {passed} of {len(gates)} gates passed", "good"
            )
        case RolloutAdvanced(version=version, state=state, share=share, reason=reason):
            bad = state in ("rolling_back", "rolled_back", "rejected")
            shown = f" {share:.0%}" if state == "canary" else ""
            return Entry(at_s, f"version {version}: {state.replace('_', ' ')}{shown}", reason, "bad" if bad else "good")
        case Dead(reason=reason, topic=topic):
            return Entry(at_s, "record put aside", f"{topic}: {reason}", "bad")
    return None


def folded(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The lines in order of time, those of one incident that say the same but for its figures as one: the newest figures, where the first line stood."""
    found: list[Entry] = []
    first: dict[str, int] = {}
    count: Counter[str] = Counter()
    for entry in sorted(entries, key=lambda one: one.at_s):
        same = f"{entry.detail.partition(';')[0]} {entry.detail.rpartition('[')[2]}" if entry.event == UPDATED else ""
        if same not in first:
            found.append(entry)
            if same:
                first[same], count[same] = len(found) - 1, 1
            continue
        count[same] += 1
        lead = found[first[same]]
        said = f"{entry.detail}; the last of them at {entry.at_s:.1f} s"
        found[first[same]] = Entry(lead.at_s, f"{UPDATED} ×{count[same]}", said, entry.tone)
    return tuple(found)


def incidents(events: Iterable[AnyEvent], started: float, moments: Moments) -> tuple[SeenIncident, ...]:
    """Each incident by its newest state, in the order of opening."""
    newest: dict[str, Incident] = {}
    first: dict[str, Incident] = {}
    evidence: dict[str, tuple[Evidence, ...]] = {}
    effects: dict[str, tuple[Estimate, ...]] = {}
    closed: dict[str, IncidentClosed] = {}
    for event in events:
        if isinstance(event, IncidentOpened | IncidentUpdated | IncidentClosed):
            one = event.incident
            newest[one.incident_id] = one
            first.setdefault(one.incident_id, one)
            evidence[one.incident_id] = one.evidence or evidence.get(one.incident_id, ())
            effects[one.incident_id] = one.estimates or effects.get(one.incident_id, ())
            if isinstance(event, IncidentClosed):
                closed[one.incident_id] = event
    return tuple(
        _seen(
            one,
            first[one.incident_id],
            evidence[one.incident_id],
            effects[one.incident_id],
            closed.get(one.incident_id),
            started,
            moments,
        )
        for one in sorted(newest.values(), key=lambda incident: incident.opened_at)
    )


def _seen(
    one: Incident,
    first: Incident,
    evidence: Sequence[Evidence],
    effects: Sequence[Estimate],
    end: IncidentClosed | None,
    started: float,
    moments: Moments,
) -> SeenIncident:
    opened_at_s = one.opened_at - started
    return SeenIncident(
        cause=one.cause,
        headline=one.headline,
        first_headline=first.headline,
        action=one.action,
        cameras=one.cameras,
        since_s=round(one.since - started, 2),
        opened_at_s=round(opened_at_s, 2),
        closed_at_s=None if end is None else round(end.occurred_at - started, 2),
        resolution="" if end is None else end.resolution,
        false=(end is not None and end.false_alarm) or _unexplained(one, opened_at_s, moments),
        evidence=tuple(_reason(proof) for proof in sorted(evidence, key=lambda proof: -proof.ratio)[:SHOWN]),
        effect=tuple(_effect(estimate) for estimate in effects),
    )


def _unexplained(one: Incident, opened_at_s: float, moments: Moments) -> bool:
    """Whether nothing had happened that would explain the incident: neither the new product on the line nor the smeared lens."""
    if one.cause == "camera_fault":
        if moments.smeared_s is None or set(one.cameras) != {SMEARED_CAMERA}:
            return True
        cleaned_s = moments.ended_s if moments.cleaned_s is None else moments.cleaned_s
        return not moments.smeared_s <= opened_at_s <= cleaned_s + LENS_GRACE_S
    if moments.switched_s is None or opened_at_s < moments.switched_s:
        return True
    return moments.swapped_s is not None and opened_at_s > moments.swapped_s


def _where(incident: Incident) -> str:
    return ", ".join(incident.cameras) or incident.site or "all cameras"


def _reason(proof: Evidence) -> str:
    said = f"{proof.channel}: {_plain(proof.feature)} {_short(proof.value)} against {_short(proof.reference)}"
    detail = f" ({proof.detail})" if proof.detail else ""
    return f"{said} on {proof.camera or 'all cameras'}, {_times(proof.ratio)} its threshold{detail}"


def _times(ratio: float) -> str:
    """The monitor says no more than a million."""
    return "a million times or more" if ratio >= 1e6 else f"{ratio:.1f} times"


def _effect(estimate: Estimate) -> str:
    how = f"by {estimate.n} labels" if estimate.kind == "labels" else f"estimated without labels from {estimate.n} frames"
    doubt = "" if estimate.trusted else "; not to be trusted"
    said = f"{_plain(estimate.metric)} {estimate.before:.2f} → {estimate.now:.2f}"
    return f"{said} (95 %: {estimate.low:.2f} to {estimate.high:.2f}, {how}{doubt})"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _short(value: float) -> str:
    """Three digits; what rounding left of a zero is a zero."""
    return "0" if abs(value) < 1e-6 else f"{value:.3g}"
