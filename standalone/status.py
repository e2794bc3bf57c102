"""What a person sees of a running house: `keepsight status`.

It reads the log and the model repository only, as the services do: it works beside `keepsight up` and beside a cluster alike.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from contracts.channels import Channels
from contracts.errors import VersionError
from contracts.events import (
    INCIDENTS,
    RETRAIN,
    SERVING,
    AnyEvent,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    JobAdvanced,
    RolloutAdvanced,
    ServingReported,
)
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.ports import Bus
from contracts.repository import ModelRepository
from contracts.settings import ServiceSettings, load
from standalone.log_so_far import LogSoFar

Say = Callable[[str], None]
CLOSED_KEPT: Final = 32
"""As many as the monitor keeps."""
SILENT_S: Final = 60.0
"""Four reports that did not come."""


class HouseSettings(ServiceSettings):
    """What all services share is all that is needed here."""

    section: ClassVar[str] = "standalone"


class State(msgspec.Struct):
    """The house as the log and the repository tell it."""

    channels: Channels | None = None
    versions: tuple[str, ...] = ()
    """The finished ones, oldest first."""
    incidents: dict[str, Incident] = {}
    """The open ones."""
    closed: dict[str, Incident] = {}
    """The newest CLOSED_KEPT of those that are over and were called no false alarm."""
    rollout: RolloutAdvanced | None = None
    job: JobAdvanced | None = None
    servers: dict[str, ServingReported] = {}
    """The last report of each that did not take its leave."""
    read_at: float = 0.0
    """Unix seconds."""


def status(settings: Path, say: Say) -> int:
    """Say who serves, what is under way and what is open. Returns 0. Raises KeepsightError when log or repository do not answer."""
    house = house_of(settings)
    bus = open_bus(house.log, "keepsight-status", house.log_security)
    try:
        log = opened(bus, house.model)
        try:
            state = read(log, ModelRepository(house.repository), house.model)
        finally:
            log.close()
    finally:
        bus.close()
    for line in told(house.model, state):
        say(line)
    return 0


def house_of(settings: Path) -> HouseSettings:
    """The settings that all services share. Raises SettingsError."""
    return load(HouseSettings, ["--settings", str(settings)], "keepsight", "")


def opened(bus: Bus, model: str) -> LogSoFar:
    """What of the log tells of the state: the incidents, the retrain topic and the servers' reports."""
    return LogSoFar(bus, [INCIDENTS, RETRAIN, SERVING], model)


def read(log: LogSoFar, repository: ModelRepository, model: str) -> State:
    """The state now."""
    state = State(read_at=time.time())
    try:
        state.channels = repository.channels(model)
        state.versions = tuple(repository.versions(model))
    except VersionError:
        state.channels = None
    for event in log.events():
        _take(state, event)
    return state


def told(model: str, state: State) -> list[str]:
    """The state in lines for a person."""
    lines = [*_serving(model, state.channels), *_servers(state)]
    if (rollout := state.rollout) is not None:
        lines.append(f"  rollout   version {rollout.version} {rollout.state.replace('_', ' ')}: {rollout.reason}")
        if rollout.state == "awaiting_approval":
            lines.append(f"            keepsight approve {rollout.version}, or keepsight reject {rollout.version}")
    if (job := state.job) is not None:
        lines.append(f"  training  {job.state}: {job.detail} (keepsight jobs)")
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
        return [f"{model}: no version yet; bring one with keepsight import-model or train-model"]
    lines = [f"{model}: version {channels.champion} answers since {_when(channels.changed_at)} ({channels.reason or channels.by})"]
    if channels.candidate:
        lines.append(f"  canary    version {channels.candidate} answers {channels.share:.0%} of the cameras")
    if channels.shadow:
        lines.append(f"  shadow    version {channels.shadow}")
    if channels.previous:
        lines.append(f"  previous  version {channels.previous}: keepsight rollback goes there")
    return lines


def _servers(state: State) -> list[str]:
    """What the servers say that they answer with, and which fell silent."""
    heard = sorted(state.servers.items())
    live = [
        f"{name} with version {next((one.version for one in report.versions if one.role == 'champion'), 'none')}"
        for name, report in heard
        if state.read_at - report.occurred_at <= SILENT_S
    ]
    silent = [
        f"{name} since {_when(report.occurred_at)}" for name, report in heard if state.read_at - report.occurred_at > SILENT_S
    ]
    if not heard and state.channels is not None:
        return ["  servers   none: serving is stopped, or has not reported yet"]
    told = [f"  servers   {', '.join(live)}"] if live else []
    return told + ([f"  silent    {', '.join(silent)}"] if silent else [])


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
        case ServingReported(leaving=True):
            state.servers.pop(event.replica, None)
        case ServingReported():
            state.servers[event.replica] = event
        case RolloutAdvanced():
            state.rollout = event
        case JobAdvanced():
            state.job = event


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
