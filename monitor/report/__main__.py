"""Makes the report of one incident, open or over, from what the log still holds: what `keepsight report` runs, beside a monitor or without one."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from contracts.errors import KeepsightError, SettingsError
from contracts.log import open_bus
from contracts.settings import exit_with, load
from monitor.report import child
from monitor.report.gather import Reading, Told
from monitor.report.task import task_of
from monitor.settings import MonitorSettings

ABOUT: Final = "Makes the report of one incident: `python -m monitor.report INCIDENT PAGE.html --settings FILE`, with any setting of the monitor."
READ_S: Final = 60.0
"""Seconds for reading the incidents."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make it. Returns 0, or 2 with the reason said."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if len(arguments) < 2 or arguments[0].startswith("-") or arguments[1].startswith("-"):
            raise SettingsError(f"an incident and a page are needed: {ABOUT}")
        return _run(arguments[0], Path(arguments[1]), load(MonitorSettings, arguments[2:], "python -m monitor.report", ABOUT))
    except KeepsightError as error:
        return exit_with(error)


def _run(wanted: str, page: Path, settings: MonitorSettings) -> int:
    deadline = time.monotonic() + READ_S
    bus = open_bus(settings.log, "keepsight-report", settings.log_security)
    try:
        told = Reading(bus, settings.model, lambda: time.monotonic() > deadline).incidents()
    finally:
        bus.close()
    incident = told[named(told, wanted)].incident
    page = page.absolute()
    page.parent.mkdir(parents=True, exist_ok=True)
    if reason := child.make(task_of(settings, incident, served=False), page, threading.Event()):
        raise KeepsightError(f"the report of incident {incident.incident_id} could not be made: {reason}")
    sys.stdout.write(f"{page}\n")
    return 0


def named(told: Mapping[str, Told], wanted: str) -> str:
    """The id that `wanted` is, or begins. Raises SettingsError when none or several do."""
    found = [number for number in told if number.startswith(wanted)] if wanted else []
    if len(found) == 1:
        return found[0]
    newest = "".join(f"\n    {number}  {event.incident.headline}" for number, event in list(told.items())[-5:])
    why = "several incidents begin so" if found else "no such incident stands on the log"
    raise SettingsError(f"incident {wanted!r}: {why}; the newest there are:{newest or ' none'}")


if __name__ == "__main__":
    sys.exit(main())
