"""What a person sees of a running house and orders in it: `keepsight status` and the commands that stand on the log as events.

Both read the log and the model repository only, as the services do: they work beside `keepsight up` and beside a cluster alike. An order is refused here
when nothing waits for it, so that a typo is told at once and not in a service's log.
"""

import getpass
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from contracts.channels import Channels
from contracts.errors import LogRefusedError, SettingsError, VersionError
from contracts.events import (
    INCIDENTS,
    RETRAIN,
    Acknowledge,
    AnyEvent,
    Approve,
    BadEventError,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    JobAdvanced,
    MarkFalseAlarm,
    Reject,
    RequestRetrain,
    Rollback,
    RolloutAdvanced,
    decode,
    encode,
)
from contracts.ids import new_id
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.ports import Bus
from contracts.repository import ModelRepository
from contracts.settings import ServiceSettings, load

Say = Callable[[str], None]
ORDERS: Final = {
    "approve": "let a version that waits for approval begin its rollout",
    "reject": "refuse a version: before its rollout for good, during it by rolling back",
    "rollback": "put the previous version back at once",
    "retrain": "ask for a retraining on the labels that are there",
    "acknowledge": "say that you have seen an incident",
    "false-alarm": "say that an incident was none: it closes if it is open, and its like is not reported again",
}
TARGETS: Final = {"approve": "VERSION", "reject": "VERSION", "acknowledge": "INCIDENT", "false-alarm": "INCIDENT"}
"""What an order is about; the others are about the model."""
CLOSED_KEPT: Final = 32
"""As many as the monitor keeps."""
_POLL_S: Final = 0.2


class HouseSettings(ServiceSettings):
    """What all services share is all that is needed here."""

    section: ClassVar[str] = "standalone"


class State(msgspec.Struct):
    """The house as the log and the repository tell it."""

    channels: Channels | None = None
    incidents: dict[str, Incident] = {}
    """The open ones."""
    closed: dict[str, Incident] = {}
    """The newest CLOSED_KEPT of those that are over and were called no false alarm."""
    rollout: RolloutAdvanced | None = None
    job: JobAdvanced | None = None


def status(settings: Path, say: Say) -> int:
    """Say who serves, what is under way and what is open. Returns 0. Raises KeepsightError when log or repository do not answer."""
    house = _house(settings)
    bus = open_bus(house.log, "keepsight-status", house.log_security)
    try:
        state = read(bus, ModelRepository(house.repository), house.model)
    finally:
        bus.close()
    for line in told(house.model, state):
        say(line)
    return 0


def order(settings: Path, name: str, target: str, by: str, reason: str, say: Say) -> int:
    """Put a command on the log. Returns 0. Raises SettingsError when nothing waits for it, saying what does."""
    house = _house(settings)
    bus = open_bus(house.log, "keepsight-operator", house.log_security)
    try:
        state = read(bus, ModelRepository(house.repository), house.model)
        event = command(house.model, state, name, target, by or getpass.getuser(), reason, time.time())
        bus.publish([encode(event, "keepsight/operator")])
    finally:
        bus.close()
    say(f"{name} is on the log as {type(event).__name__} {event.event_id}; `keepsight status` shows what comes of it")
    return 0


def command(model: str, state: State, name: str, target: str, by: str, reason: str, now: float) -> AnyEvent:
    """The event of an order, if something waits for it."""
    about = {"event_id": new_id(now), "occurred_at": now, "model": model, "by": by}
    match name:
        case "approve" | "reject":
            kind = Approve if name == "approve" else Reject
            return kind(**about, version=_waiting(state, name, target), reason=reason)  # type: ignore[arg-type]  # of `about`
        case "rollback":
            if state.channels is None or state.channels.previous is None:
                raise SettingsError(f"model {model!r} has no previous version to go back to")
            return Rollback(**about, reason=reason)  # type: ignore[arg-type]  # of `about`
        case "retrain":
            return RequestRetrain(**about, reason=reason)  # type: ignore[arg-type]  # of `about`
        case "acknowledge":
            return Acknowledge(**about, incident_id=_open(state, target))  # type: ignore[arg-type]  # of `about`
        case "false-alarm":
            return MarkFalseAlarm(**about, incident_id=_any(state, target), reason=reason)  # type: ignore[arg-type]  # of `about`
    raise SettingsError(f"{name!r} is no order; known: {', '.join(ORDERS)}")


