"""Starts training processes as Kubernetes Jobs, through the official client. Creating one twice is harmless: its name follows from job, round and attempt.

The job's folder lies on a volume that service and pods mount at the same path; what the process says is read there, as on one host (trail.py). The API is
asked whether it lives, every few seconds. Rights: `jobs` create, get and delete, `pods` list, in one namespace (docs/kubernetes-jobs.md).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from contracts.errors import StoreError
from retrain.launch import kubernetes_status as status
from retrain.launch.kubernetes_api import Api
from retrain.launch.kubernetes_job import FOLDER, NAME, Cluster, job_name, manifest
from retrain.launch.launcher import Death, Progress
from retrain.launch.trail import Trail
from retrain.request import CandidateOutcome

CANDIDATE: Final = ("python", "-m", "retrain.trainer.candidate")
_LOOK_S: Final = 5.0
"""Between two looks at a Job."""
_SETTLES_S: Final = 75.0
"""How long the outcome of a Job that ended well is looked for: NFS shows a new file after `acdirmax`, by default 60 s, at the latest."""


@dataclass(slots=True)
class KubernetesRun:
    """A Job, ours or found. `gone`: it ended before we asked for it; `stopped`: we deleted it; `looked_s` is when we looked at it last, by `clock`."""

    api: Api
    name: str
    trail: Trail
    clock: Callable[[], float]
    gone: bool = False
    stopped: bool = False
    looked_s: float = float("-inf")
    _well_s: float | None = None
    """Since when it is known to have ended otherwise than by failing, and its outcome is looked for."""
    _job: dict[str, Any] | None = None
    _pods: list[dict[str, Any]] = field(default_factory=list)
    _away: str = ""
    """What the last look got instead of an answer."""

    def ended(self) -> bool:
        """Whether the Job came to an end, or is no more."""
        if not self.gone and self.clock() - self.looked_s >= _LOOK_S:
            self._away = ""
            try:
                self._job, self._pods = self.api.job(self.name), self.api.pods(self.name)
                self.gone = self._over()
            except StoreError as error:
                self._away = str(error)  # and asked again after a while: a call may take seconds, and the turn waits
            self.looked_s = self.clock()
        if self._away:
            raise StoreError(self._away)
        return self.gone

    def _over(self) -> bool:
        """Whether it ended and all that it left can be seen: what ended well, or while nobody looked, has an outcome, or is waited for a while.

        One that we deleted stays until its pods are gone.
        """
        if self.stopped:
            return self._job is None
        end = status.condition(self._job) if self._job is not None else {}
        if end is None:
            return False
        if end.get("type") == "Failed" or self.trail.answered():
            return True
        if self._well_s is None:
            self._well_s = self.clock()
        return self.clock() - self._well_s >= _SETTLES_S

    def waits(self) -> str:
        """Why its pod has not begun."""
        return "" if self.gone or not self._pods else status.waiting(self._pods[-1])

    def progress(self, read: int) -> Progress:
        """The steps after `read` bytes."""
        return self.trail.progress(read)

    def outcome(self) -> CandidateOutcome | None:
        """What it answered, once it ended; None when it died before."""
        return self.trail.outcome()

    def death(self) -> Death:
        """How a Job that left no outcome ended."""
        if self._job is None:
            return Death("vanished", f"its Job {self.name} was deleted, or ended while the service was away")
        return status.death(self.name, self._job, self._pods)

    def last_words(self) -> str:
        """The end of its standard error; of a container that never came so far, what the cluster kept of it."""
        said = self.trail.last_words()
        return said or (str(status.terminated(self._pods[-1]).get("message") or "").strip() if self._pods else "")

    def stop(self, grace_s: float) -> None:
        """Delete the Job, whose manifest says how long its pod gets. It has ended when its pod is gone: the next one trains in the same folder."""
        self.api.delete(self.name)
        self.stopped, self.looked_s = True, float("-inf")

    def abandon(self, grace_s: float) -> None:
        """It goes on: whoever owns the state next finds it by its name."""


class KubernetesLauncher:
    """Starts training processes in a cluster: `command` with the job's folder as its last argument."""

    def __init__(
        self,
        cluster: Cluster,
        command: Sequence[str] = CANDIDATE,
        clock: Callable[[], float] = time.monotonic,
        connect: Callable[[Cluster], Api] = Api,
    ) -> None:
        """Raises SettingsError where there is no way to a cluster."""
        self._cluster = cluster
        self._command = command
        self._clock = clock
        self._api = connect(cluster)

    def open(self, folder: str, name: str) -> KubernetesRun:
        """As in launcher.py; `folder` is a path on the shared volume."""
        run = KubernetesRun(self._api, job_name(name), Trail(Path(folder)), self._clock)
        if run.trail.answered():
            run.gone = True
            return run
        if self._api.create(manifest(self._cluster, name, folder, self._command)):
            run.looked_s = self._clock()
        else:
            self._adopt(run.name, name, folder)
        return run

    def find(self, folder: str, name: str) -> KubernetesRun | None:
        """As in launcher.py. One that is deleted is found until its pods are gone."""
        job = self._api.job(job_name(name))
        if job is None or status.condition(job) is not None or not _ours(job, name, folder):
            return None
        return KubernetesRun(self._api, job_name(name), Trail(Path(folder)), self._clock)

    def _adopt(self, job: str, name: str, folder: str) -> None:
        """The Job of this name is the one that another life of the service created. Raises StoreError when it is somebody else's."""
        found = self._api.job(job)
        if found is None:
            raise StoreError(f"Job {job} was there and is gone: it is created anew with the next look")
        if not _ours(found, name, folder):
            notes = found["metadata"].get("annotations") or {}
            raise StoreError(
                f"Job {job} in namespace {self._api.namespace} is not ours (its annotations name {notes.get(NAME)!r} in "
                f"{notes.get(FOLDER)!r}): delete it, or set another kubernetes_namespace"
            )


def _ours(job: dict[str, Any], name: str, folder: str) -> bool:
    notes = job["metadata"].get("annotations") or {}
    return (notes.get(NAME), notes.get(FOLDER)) == (name, folder)
