"""The table of training jobs: what was asked, and where each stands. One job a model runs at a time. And how often each recording has judged."""

from collections.abc import Iterable
from typing import Final

import msgspec

from retrain.job import OVER, WAITING, Job
from retrain.state.database import Database

RECENT: Final = 500
"""Ended jobs that the policy looks at: at one an hour those of three weeks, longer than any cooldown."""
_UNFINISHED: Final = f"state NOT IN ({', '.join(repr(state) for state in OVER)})"


class Jobs:
    """The jobs in the service's database."""

    def __init__(self, database: Database) -> None:
        self._sql = database.sql

    def save(self, job: Job) -> Job:
        """Write a job as it is now."""
        insert = (
            "INSERT INTO jobs VALUES (?, ?, ?, ?) ON CONFLICT (job_id) DO UPDATE"
            " SET request_key = excluded.request_key, state = excluded.state, body = excluded.body"
        )
        self._sql.execute(insert, (job.job_id, job.request_key, job.state, msgspec.json.encode(job)))
        return job

    def get(self, job_id: str) -> Job | None:
        """One job."""
        return next(iter(self._jobs("WHERE job_id = ?", job_id)), None)

    def unfinished(self) -> tuple[Job, ...]:
        """Every job that has not ended, oldest first (ids sort by time)."""
        return self._jobs(f"WHERE {_UNFINISHED} ORDER BY job_id")

    def recent(self, most: int | None = None) -> tuple[Job, ...]:
        """Every job that has not ended and the newest `most` (RECENT) of all, oldest first."""
        newest = "SELECT job_id FROM jobs ORDER BY job_id DESC LIMIT ?"
        return self._jobs(f"WHERE {_UNFINISHED} OR job_id IN ({newest}) ORDER BY job_id", most or RECENT)

    def active(self, request_key: str) -> Job | None:
        """The unfinished job of an episode."""
        return next((job for job in self.unfinished() if job.request_key == request_key), None)

    def running(self) -> Job | None:
        """The one that trains now."""
        return next(iter(self._jobs("WHERE state = 'running' ORDER BY job_id LIMIT 1")), None)

    def waiting(self) -> tuple[Job, ...]:
        """Those that wait for their turn or for labels, oldest first."""
        return self._jobs("WHERE state IN (?, ?) ORDER BY job_id", *WAITING)

    def to_end(self, name: str, folder: str) -> None:
        """The process `name` in the folder at a URL is to end: whoever owns the state sees to it until it is gone."""
        self._sql.execute("INSERT INTO ending VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, folder))

    def ending(self) -> list[tuple[str, str]]:
        """The processes that are to end, and their folders."""
        return [(name, folder) for name, folder in self._sql.execute("SELECT name, folder FROM ending ORDER BY name")]

    def gone(self, name: str) -> None:
        """The process `name` has ended."""
        self._sql.execute("DELETE FROM ending WHERE name = ?", (name,))

    def gate_uses(self) -> dict[str, int]:
        """How many verdicts each recording has given."""
        return dict(self._sql.execute("SELECT recording, verdicts FROM gate_uses ORDER BY recording"))

    def most_gate_uses(self) -> int:
        """The verdicts of the recording that gave most."""
        ((most,),) = self._sql.execute("SELECT max(verdicts) FROM gate_uses")
        return int(most or 0)

    def count_verdict(self, recordings: Iterable[str]) -> None:
        """A verdict rests on these recordings."""
        insert = "INSERT INTO gate_uses VALUES (?, 1) ON CONFLICT (recording) DO UPDATE SET verdicts = gate_uses.verdicts + 1"
        self._sql.executemany(insert, [(name,) for name in recordings])

    def mark_rolled_back(self, job_id: str) -> None:
        """Its version was taken back, or refused: to the policy it is a run that failed."""
        job = self.get(job_id)
        if job is not None:
            self.save(msgspec.structs.replace(job, rolled_back=True))

    def _jobs(self, which: str, *values: str | int) -> tuple[Job, ...]:
        rows = self._sql.execute(f"SELECT body FROM jobs {which}", values)
        return tuple(msgspec.json.decode(body, type=Job) for (body,) in rows)
