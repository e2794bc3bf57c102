"""What the process that makes a report is told, as one line of JSON on its standard input: so that no password stands on a command line or on the disk."""

from pathlib import Path
from typing import Any

import msgspec

from contracts.finite import finite
from contracts.incidents import Incident
from contracts.log_security import LogSecurity
from monitor.settings import MonitorSettings


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One report to be made."""

    model: str
    incident: Incident
    log: str
    security: LogSecurity | None = None
    repository: str
    frame_store: str = ""
    """Where the example photographs lie; "" shows none."""
    frames: int
    """Frames at most that are laid out, the newest of the incident."""
    served: bool = True
    """Whether the monitor serves the page: then it may link to being made anew."""


def task_of(settings: MonitorSettings, incident: Incident, served: bool = True) -> Task:
    """The task for an incident of the house with these settings."""
    return Task(
        model=settings.model,
        incident=finite(incident),
        log=settings.log,
        security=settings.log_security,
        repository=settings.repository,
        frame_store=settings.frame_store,
        frames=settings.report_frames,
        served=served,
    )


def encode(task: Task) -> bytes:
    """One line."""
    return msgspec.json.encode(task, enc_hook=_plain) + b"\n"


def decode(line: bytes) -> Task:
    """Read the line. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(line, type=Task, dec_hook=_rich)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


def _rich(kind: type, value: Any) -> Any:
    if issubclass(kind, Path):
        return kind(value)
    raise NotImplementedError(kind)
