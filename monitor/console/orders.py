"""What a person orders in the console, as events, where there is something that they can have an effect on. Nothing is done here: services read them."""

from collections.abc import Callable, Mapping
from typing import Final

from contracts.channels import Channels
from contracts.events import (
    Acknowledge,
    AnyEvent,
    Approve,
    CancelJob,
    JobAdvanced,
    MarkFalseAlarm,
    OverrideCounts,
    Promote,
    Reject,
    RequestRetrain,
    Rollback,
    RolloutAdvanced,
)
from contracts.ids import is_id, new_id
from monitor.console.forms import FormError, named, reasoned
from monitor.console.incident_book import IncidentView
from monitor.console.view import ACTIVE, Order

STOPPABLE: Final = ("awaiting_approval", "shadow", "canary", "champion", "watch")
OVER: Final = ("stable", "rolled_back", "rejected")
FALSE: Final = "false alarm"
"""What is typed to confirm one: its like is not reported for weeks."""


class Desk:
    """Makes the orders of one model; `clock` gives Unix seconds. Every method raises FormError."""

    def __init__(self, model: str, clock: Callable[[], float]) -> None:
        self._model, self._clock = model, clock

    def retrain(self, fields: Mapping[str, str], key_id: str) -> RequestRetrain:
        """Ask for a retraining."""
        return RequestRetrain(**self._about(fields), by=named(fields, key_id), reason=reasoned(fields))  # type: ignore[arg-type]  # of `about`

    def of_incident(self, incident: IncidentView, what: str, fields: Mapping[str, str], key_id: str) -> AnyEvent:
        """Acknowledge an incident, call it a false alarm, or ask for a retraining because of it."""
        by, reason, about, number = named(fields, key_id), reasoned(fields), self._about(fields), incident.incident.incident_id
        if what == "retrain":
            return RequestRetrain(**about, by=by, reason=f"{reason} (incident {number})", incident_id=number)  # type: ignore[arg-type]  # of `about`
        if incident.incident.cause == "job_failed":
            raise FormError("a failed job's incident closes when a later run comes through: nothing to acknowledge", 409)
        if what == "acknowledge" and incident.closed_at is None:
            if incident.incident.acknowledged_by:
                raise FormError(f"{incident.incident.acknowledged_by} has seen it already", 409)
            return Acknowledge(**about, incident_id=number, by=by, reason=reason)  # type: ignore[arg-type]  # of `about`
        if what == "false-alarm" and not incident.false_alarm:
            _confirmed(fields, FALSE)
            return MarkFalseAlarm(**about, incident_id=number, by=by, reason=reason)  # type: ignore[arg-type]  # of `about`
        raise FormError(f"the incident is {incident.state} by now: {what} would change nothing", 409)

    def of_job(self, job: JobAdvanced, what: str, fields: Mapping[str, str], key_id: str) -> AnyEvent:
        """Cancel a job, or let it train with too few labels."""
        by, reason = named(fields, key_id), reasoned(fields)
        if what == "cancel" and job.state in ACTIVE:
            return CancelJob(**self._about(fields), job_id=job.job_id, by=by, reason=reason)  # type: ignore[arg-type]  # of `about`
        if what == "override" and job.state == "held":
            return OverrideCounts(**self._about(fields), job_id=job.job_id, by=by, reason=reason)  # type: ignore[arg-type]  # of `about`
        raise FormError(f"the job is {job.state} by now: {what} would change nothing", 409)

    def decide(self, rollout: RolloutAdvanced | None, version: str, what: str, fields: Mapping[str, str], key_id: str) -> AnyEvent:
        """Approve or reject a version."""
        by, reason = named(fields, key_id), reasoned(fields)
        states = ("awaiting_approval",) if what == "approve" else STOPPABLE
        if rollout is None or rollout.version != version or rollout.state not in states:
            now = (
                f"the last rollout is version {rollout.version}, {rollout.state.replace('_', ' ')}"
                if rollout
                else "there was no rollout"
            )
            raise FormError(f"there is nothing to {what} in version {version} by now: {now}", 409)
        kind = Approve if what == "approve" else Reject
        return kind(**self._about(fields), version=version, by=by, reason=reason)  # type: ignore[arg-type]  # of `about`

    def roll_back(self, channels: Channels | None, fields: Mapping[str, str], key_id: str) -> Rollback:
        """Put the previous version back."""
        by, reason = named(fields, key_id), reasoned(fields)
        if channels is None or channels.previous is None:
            raise FormError("there is no previous version to go back to", 409)
        _confirmed(fields, channels.previous)
        return Rollback(**self._about(fields), by=by, reason=reason)  # type: ignore[arg-type]  # of `about`

    def promote(
        self, channels: Channels | None, rollout: RolloutAdvanced | None, version: str, fields: Mapping[str, str], key_id: str
    ) -> Promote:
        """Bring a version that is there to all cameras."""
        by, reason, force = named(fields, key_id), reasoned(fields), fields.get("force") == "yes"
        if channels is not None and channels.champion == version:
            raise FormError(f"version {version} answers already: it is the champion", 409)
        if rollout is not None and rollout.state not in OVER and not (force and rollout.version == version):
            raise FormError(f"version {rollout.version} is on its way ({rollout.state.replace('_', ' ')}): reject it, or wait", 409)
        _confirmed(fields, version)
        return Promote(**self._about(fields), version=version, by=by, reason=reason, force=force)  # type: ignore[arg-type]  # of `about`

    def _about(self, fields: Mapping[str, str]) -> dict[str, str | float]:
        now, number = self._clock(), fields.get("id", "")
        return {"event_id": number if is_id(number) else new_id(now), "occurred_at": now, "model": self._model}


def _confirmed(fields: Mapping[str, str], word: str) -> None:
    if fields.get("confirm", "").strip() != word:
        raise FormError(f"type {word} to confirm that you mean it: nothing was done")


def told(order: Order) -> str:
    """An order in a few words."""
    match order:
        case Approve():
            return f"approved version {order.version}"
        case Reject():
            return f"rejected version {order.version}"
        case Rollback():
            return "ordered a rollback"
        case Promote():
            return f"ordered version {order.version} promoted{' by force' if order.force else ''}"
        case OverrideCounts():
            return "let it train with too few labels"
        case CancelJob():
            return "ordered the job cancelled"
        case RequestRetrain():
            return "asked for a retraining"
        case Acknowledge():
            return "has seen the incident"
        case MarkFalseAlarm():
            return "called the incident a false alarm"
