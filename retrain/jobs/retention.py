"""What is left of jobs that are over: their folders, each some hundred megabytes, go after a month; the newest stay, whatever their age. With them goes what
versions that were never finished left in the repository (registry/leftovers.py).

Rows, ledger and published versions stay. A folder that belongs to no job of ours is left alone: services of other models may share the place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.errors import StoreError, VersionError
from contracts.files import Folder
from contracts.logs import Logger
from retrain.job import Job
from retrain.jobs.asking import Requests
from retrain.jobs.table import Jobs
from retrain.registry.leftovers import Leftovers
from retrain.registry.publish import chosen

NEWEST: Final = 10
KEPT_S: Final = 30 * 86_400.0
_EVERY_S: Final = 3600.0


def outdated(jobs: Sequence[Job], now: float) -> tuple[Job, ...]:
    """Those of `jobs`, oldest first, whose folder may go; `now` is Unix seconds."""
    return tuple(job for job in jobs[:-NEWEST] if job.over and (job.finished_at or job.created_at) < now - KEPT_S)


@dataclass(slots=True)
class Retention:
    """Looks once an hour by `monotonic`, outside of any transaction: removing takes its time."""

    requests: Requests
    jobs: Jobs
    leftovers: Leftovers
    log: Logger
    monotonic: Callable[[], float]
    _next_s: float = float("-inf")

    def look(self, now: float) -> None:
        """Remove what is outdated. What cannot be removed is said, and tried again an hour later. Raises TakenOverError."""
        if self.monotonic() < self._next_s:
            return
        self._next_s = self.monotonic() + _EVERY_S
        for clear in (self._leftovers, self._folders):
            try:
                clear(now)
            except (StoreError, VersionError) as error:
                self.log.warning("leftovers_stay", why=str(error))

    def _leftovers(self, now: float) -> None:
        staged = (chosen(self.requests.folder(job)) for job in self.jobs.unfinished())
        self.leftovers.look(now, {version for version in staged if version is not None})

    def _folders(self, now: float) -> None:
        folder = Folder(self.requests.url)
        ours = [job for name in folder.names() if (job := self.jobs.get(name)) is not None]
        for job in outdated(ours, now):
            folder.remove(job.job_id)
            self.log.info("job_folder_removed", job=job.job_id, state=job.state)
