"""The label store: every usable truth that arrived, one row a frame, and which of them may be trained on.

Idempotent by frame: the newest label wins, and a contradiction is counted. Audit frames never enter, nor frames that were not stored. Frames of a
camera with an open fault, frames captured while a camera's fault lasted, and labels that a person called wrong never enter a training request.
Whether a truth is of the model's kind and classes is for the training process to say, which knows the model.
"""

from collections.abc import Collection
from typing import Final

import msgspec

from contracts.events import FrameLabelled
from contracts.incidents import Incident
from contracts.predictions import ClassTruth
from retrain.labels.doubts import Doubts
from retrain.request import LabelledFrame
from retrain.state.database import Database

_SOUND: Final = (
    "NOT EXISTS (SELECT 1 FROM faults WHERE faults.camera = labels.camera"
    " AND labels.captured_at >= faults.since AND labels.captured_at <= faults.until)"
)
_HELD: Final = "NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.frame_id = labels.frame_id AND reviews.verdict = 'wrong')"


class Labels:
    """The labels in the service's database, and the camera faults and doubts that decide which of them may be used."""

    def __init__(self, database: Database) -> None:
        self._sql = database.sql
        self.doubts = Doubts(self._sql)

    def add(self, event: FrameLabelled) -> str:
        """Keep a label. Returns what became of it: `new`, `same`, `conflict` (another truth than before), `older` or `unusable`."""
        if event.audit or event.stored is None or event.sample is None:
            return "unusable"
        row = self._sql.execute("SELECT labelled_at, body FROM labels WHERE frame_id = ?", (event.frame_id,)).fetchone()
        if row and row[0] > event.occurred_at:
            return "older"
        standing = msgspec.json.decode(row[1], type=LabelledFrame) if row else None
        frame = LabelledFrame(
            frame_id=event.frame_id,
            camera=event.camera,
            site=event.site,
            captured_at=event.captured_at,
            path=standing.path if standing else event.stored,
            label=event.truth.label if isinstance(event.truth, ClassTruth) else "",
            truth=event.truth,
            labelled_by=event.labelled_by,
            sample=event.sample,
        )
        values = (frame.frame_id, frame.camera, frame.captured_at, frame.sample, event.occurred_at, msgspec.json.encode(frame))
        insert = (
            "INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (frame_id) DO UPDATE SET camera = excluded.camera,"
            " captured_at = excluded.captured_at, sample = excluded.sample, labelled_at = excluded.labelled_at, body = excluded.body"
        )
        self._sql.execute(insert, values)
        if standing is None:
            self._sql.execute("INSERT INTO unkept VALUES (?, ?) ON CONFLICT (frame_id) DO NOTHING", (frame.frame_id, frame.path))
            self.doubts.labelled_again(frame.frame_id, False, event.occurred_at)
            return "new"
        otherwise = standing.truth != frame.truth
        self.doubts.labelled_again(frame.frame_id, otherwise, event.occurred_at)
        return "conflict" if otherwise else "same"

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
        """Uniformly sampled labels of frames captured from `since` on that may be trained on: what a job waits for.

        Asked every tick while a job waits. 66,000 labels take 1.5 ms, 7 where cameras are barred, 21 where faults since `since` must be looked at for each.
        """
        barred = sorted(self.faulty() | frozenset(excluded))
        where = "sample = 'uniform' AND captured_at >= ?"
        if barred:
            where += f" AND camera NOT IN ({', '.join('?' * len(barred))})"
        if self._sql.execute("SELECT 1 FROM faults WHERE until >= ? LIMIT 1", (since,)).rows:
            where += f" AND {_SOUND}"
        ((count,),) = self._sql.execute(f"SELECT count(*) FROM labels WHERE {where}", (since, *barred))
        called_wrong = "reviews CROSS JOIN labels WHERE reviews.verdict = 'wrong' AND labels.frame_id = reviews.frame_id"  # few: looked up first
        ((withdrawn,),) = self._sql.execute(f"SELECT count(*) FROM {called_wrong} AND {where}", (since, *barred))
        return int(count) - int(withdrawn)

    def usable(self, excluded: Collection[str], since: float = 0.0) -> tuple[LabelledFrame, ...]:
        """The labelled frames that may be trained on, in order of capture."""
        barred = self.faulty() | frozenset(excluded)
        rows = self._sql.execute(
            f"SELECT camera, body FROM labels WHERE captured_at >= ? AND {_SOUND} AND {_HELD} ORDER BY captured_at, frame_id",
            (since,),
        )
        return tuple(msgspec.json.decode(body, type=LabelledFrame) for camera, body in rows if camera not in barred)

    def count(self) -> int:
        """All labels kept."""
        ((count,),) = self._sql.execute("SELECT count(*) FROM labels")
        return int(count)

    def unkept(self, after: str, most: int) -> list[tuple[str, str]]:
        """Labelled frames that retention can still take, by their ids from `after` on, each with its path."""
        query = "SELECT frame_id, path FROM unkept WHERE frame_id > ? ORDER BY frame_id LIMIT ?"
        return [(frame_id, path) for frame_id, path in self._sql.execute(query, (after, most))]

    def count_unkept(self) -> int:
        """Labelled frames that retention can still take."""
        ((count,),) = self._sql.execute("SELECT count(*) FROM unkept")
        return int(count)

    def expect_all(self) -> None:
        """Whatever label is there waits to be kept: those that came before an earlier release kept any."""
        frames = (msgspec.json.decode(body, type=LabelledFrame) for (body,) in self._sql.execute("SELECT body FROM labels"))
        insert = "INSERT INTO unkept VALUES (?, ?) ON CONFLICT (frame_id) DO NOTHING"
        self._sql.executemany(insert, [(frame.frame_id, frame.path) for frame in frames])

    def kept(self, frame_id: str, path: str) -> None:
        """A labelled frame lies at `path` now, where retention does not go; "" when retention was there first."""
        self._sql.execute("DELETE FROM unkept WHERE frame_id = ?", (frame_id,))
        row = self._sql.execute("SELECT body FROM labels WHERE frame_id = ?", (frame_id,)).fetchone()
        if path and row:
            frame = msgspec.structs.replace(msgspec.json.decode(row[0], type=LabelledFrame), path=path)
            self._sql.execute("UPDATE labels SET body = ? WHERE frame_id = ?", (msgspec.json.encode(frame), frame_id))
