"""Is what the services must remember there, in a form that this release reads: the folder `state`, or PostgreSQL?"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contracts.errors import SettingsError
from standalone.doctor.finding import Finding
from standalone.doctor.stores import SKEW_S, nearest
from standalone.doctor.told import Told

_RESTORE = "restore it from a copy: docs/production.md"


def state(told: Told, clock: Callable[[], float] = time.time) -> Iterator[Finding]:
    """A service's state: its folder can be written, its tables can be read and are of this release. `clock` gives Unix seconds."""
    folder, name = told.shared.state, f"{told.name} state"
    there = nearest(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding("FAIL", name, f"{there} may not be written by this user", "give it the folder, or set `state`")
        return
    file = {"monitor": _monitors_file, "retrain": _retrains_file}.get(told.name, lambda _: folder)(told)
    if not told.own.get("state_url") and file.exists() and not os.access(file, os.W_OK):
        yield Finding("FAIL", name, f"{file} may not be written by this user", "give it the folder and every file in it: chown -R")
        return
    if told.own.get("state_url"):
        yield from _postgres(told, name, clock)
    elif told.name == "monitor":
        yield _monitors(told, name, _read(_monitors_file(told), "SELECT value FROM meta WHERE name = 'made for'"))
    elif told.name == "retrain":
        found = _read(_retrains_file(told), "PRAGMA user_version")
        yield _retrains(told, name, found, older_is_renewed=True)
    else:
        yield Finding("ok", name, f"{folder}, spool of at most {told.own['spool_max_bytes']:,} bytes")


def remembered(told: Told) -> Path | None:
    """A file in which services remember how far they read the log; None where there is none here yet."""
    return next((file for file in (_monitors_file(told), _retrains_file(told)) if file.exists()), None)


def _monitors_file(told: Told) -> Path:
    return told.shared.state / f"monitor-{told.shared.model}.sqlite"


def _retrains_file(told: Told) -> Path:
    return told.shared.state / "retrain" / "state.sqlite3"


def _none_yet(name: str) -> Finding:
    return Finding("ok", name, "none yet: the service makes it when it starts")


def _monitors(told: Told, name: str, found: str | None) -> Finding:
    """What the monitor's state says that it was made for, beside what these settings want. None: no tables yet."""
    wanted = f"block_frames={told.own['block_frames']}"
    if found is None:
        return _none_yet(name)
    wrote, _, made_for = found.partition(" ")
    if wrote != str(told.state_format):
        fix = "run the release that wrote it, or move the state away to judge the log anew: docs/production.md"
        return Finding("FAIL", name, f"format {wrote}, this release reads {told.state_format}", fix)
    if made_for != wanted:
        fix = "set block_frames back, or move the state away to judge the log anew"
        return Finding("FAIL", name, f"made for {made_for!r}, these settings say {wanted!r}", fix)
    return Finding("ok", name, f"readable, format {wrote}, made for {made_for!r}")


def _retrains(told: Told, name: str, found: str | None, older_is_renewed: bool) -> Finding:
    """The format of retrain's tables, beside the one that this release reads. None: no tables yet."""
    if found is None:
        return _none_yet(name)
    assert told.state_format is not None
    if int(found) < told.state_format and older_is_renewed:
        return Finding(
            "ok", name, f"format {found}: the service brings it to {told.state_format} when it starts; save a copy before"
        )
    if int(found) != told.state_format:
        fix = "run the release that made it, or restore a copy that this one reads: docs/production.md"
        return Finding("FAIL", name, f"format {found}, this release reads {told.state_format}", fix)
    return Finding("ok", name, f"readable, format {found}")


def _read(path: Path, question: str) -> str | None:
    """The one value of a SQLite file, nothing made or changed; None where there is no file. Raises SettingsError."""
    if not path.exists():
        return None
    beside = Path(f"{path}-wal").exists()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{'mode=ro' if beside else 'immutable=1'}", uri=True)) as connection:
            row = connection.execute(question).fetchone()
    except sqlite3.Error as error:
        raise SettingsError(f"{path} cannot be read: {error}; {_RESTORE}") from error
    return None if row is None else str(row[0])


def _postgres(told: Told, name: str, clock: Callable[[], float]) -> Iterator[Finding]:
    from contracts.postgres import Postgres  # its driver is an extra

    server = Postgres(told.own["state_url"], told.own["state_password"], "doctor")
    try:
        with server.transaction() as session:
            session.execute("SET TRANSACTION READ ONLY")
            before = clock()
            (theirs,) = session.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone() or (before,)
            after = clock()
            found = _monitor_row(session, told) if told.name == "monitor" else _retrain_row(session, told)
            (replica,) = session.execute("SELECT pg_is_in_recovery()").fetchone() or (False,)
    finally:
        server.close()
    if replica:
        yield Finding("FAIL", name, f"{server.name} is a standby that takes no writes", "name the primary in state_url")
        return
    yield _monitors(told, name, found) if told.name == "monitor" else _retrains(told, name, found, older_is_renewed=False)
    skew = max(before - theirs, theirs - after, 0.0)
    if skew > SKEW_S:
        yield Finding(
            "FAIL", f"clock {told.name} state", f"{server.name} is {skew:.1f} s off", "set the clocks by NTP on both machines"
        )
    else:
        yield Finding("ok", f"clock {told.name} state", f"{server.name} agrees")


def _monitor_row(session: Any, told: Told) -> str | None:
    if session.execute("SELECT to_regclass('keepsight_monitor_meta')").fetchone() == (None,):
        return None
    asked = "SELECT value FROM keepsight_monitor_meta WHERE model = %s AND name = 'made for'"
    row = session.execute(asked, (told.shared.model,)).fetchone()
    return None if row is None else str(row[0])


def _retrain_row(session: Any, told: Told) -> str | None:
    asked = "SELECT nspname FROM pg_namespace WHERE nspname = %s"
    schema = told.state_schema
    if session.execute(asked, (schema,)).fetchone() is None:
        return None
    row = session.execute(f'SELECT format FROM "{schema}".about').fetchone()
    return None if row is None else str(row[0])
