"""`keepsight labels next`: the frames that are worth a person's look, from the log and the frame store as they stand, and a folder to label them in."""

import csv
import io
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from contracts.events import (
    BadEventError,
    FrameLabelled,
    FrameScored,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    decode,
)
from contracts.files import Folder
from contracts.incidents import Incident
from contracts.ports import Record
from retrain.labels.formats.csv import CORNERS
from retrain.labels.pool import Pool
from retrain.labels.selection import Candidate, Pick, select
from retrain.state.sqlite import SqliteState

TABLE: Final = "labels.csv"
_STORED: Final = b'"stored":"'
"""In a FrameScored's JSON: without it the frame was not stored, and need not be decoded."""
_PRUNE_EVERY: Final = 5000


class Waiting(NamedTuple):
    """The frames that could be labelled, and the incidents that are open."""

    frames: list[Candidate]
    incidents: list[Incident]


def waiting(records: Iterable[Record], model: str) -> Waiting:
    """What the log's frames, labels and incidents so far leave to be labelled. Holds no more than the pool's bounds in memory."""
    incidents: dict[str, Incident] = {}
    with tempfile.TemporaryDirectory(prefix="keepsight-labels-") as folder:
        state = SqliteState(Path(folder) / "pool.sqlite3", model)
        try:
            with state.transaction():
                pool, added = Pool(state.sql), 0
                for record in records:
                    added += _take(record, model, pool, incidents)
                    if added >= _PRUNE_EVERY:
                        pool.prune()
                        added = 0
                pool.prune()
                faulty = frozenset(camera for one in incidents.values() if one.cause == "camera_fault" for camera in one.cameras)
                return Waiting(pool.candidates(faulty), list(incidents.values()))
        finally:
            state.close()


def chosen(found: Waiting, count: int, since: float | None, per_camera_day: int, seed: str) -> list[Pick]:
    """The frames to label next. `since` (Unix seconds) is when a change began; None: when the first of the open incidents that tell of one did."""
    changes = [one for one in found.incidents if one.cause not in ("camera_fault", "job_failed")]
    cameras: frozenset[str] = frozenset()
    if since is None and changes:
        since = min(one.since for one in changes)
        cameras = frozenset(camera for one in changes for camera in one.cameras)
    return select(found.frames, count, since, cameras, per_camera_day, seed)


def told(picks: Sequence[Pick]) -> list[str]:
    """The frames in lines for a person."""
    lines = [f"{'why':<10} {'camera':<20} {'captured':<20} {'model says':<16} frame"]
    for frame, why in picks:
        at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(frame.captured_at))
        lines.append(f"{why:<10} {frame.camera:<20} {at:<20} {frame.suggested[:16] or '-':<16} {frame.path}")
    return lines


def hand_out(
    picks: Sequence[Pick], folder: Path, read: Callable[[str], bytes], detects: bool, tick: Callable[[int, int], None]
) -> int:
    """Copy the frames into `folder`, named as they are stored, with a table whose labels are to be filled in. Returns how many are gone by retention.

    The table is no place for what the model says: who labels should look at the picture first.
    """
    to = Folder(str(folder))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    corners = [""] * len(CORNERS) if detects else []
    writer.writerow(("picture", "label", *(CORNERS if detects else ()), "labelled_by", "camera", "why"))
    gone = 0
    for done, (frame, why) in enumerate(picks):
        tick(done, len(picks))
        picture = PurePosixPath(frame.path).name
        try:
            to.write(picture, read(frame.path), durable=False)
        except FileNotFoundError:
            gone += 1
            continue
        writer.writerow((picture, "", *corners, "", frame.camera, why))
    to.write(TABLE, out.getvalue().encode())
    return gone


def _take(record: Record, model: str, pool: Pool, incidents: dict[str, Incident]) -> int:
    """Returns how many frames it added."""
    if record.value.startswith(b'{"type":"FrameScored"') and _STORED not in record.value:
        return 0
    try:
        event = decode(record)
    except BadEventError:
        return 0  # the services have put it among the dead letters
    if event.model != model:
        return 0
    match event:
        case FrameScored():
            return pool.add(event)
        case FrameLabelled():
            pool.labelled(event)
            return 1
        case IncidentOpened() | IncidentUpdated():
            incidents[event.incident.incident_id] = event.incident
        case IncidentClosed():
            incidents.pop(event.incident.incident_id, None)
    return 0
