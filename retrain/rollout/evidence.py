"""The tables of the rollout: the rollouts themselves, what each camera showed, which version answered which frame how, and each server's last report."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

import msgspec

from contracts.events import ServingReported
from retrain.rollout.guards import CameraShare
from retrain.rollout.states import Rollout
from retrain.state.connection import Value
from retrain.state.database import Database

_ROWS: Final = 500
"""In one statement: four values each are far from what a statement may hold (SQLite 32,766, PostgreSQL 65,535)."""
_T = TypeVar("_T")


class Answer(NamedTuple):
    """What a version said of a frame (see comparison.py), and when that is known (Unix seconds)."""

    frame_id: str
    version: str
    label: str
    at: float


class Rollouts:
    """Rollouts and their evidence in the service's database."""

    def __init__(self, database: Database) -> None:
        self._sql = database.sql

    def newest(self) -> Rollout | None:
        """The last one that began."""
        row = self._sql.execute("SELECT body FROM rollouts ORDER BY sequence DESC LIMIT 1").fetchone()
        return msgspec.json.decode(row[0], type=Rollout) if row else None

    def of(self, version: str) -> Rollout | None:
        """A version's rollout, the last it had."""
        row = self._sql.execute("SELECT body FROM rollouts WHERE version = ?", (version,)).fetchone()
        return msgspec.json.decode(row[0], type=Rollout) if row else None

    def save(self, rollout: Rollout) -> None:
        """Write a rollout as it is now; a version that was not there yet becomes the newest."""
        row = (rollout.version, msgspec.json.encode(rollout))
        query = "INSERT INTO rollouts (version, body) VALUES (?, ?) ON CONFLICT (version) DO UPDATE SET body = excluded.body"
        self._sql.execute(query, row)

    def cameras(self, names: Collection[str]) -> dict[str, tuple[float, CameraShare]]:
        """When each camera was last seen in this rollout (0: never) and what it showed."""
        found: dict[str, tuple[float, CameraShare]] = {name: (0.0, CameraShare()) for name in sorted(names)}
        for some in _pieces(found):
            query = f"SELECT camera, last_seen, body FROM cameras WHERE camera IN ({_marks(some)})"
            for camera, seen, body in self._sql.execute(query, some):
                found[camera] = (seen, msgspec.json.decode(body, type=CameraShare))
        return found

    def save_cameras(self, cameras: Mapping[str, tuple[float, CameraShare]]) -> None:
        """Write what the cameras showed."""
        for some in _pieces(cameras.items()):
            rows = [(camera, seen, msgspec.json.encode(share)) for camera, (seen, share) in some]
            insert = (
                f"INSERT INTO cameras (camera, last_seen, body) VALUES {_tuples(rows)}"
                " ON CONFLICT (camera) DO UPDATE SET last_seen = excluded.last_seen, body = excluded.body"
            )
            self._sql.execute(insert, _flat(rows))

    def live(self, since: float) -> list[str]:
        """The cameras whose last frame was received at `since` or later."""
        return [row[0] for row in self._sql.execute("SELECT camera FROM cameras WHERE last_seen >= ?", (since,))]

    def remember(self, answers: Sequence[Answer]) -> set[tuple[str, str]]:
        """Keep what versions said of frames. Returns the frames and versions of which nothing was kept yet: the others are repeats."""
        new: set[tuple[str, str]] = set()
        for some in _pieces(answers):
            insert = (
                f"INSERT INTO answers (frame_id, version, label, at) VALUES {_tuples(some)}"
                " ON CONFLICT (frame_id, version) DO NOTHING RETURNING frame_id, version"
            )
            new.update((frame_id, version) for frame_id, version in self._sql.execute(insert, _flat(some)))
        return new

    def remembered(self, frame_ids: Collection[str]) -> dict[tuple[str, str], str]:
        """What is kept of frames, by frame and version."""
        found: dict[tuple[str, str], str] = {}
        for some in _pieces(frame_ids):
            query = f"SELECT frame_id, version, label FROM answers WHERE frame_id IN ({_marks(some)})"
            found.update({(frame_id, version): label for frame_id, version, label in self._sql.execute(query, some)})
        return found

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


def _pieces(many: Collection[_T]) -> Iterator[list[_T]]:
    """As much at a time as one statement takes."""
    left = iter(many)
    while some := list(islice(left, _ROWS)):
        yield some


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _tuples(rows: Sequence[Sequence[object]]) -> str:
    return ", ".join([f"({_marks(rows[0])})"] * len(rows))


def _flat(rows: Sequence[Sequence[Value]]) -> list[Value]:
    return [value for row in rows for value in row]