def read(bus: Bus, repository: ModelRepository, model: str) -> State:
    """The state now: the incidents and the retrain topic from their beginning to their end."""
    state = State()
    try:
        state.channels = repository.channels(model)
    except VersionError:
        state.channels = None
    reader = bus.reader(None, [INCIDENTS, RETRAIN])
    try:
        while True:
            records = reader.poll(_POLL_S)
            for record in records:
                try:
                    event = decode(record)
                except BadEventError:
                    continue  # the services have put it among the dead letters
                if event.model == model:
                    _take(state, event)
            if not records and not any(reader.lag().values()):
                return state
    except LogRefusedError as error:
        raise LogRefusedError(f"{error}. If nothing ran on this log yet, `keepsight up` makes it") from error
    finally:
        reader.close()


def told(model: str, state: State) -> list[str]:
    """The state in lines for a person."""
    lines = _serving(model, state.channels)
    if (rollout := state.rollout) is not None:
        lines.append(f"  rollout   version {rollout.version} {rollout.state.replace('_', ' ')}: {rollout.reason}")
        if rollout.state == "awaiting_approval":
            lines.append(f"            keepsight approve {rollout.version}, or keepsight reject {rollout.version}")
    if (job := state.job) is not None:
        lines.append(f"  training  {job.state}: {job.detail}")
    lines.append(f"{len(state.incidents)} open incident{'' if len(state.incidents) == 1 else 's'}")
    for incident in sorted(state.incidents.values(), key=lambda one: one.opened_at):
        lines += [f"  {incident.severity}  {incident.incident_id}  {incident.headline}", f"        {incident.action}"]
        if details := _details(incident):
            lines.append(f"        {details}")
    return lines


def _details(incident: Incident) -> str:
    """What else is known of an open incident, in a line: its type, the labels that would settle it, its report, who has seen it."""
    known = []
    if incident.drift_type:
        known.append(f"{incident.drift_type} drift" + (f", as version {incident.recurs} knew it" if incident.recurs else ""))
    if incident.labels_wanted:
        known.append(f"{incident.labels_have} of {incident.labels_wanted} labels wanted")
    if incident.report:
        known.append(f"report {incident.report}")
    if incident.acknowledged_by:
        known.append(f"seen by {incident.acknowledged_by}")
    return "; ".join(known)


def _serving(model: str, channels: Channels | None) -> list[str]:
    if channels is None:
        return [f"{model}: no version yet; bring one with keepsight import-model"]
    lines = [f"{model}: version {channels.champion} answers since {_when(channels.changed_at)} ({channels.reason or channels.by})"]
    if channels.candidate:
        lines.append(f"  canary    version {channels.candidate} answers {channels.share:.0%} of the cameras")
    if channels.shadow:
        lines.append(f"  shadow    version {channels.shadow}")
    if channels.previous:
        lines.append(f"  previous  version {channels.previous}: keepsight rollback goes there")
    return lines


def _take(state: State, event: AnyEvent) -> None:
    match event:
        case IncidentOpened() | IncidentUpdated():
            state.incidents[event.incident.incident_id] = event.incident
        case IncidentClosed():
            number = event.incident.incident_id
            state.incidents.pop(number, None)
            state.closed.pop(number, None)
            if not event.false_alarm:
                state.closed[number] = event.incident
            while len(state.closed) > CLOSED_KEPT:
                del state.closed[next(iter(state.closed))]
        case RolloutAdvanced():
            state.rollout = event
        case JobAdvanced():
            state.job = event


def _waiting(state: State, name: str, version: str) -> str:
    """The version, if an order about it can have an effect."""
    rollout = state.rollout
    stoppable = ("awaiting_approval",) if name == "approve" else ("awaiting_approval", "shadow", "canary", "champion", "watch")
    if rollout is None or rollout.version != version or rollout.state not in stoppable:
        now = (
            f"the last rollout is version {rollout.version}, {rollout.state.replace('_', ' ')}"
            if rollout
            else "there was no rollout yet"
        )
        raise SettingsError(f"version {version!r} waits for no {name}: {now}. See keepsight status")
    return version


def _open(state: State, incident: str) -> str:
    """The open incident whose id is or begins with `incident`."""
    found = [one for one in state.incidents if one.startswith(incident)]
    if len(found) != 1:
        known = ", ".join(state.incidents) or "none"
        raise SettingsError(f"{len(found)} open incidents begin with {incident!r}; open: {known}")
    return found[0]


def _any(state: State, incident: str) -> str:
    """The incident whose id is or begins with `incident`: an open one, else one that closed lately."""
    closed = [one for one in state.closed if one.startswith(incident)]
    if len(closed) == 1 and not any(one.startswith(incident) for one in state.incidents):
        return closed[0]
    return _open(state, incident)


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def _house(settings: Path) -> HouseSettings:
    return load(HouseSettings, ["--settings", str(settings)], "keepsight", "")
