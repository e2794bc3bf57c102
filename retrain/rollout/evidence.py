"""The tables of the rollout: the rollouts themselves, what each camera showed, which version answered which frame how, and each server's last report."""

from collections.abc import Mapping

import msgspec

from contracts.events import ServingReported
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

    def had(self, version: str) -> bool:
        """Whether a version had a rollout."""
        return self._sql.execute("SELECT 1 FROM rollouts WHERE version = ?", (version,)).fetchone() is not None

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

    def reports(self) -> dict[str, ServingReported]:
        """The last report of every server, by its name."""
        rows = self._sql.execute("SELECT replica, body FROM replicas ORDER BY replica")
        return {replica: msgspec.json.decode(body, type=ServingReported) for replica, body in rows}

    def report(self, replica: str) -> ServingReported | None:
        """A server's last report."""
        row = self._sql.execute("SELECT body FROM replicas WHERE replica = ?", (replica,)).fetchone()
        return msgspec.json.decode(row[0], type=ServingReported) if row else None

    def save_report(self, report: ServingReported) -> None:
        """Write a server's last report; one that leaves is forgotten."""
        if report.leaving:
            self.forget_server(report.replica)
            return
        insert = "INSERT INTO replicas VALUES (?, ?) ON CONFLICT (replica) DO UPDATE SET body = excluded.body"
        self._sql.execute(insert, (report.replica, msgspec.json.encode(report)))

    def forget_server(self, replica: str) -> None:
        """A server is no more."""
        self._sql.execute("DELETE FROM replicas WHERE replica = ?", (replica,))
