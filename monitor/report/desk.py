"""The desk for reports: which are wanted, one process at a time that makes them, and what the monitor's server answers for each.

An open drift or label incident gets its report when it opens, and anew when it becomes a page or another version takes it over. Nothing here is judged
and nobody waits: the monitor's loop only says which incidents are open, and a thread does the rest. A failure is logged and shown in the report's place.
"""

import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from contracts.errors import StoreError
from contracts.health import Answer
from contracts.ids import is_id
from contracts.incidents import Incident
from contracts.logs import Logger
from monitor.report import child, notices
from monitor.report.shapes import Shape
from monitor.report.shelf import MOST_INCIDENTS, Shelf
from monitor.report.task import task_of
from monitor.settings import MonitorSettings

MOST_WAITING: Final = 64
_NAME: Final = re.compile(r"([0-9a-f-]{36})\.html(\?again)?")
_LOG: Final = Logger("monitor")
Make = Callable[[Incident, Path, threading.Event], str]
"""Makes the report of an incident at a path, until told to stop; "" or why it could not."""
Count = Callable[[str], None]
"""Counts a report by its result, `made` or `failed`."""


def desk_of(settings: MonitorSettings, count: Count) -> "Desk":
    """The desk of a monitor with these settings."""

    def make(incident: Incident, page: Path, stop: threading.Event) -> str:
        return child.make(task_of(settings, incident), page, stop)

    return Desk(Shelf(settings.state / "reports" / settings.model, settings.reports_kept), make, count)


class Desk:
    """`keep_up` is for the loop, `answer` for the server's threads. Close it to end the process at work."""

    def __init__(self, shelf: Shelf, make: Make, count: Count) -> None:
        self._shelf = shelf
        self._make = make
        self._count = count
        self._known = shelf.incidents()
        self._reasons: dict[str, str] = {}
        """Why the last attempt failed."""
        self._open: dict[str, Incident] = {}
        self._wanted: dict[str, Incident] = {}
        """In line, the first of it at work."""
        self._changed = threading.Condition()
        self._stop = threading.Event()
        shelf.trim()
        self._thread = threading.Thread(target=self._work, name="reports", daemon=True)
        self._thread.start()

    def keep_up(self, incidents: Iterable[Incident]) -> None:
        """The open incidents now. Cheap: called in each round of the loop."""
        now = {incident.incident_id: incident for incident in incidents if incident.report}
        with self._changed:
            self._open = now
            for number, incident in now.items():
                known = self._wanted.get(number) or self._known.get(number)
                if known is None or known.version != incident.version or (known.severity, incident.severity) == ("ticket", "page"):
                    self._want(incident)

    def answer(self, name: str) -> Answer:
        """What the server says for `ID.html` or `ID.html?again`."""
        match = _NAME.fullmatch(name)
        if match is None:
            return notices.unknown()
        number, again = match[1], match[2] is not None
        with self._changed:
            incident = self._open.get(number) or self._known.get(number)
            if incident is None:
                return notices.unknown()
            made = not again and number not in self._wanted
            if made and (reason := self._reasons.get(number)):
                return notices.failed(number, reason)
        if (
            made and (page := self._shelf.page(number)) is not None
        ):  # some 6 MB: the loop, which asks for the lock in each round, waits for no disk
            return notices.found(page)
        with self._changed:
            if not self._want(self._wanted.get(number, incident)):
                return notices.crowded()
            return notices.being_made(number, list(self._wanted).index(number))

    def shapes(self, incident_id: str) -> tuple[Shape, ...]:
        """What the console draws of an incident: from its report, once that is made."""
        return self._shelf.shapes(incident_id) if is_id(incident_id) else ()

    def close(self) -> None:
        """End the process at work and the thread. What was waiting is made when it is asked for again."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def _want(self, incident: Incident) -> bool:
        """Put an incident in line; False when the line is too long. One that is at work goes on, and is made again after it."""
        number = incident.incident_id
        if len(self._wanted) >= MOST_WAITING and number not in self._wanted:
            return False
        self._wanted[number] = incident
        self._changed.notify_all()
        return True

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._changed:
                while not self._wanted and not self._stop.is_set():
                    self._changed.wait()
                if self._stop.is_set():
                    return
                number, incident = next(iter(self._wanted.items()))
            reason = self._one(incident)
            with self._changed:
                self._known[number], self._reasons[number] = incident, reason
                while len(self._known) > MOST_INCIDENTS:
                    oldest = next(iter(self._known))
                    del self._known[oldest]
                    self._reasons.pop(oldest, None)
                if self._wanted.get(number) is incident:
                    del self._wanted[number]

    def _one(self, incident: Incident) -> str:
        """Make one; "" or why not."""
        number = incident.incident_id
        try:
            self._shelf.ask(incident)
            reason = self._make(incident, self._shelf.page_path(number), self._stop)
            self._shelf.trim()
        except (StoreError, OSError) as error:
            reason = str(error)
        except Exception as error:  # one report's failure must not end the thread that makes the others
            reason = f"{type(error).__name__}: {error}"
            _LOG.error("report_not_handled", trace=True, incident=number)
        self._count("failed" if reason else "made")
        if reason:
            _LOG.warning("report_failed", incident=number, reason=reason)
        else:
            _LOG.info("report_made", incident=number)
        return reason
