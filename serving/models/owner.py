"""The one thread that runs models on a device. Frames that wait for the same version are run together, so that threads that decode fill its batches."""

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from serving.models.runners import Answers, Frames, Runner


@dataclass(slots=True, eq=False)
class _Job:
    runner: Runner
    frames: Frames
    done: Future[Answers] = field(default_factory=Future)


class Owner:
    """Owns device number `device`: a CUDA graph may be replayed by the thread that captured it only. The thread ends with the process."""

    def __init__(self, device: int) -> None:
        self.device = device
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name=f"device-{device}", daemon=True).start()

    def run(self, runner: Runner, frames: Frames) -> Answers:
        """What `runner` answers to the frames, waited for. Raises what it raises."""
        job = _Job(runner, frames)
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        return job.done.result()

    def _work(self) -> None:
        while True:
            _finish(self._taken())

    def _taken(self) -> list[_Job]:
        """The oldest job, with those behind it that fit into its batch."""
        with self._changed:
            while not self._jobs:
                self._changed.wait()
            jobs = [self._jobs.popleft()]
            runner, room = jobs[0].runner, jobs[0].runner.sizes[-1] - len(jobs[0].frames)
            while self._jobs and self._jobs[0].runner is runner and len(self._jobs[0].frames) <= room:
                room -= len(self._jobs[0].frames)
                jobs.append(self._jobs.popleft())
            return jobs


def _finish(jobs: list[_Job]) -> None:
    """Run the jobs' frames as one; each job gets its own rows."""
    try:
        scores, embedding = jobs[0].runner.run(jobs[0].frames if len(jobs) == 1 else np.concatenate([job.frames for job in jobs]))
    except BaseException as error:  # it belongs to those who wait for it; this thread serves every version
        for job in jobs:
            job.done.set_exception(error)
        return
    at = 0
    for job in jobs:
        end = at + len(job.frames)
        job.done.set_result((scores[at:end], embedding[at:end]))
        at = end


class OwnedRunner:
    """A Runner whose work is done by its device's owner, whoever asks."""

    def __init__(self, runner: Runner, owner: Owner) -> None:
        self.provider, self.sizes, self.warm_up_runs = runner.provider, runner.sizes, runner.warm_up_runs
        self._runner, self._owner = runner, owner

    def run(self, frames: Frames) -> Answers:
        """See Runner."""
        return self._owner.run(self._runner, frames)
