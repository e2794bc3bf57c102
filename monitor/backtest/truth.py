"""Marked changes: what truly happened and when, as the people who know write it down, and which incidents tell of it.

An incident (or a page) is true when it comes from `at` until `until` (or `at` + the window) and names one of the change's cameras. A page of an incident
that was true when it opened is true. Everything else is false.
"""

import csv
import difflib
import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.incidents import Incident
from monitor.backtest.ledger import Entry
from monitor.backtest.recorded import RecordingError

KNOWN: Final = ("at", "until", "cameras", "camera", "site", "cause", "type", "name")


class Change(msgspec.Struct, frozen=True):
    """One marked change. `at` and `until` are Unix seconds; no cameras: all, or all of the site."""

    name: str
    at: float
    until: float | None = None
    cameras: tuple[str, ...] = ()
    site: str = ""
    cause: str = ""
    type: str = ""

    def end(self, window_s: float) -> float:
        """When its time is over."""
        return self.until if self.until is not None else self.at + window_s

    def touches(self, incident: Incident) -> bool:
        """Whether an incident speaks of its cameras. One that names none speaks of all of its sites."""
        at_site = not self.site or not incident.site or self.site in incident.site.split(", ")
        return at_site and (not self.cameras or not incident.cameras or not set(self.cameras).isdisjoint(incident.cameras))

    def holds(self, at: float, incident: Incident, window_s: float) -> bool:
        """Whether what was said `at` is true of it."""
        return self.at <= at <= self.end(window_s) and self.touches(incident)


class Found(msgspec.Struct, frozen=True):
    """What a replay made of a change. Delays in seconds from `at`; None: never. `already_open` names an incident that stood open before it."""

    change: Change
    incident_id: str = ""
    delay_s: float | None = None
    page_delay_s: float | None = None
    cause: str = ""
    type: str = ""
    already_open: str = ""

    @property
    def missed(self) -> bool:
        """Nothing was said of it in its time."""
        return self.delay_s is None


def read_truth(path: Path) -> list[Change]:
    """The marked changes of a JSON, NDJSON or CSV file, in order of time. Raises RecordingError naming the entry."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from None
    changes = [_change(entry, f"{path}, change {number}", number) for number, entry in enumerate(_entries(text, path), 1)]
    if not changes:
        raise RecordingError(f"{path} marks no change: leave --truth out, or name one with at least `at`")
    named: dict[str, int] = {}
    for change in changes:
        named[change.name] = named.get(change.name, 0) + 1
    twice = [name for name, count in named.items() if count > 1]
    if twice:
        raise RecordingError(f"{path}: the name {twice[0]!r} stands twice; give each change its own")
    return sorted(changes, key=lambda change: (change.at, change.name))


def score(changes: Iterable[Change], entries: Iterable[Entry], window_s: float) -> list[Found]:
    """Tell each entry the first change that it is true of, and each change what was said of it, earliest first."""
    changes, entries = list(changes), list(entries)
    for entry in entries:
        entry.change = next((change.name for change in changes if _tells(entry, change, window_s)), "")
    return [_found(change, entries, window_s) for change in changes]


def _tells(entry: Entry, change: Change, window_s: float) -> bool:
    if change.holds(entry.opened_at, entry.opened, window_s):
        return True
    return entry.paged is not None and entry.paged_at is not None and change.holds(entry.paged_at, entry.paged, window_s)


def _found(change: Change, entries: list[Entry], window_s: float) -> Found:
    told = [entry for entry in entries if _tells(entry, change, window_s)]
    if not told:
        open_then = (
            entry.latest.incident_id
            for entry in entries
            if entry.opened_at < change.at <= (entry.closed_at or float("inf")) and change.touches(entry.latest)
        )
        return Found(change, already_open=next(open_then, ""))
    first = min(told, key=lambda entry: max(entry.opened_at, change.at))
    pages = [entry.paged_at - change.at for entry in told if entry.paged_at is not None and entry.paged_at >= change.at]
    return Found(
        change,
        first.latest.incident_id,
        min(_delay(entry, change) for entry in told),
        min(pages, default=None),
        first.latest.cause,
        first.latest.drift_type or "",
    )


def _delay(entry: Entry, change: Change) -> float:
    """From the change to the incident's opening, or to its page where it stood open before."""
    return (entry.opened_at if entry.opened_at >= change.at else entry.paged_at or entry.opened_at) - change.at


def _entries(text: str, path: Path) -> list[Mapping[str, Any]]:
    stripped = text.lstrip()
    if not stripped.startswith(("{", "[")):
        return [{key: value for key, value in row.items() if value} for row in csv.DictReader(text.splitlines())]
    try:
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise RecordingError(f"{path} is neither JSON, nor one JSON object a line, nor CSV with a header: {error}") from None
    if isinstance(found, dict):
        found = found.get("changes", [found])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise RecordingError(f"{path}: expected a list of changes, each an object with at least `at`")
    return found


def _change(entry: Mapping[str, Any], where: str, number: int) -> Change:
    if "at" not in entry:
        raise RecordingError(f"{where} has no `at` (it has {', '.join(map(str, entry)) or 'nothing'}); known: {', '.join(KNOWN)}")
    for key in entry:
        meant = [] if key in KNOWN else difflib.get_close_matches(str(key), KNOWN, n=1, cutoff=0.75)
        if meant:  # a mistyped `cameras` would mean all of them; what is none of ours may stand beside
            raise RecordingError(f"{where} has the field {key!r}; did you mean {meant[0]!r}? Known: {', '.join(KNOWN)}")
    at = time_of(entry["at"], f"{where}: at")
    until = time_of(entry["until"], f"{where}: until") if entry.get("until") not in (None, "") else None
    if until is not None and until < at:
        raise RecordingError(f"{where}: until ({until:.0f}) lies before at ({at:.0f})")
    name = str(entry.get("name") or f"change {number}")
    cameras = _names(entry.get("cameras") or entry.get("camera") or (), where)
    return Change(name, at, until, cameras, *(str(entry.get(key) or "") for key in ("site", "cause", "type")))


def time_of(value: object, where: str) -> float:
    """Unix seconds of a number or an ISO 8601 time; one without a zone is UTC. Raises RecordingError saying `where`."""
    with suppress(TypeError, ValueError):
        seconds = float(value)  # type: ignore[arg-type]  # what is no number is tried as a time
        if math.isfinite(seconds):
            return seconds
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise RecordingError(f"{where} is {value!r}; give Unix seconds or ISO 8601, for instance 2026-10-03T06:12:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _names(value: object, where: str) -> tuple[str, ...]:
    """A list of names; in CSV they stand in one field, apart by spaces, `;` or `|`."""
    if isinstance(value, str):
        return tuple(value.replace(";", " ").replace("|", " ").replace(",", " ").split())
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise RecordingError(f"{where}: cameras is {value!r}; give a list of names, or leave it out for all")
