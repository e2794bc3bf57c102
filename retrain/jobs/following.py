"""What a training process says while it runs, step by step, becomes events and figures."""

from collections.abc import Callable

import msgspec

from retrain.job import Job
from retrain.jobs import telling
from retrain.launch.launcher import Progress
from retrain.metrics import Instruments
from retrain.request import Step
from retrain.state.journal import Journal

_PROGRESS_EVERY_S = 1.0


class Following:
    """Follows one process at a time; `monotonic` measures how long each stage takes."""

    def __init__(self, journal: Journal, instruments: Instruments, monotonic: Callable[[], float]) -> None:
        self._journal = journal
        self._instruments = instruments
        self._monotonic = monotonic
        self._said_s = 0.0
        self._stage: tuple[str, float] | None = None

    def read(self, progress: Progress, job: Job, now: float) -> Job:
        """The job after its process's newest steps: each new one is told at once, progress within one now and then."""
        steps, read = progress
        for index, step in enumerate(steps):
            fresh = step.step != job.step
            job = msgspec.structs.replace(job, step=step.step)
            if fresh or (index == len(steps) - 1 and self._monotonic() - self._said_s >= _PROGRESS_EVERY_S):
                self._said_s = self._monotonic()
                telling.progressed(self._journal, job, f"{step.progress:.0%} {step.detail}".strip(), now, step)
            if fresh:
                self.stage(step.step)
            self._instruments.progress.set(step.progress)
            for figure, value in step.metrics.items():
                self._instruments.figures.labels(self._instruments.bounded(figure)).set(value)
        return msgspec.structs.replace(job, steps_read=read)

    def waits(self, why: str, job: Job, now: float) -> Job:
        """The job with why its process has not begun, where that is known; told once."""
        if not why or why == job.detail:
            return job
        told = msgspec.structs.replace(job, detail=why)
        telling.progressed(self._journal, told, why, now, Step("waiting", 0.0, why))
        return told

    def stage(self, name: str | None) -> None:
        """A stage begins, and the one before has ended; None: there is no further one."""
        if self._stage is not None:
            before, since = self._stage
            self._instruments.stage_seconds.labels(self._instruments.bounded(before)).observe(self._monotonic() - since)
        self._stage = (name, self._monotonic()) if name else None

    def lost(self) -> None:
        """The process died: how long its stage would have taken nobody knows."""
        self._stage = None
