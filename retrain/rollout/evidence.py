"""The tables of the rollout: the rollouts themselves, what each camera showed, and which version answered which frame how."""

from collections.abc import Mapping

import msgspec

from retrain.rollout.guards import CameraShare
from retrain.rollout.states import Rollout
from retrain.state.database import Database


class Rollouts:
    """Rollouts and their evidence in the service's database."""

    def __init__(self, database: Database) -> None:
        self._sql = database.sql

    def newest(self) -> Rollout | None:
        """The last one that began."""
        row = self._sql.execute("SELECT body FROM rollouts ORDER BY sequence DESC LIMIT 1").fetchone()
        return msgspec.json.decode(row[0], type=Rollout) if row else None

    def save(self, rollout: Rollout) -> None:
        """Write a rollout as it is now; a version that was not there yet becomes the newest."""
        row = (rollout.version, msgspec.json.encode(rollout))
        query = "INSERT INTO rollouts (version, body) VALUES (?, ?) ON CONFLICT (version) DO UPDATE SET body = excluded.body"
        self._sql.execute(query, row)

    def camera(self, camera: str) -> tuple[float, CameraShare]:
        """When a camera was last seen in this rollout (0: never) and what it showed."""
        row = self._sql.execute("SELECT last_seen, body FROM cameras WHERE camera = ?", (camera,)).fetchone()
        return (row[0], msgspec.json.decode(row[1], type=CameraShare)) if row else (0.0, CameraShare())

    def save_cameras(self, cameras: Mapping[str, tuple[float, CameraShare]]) -> None:
        """Write what the cameras showed."""
        rows = [(camera, seen, msgspec.json.encode(share)) for camera, (seen, share) in cameras.items()]
        insert = "INSERT INTO cameras VALUES (?, ?, ?) ON CONFLICT (camera) DO UPDATE SET last_seen = excluded.last_seen, body = excluded.body"
        self._sql.executemany(insert, rows)

    def live(self, since: float) -> list[str]:
        """The cameras whose last frame was received at `since` or later."""
        return [row[0] for row in self._sql.execute("SELECT camera FROM cameras WHERE last_seen >= ?", (since,))]

    def answer(self, frame_id: str, version: str) -> str | None:
        """What a version said of a frame, if it is remembered."""
        row = self._sql.execute("SELECT label FROM answers WHERE frame_id = ? AND version = ?", (frame_id, version)).fetchone()
        return row[0] if row else None

    def save_answer(self, frame_id: str, version: str, label: str, now: float) -> None:
        """Remember what a version said of a frame until the other version's answer arrives."""
        insert = "INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (frame_id, version) DO NOTHING"
        self._sql.execute(insert, (frame_id, version, label, now))

    def forget_answers(self, before: float) -> None:
        """Let answers go whose counterpart never came."""
        self._sql.execute("DELETE FROM answers WHERE at < ?", (before,))

    def clear_evidence(self, version: str) -> None:
        """A new rollout, of `version`, begins with nothing."""
        self._sql.execute("DELETE FROM rollouts WHERE version = ?", (version,))
        self._sql.execute("DELETE FROM cameras")
        self._sql.execute("DELETE FROM answers")
