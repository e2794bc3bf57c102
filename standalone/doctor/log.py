"""Is the log there, with the topics as docs/kafka.md wants them, and may each service do there what it must?"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from contracts.events import SERVING, TOPICS
from contracts.log import open_bus
from contracts.log_embedded_store import FILE_NAME, answering
from standalone.doctor.finding import Finding
from standalone.doctor.state import remembered
from standalone.doctor.stores import SKEW_S, nearest
from standalone.doctor.told import Told

_READ_S: Final = 1.0


def log(told: Told) -> Iterator[Finding]:
    """A service's view of the log, as its own user."""
    if told.shared.log.startswith("embedded:"):
        yield from _embedded(told)
    else:
        from standalone.doctor.kafka import kafka  # a heavy import that an embedded house never pays for

        yield from kafka(told)


def folder_of_log(url: str) -> Path | None:
    """The embedded log's folder; None on Kafka."""
    return Path(unquote(urlsplit(url).path)) if url.startswith("embedded:") else None


def log_clock(told: Told, now: float) -> Iterator[Finding]:
    """Whether the newest report of a server lies in the future: whoever wrote it, or the log, is ahead of this machine. `now` is Unix seconds."""
    folder = folder_of_log(told.shared.log)
    if folder is not None and not _has(folder, SERVING):
        return  # to look would make it; what is not there is told by `log`
    bus = open_bus(told.shared.log, "keepsight-doctor", told.shared.log_security)
    try:
        reader = bus.reader(None, [SERVING], lambda _place: -1)
        try:
            newest = max((record.time_ms / 1000 for record in reader.poll(_READ_S)), default=None)
        finally:
            reader.close()
    finally:
        bus.close()
    if newest is None:
        yield Finding("ok", "clock log", "no server has reported in the last day: nothing to compare with")
    elif newest - now > SKEW_S:
        yield Finding(
            "FAIL", "clock log", f"the newest record is {newest - now:.1f} s in the future", "set the clocks by NTP on all machines"
        )
    else:
        yield Finding("ok", "clock log", f"newest record {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(newest))}")


def _embedded(told: Told) -> Iterator[Finding]:
    open_bus(told.shared.log).close()  # its URL, checked
    folder, name = folder_of_log(told.shared.log), f"{told.name} log"
    assert folder is not None
    file = folder / FILE_NAME
    there = nearest(file)
    if not os.access(there, os.W_OK) or not os.access(there if there.is_dir() else there.parent, os.W_OK | os.X_OK):
        yield Finding("FAIL", name, f"{there} may not be written by this user", "give it the folder and every file in it: chown -R")
        return
    if not file.exists():
        if known := remembered(told):
            fix = "mount its disk, or restore it from a copy: docs/production.md; services that start make an empty one"
            yield Finding("FAIL", name, f"{file} is not there, though {known} remembers one", fix)
        else:
            yield Finding("warn", name, f"{file} is not there yet", "the first service that starts makes it; else set `log`")
        return
    with answering(folder):
        there_is = _topics(file)
    if missing := [topic.name for topic in TOPICS if topic.name not in there_is]:
        yield Finding(
            "warn", name, f"topics are missing: {', '.join(missing)}", "each service makes its own when it starts: start them"
        )
        return
    differing = [topic.name for topic in TOPICS if there_is[topic.name] != (topic.partitions, topic.retention_s, topic.compacted)]
    if differing:
        yield Finding(
            "warn",
            name,
            f"{', '.join(differing)} stand otherwise than this release makes them",
            "docs/kafka.md says how; they work on",
        )
    else:
        yield Finding("ok", name, f"{len(TOPICS)} topics in {file}, {file.stat().st_size:,} bytes")


def _has(folder: Path, topic: str) -> bool:
    """Whether an embedded log is there, with a topic. Raises LogError."""
    if not (folder / FILE_NAME).exists():
        return False
    with answering(folder):
        return topic in _topics(folder / FILE_NAME)


def _topics(file: Path) -> dict[str, tuple[int, float | None, bool]]:
    """Partitions, retention in seconds and compaction of each topic, read without making or changing anything."""
    beside = Path(f"{file}-wal").exists()
    with closing(sqlite3.connect(f"file:{quote(str(file))}?{'mode=ro' if beside else 'immutable=1'}", uri=True)) as connection:
        rows = connection.execute(
            "SELECT name, (SELECT count(*) FROM places WHERE topic = name), retention_s, compacted FROM topics"
        ).fetchall()
    return {name: (partitions, retention, bool(compacted)) for name, partitions, retention, compacted in rows}
