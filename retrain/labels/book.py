"""The label store: every usable truth that arrived, one row a frame, and which of them may be trained on.

Idempotent by frame: the newest label wins, and a contradiction is counted. Audit frames never enter, nor frames that were not stored. Frames of a
camera with an open fault, and frames captured while a camera's fault lasted, never enter a training request.
"""

from collections.abc import Collection
from typing import Final

import msgspec

from contracts.events import FrameLabelled
from contracts.incidents import Incident
from contracts.predictions import ClassTruth
from retrain.request import LabelledFrame
from retrain.state.database import Database

_SOUND: Final = (
    "NOT EXISTS (SELECT 1 FROM faults WHERE faults.camera = labels.camera"
    " AND labels.captured_at >= faults.since AND labels.captured_at <= faults.until)"
)


class Labels:
    """The labels in the service's database, and the camera faults that decide which of them may be used."""

    def __init__(self, database: Database) -> None:
        self._sql = database.sql

    def add(self, event: FrameLabelled) -> str:
        """Keep a label. Returns what became of it: `new`, `same`, `conflict` (another truth than before), `older` or `unusable`."""
        if event.audit or event.stored is None or event.sample is None or not isinstance(event.truth, ClassTruth):
            return "unusable"
        standing = self._sql.execute("SELECT labelled_at, body FROM labels WHERE frame_id = ?", (event.frame_id,)).fetchone()
        label = event.truth.label
        if standing and standing[0] > event.occurred_at:
            return "older"
        frame = LabelledFrame(
            frame_id=event.frame_id,
            camera=event.camera,
            site=event.site,
            captured_at=event.captured_at,
            path=event.stored,
            label=label,
            truth=event.truth,
            labelled_by=event.labelled_by,
            sample=event.sample,
        )
        row = (frame.frame_id, frame.camera, frame.captured_at, frame.sample, event.occurred_at, msgspec.json.encode(frame))
        insert = (
            "INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (frame_id) DO UPDATE SET camera = excluded.camera,"
            " captured_at = excluded.captured_at, sample = excluded.sample, labelled_at = excluded.labelled_at, body = excluded.body"
        )
        self._sql.execute(insert, row)
        if not standing:
            return "new"
        return "same" if msgspec.json.decode(standing[1], type=LabelledFrame).label == label else "conflict"

    def fault(self, incident: Incident, until: float | None) -> None:
        """A camera fault as its incident tells it now; `until` None while it is open."""
        self._sql.execute("DELETE FROM faults WHERE incident_id = ?", (incident.incident_id,))
        rows = [(incident.incident_id, camera, incident.since, until) for camera in incident.cameras]
        self._sql.executemany("INSERT INTO faults VALUES (?, ?, ?, ?)", rows)

    def no_fault(self, incident_id: str) -> None:
        """It was none: a false alarm, or an incident that turned out to have another cause."""
        self._sql.execute("DELETE FROM faults WHERE incident_id = ?", (incident_id,))

    def faulty(self) -> frozenset[str]:
        """The cameras with an open fault."""
        return frozenset(row[0] for row in self._sql.execute("SELECT camera FROM faults WHERE until IS NULL"))

    def count_new(self, since: float, excluded: Collection[str]) -> int:
        """Uniformly sampled labels of frames captured from `since` on that may be trained on: what a job waits for."""
        barred = self.faulty() | frozenset(excluded)
        query = f"SELECT camera, count(*) FROM labels WHERE sample = 'uniform' AND captured_at >= ? AND {_SOUND} GROUP BY camera"
        return sum(count for camera, count in self._sql.execute(query, (since,)) if camera not in barred)

    def usable(self, excluded: Collection[str], since: float = 0.0) -> tuple[LabelledFrame, ...]:
        """The labelled frames that may be trained on, in order of capture."""
        barred = self.faulty() | frozenset(excluded)
        rows = self._sql.execute(
            f"SELECT camera, body FROM labels WHERE captured_at >= ? AND {_SOUND} ORDER BY captured_at, frame_id", (since,)
        )
        return tuple(msgspec.json.decode(body, type=LabelledFrame) for camera, body in rows if camera not in barred)

    def count(self) -> int:
        """All labels kept."""
        ((count,),) = self._sql.execute("SELECT count(*) FROM labels")
        return int(count)
