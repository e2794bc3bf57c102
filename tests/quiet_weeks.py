"""Four weeks of a line, through the monitor's real judgement and the retrain service's real intake and policy, beside what people write themselves.

Three cameras send a frame every 100 seconds; a label of every 26th frame comes at once, some 100 a day. Errors come in clusters: an hour in ten has 25 % of
them, the others 3 %, which is 5.2 % together, what the version's benchmark has. All settings are the defaults. After a start the next version is trained in two
hours and answers at once, because what is asked here is how often one starts.

Beside it a raw threshold: every four hours, is the accuracy of the newest 100 labels more than 3 points below the benchmark's? And the same with a cooldown
of a day. `python -m tests.quiet_weeks` prints the table of docs/retraining.md.
"""

import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry

from contracts.events import AnyEvent, FrameLabelled, FrameScored, IncidentClosed, RetrainRequested, RolloutAdvanced
from contracts.ids import new_id
from contracts.logs import Logger
from contracts.repository import ModelRepository
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standards
from retrain.__main__ import training_request
from retrain.jobs.asking import Requests
from retrain.jobs.conclusion import Conclusions
from retrain.jobs.intake import Intake
from retrain.jobs.new_class import NewClasses
from retrain.jobs.starting import Starts
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.metrics import Instruments
from retrain.settings import RetrainSettings
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.sqlite import SqliteState
from retrain.trigger.new_class import Enough
from tests.monitor_line import MODEL, Line, usual
from tests.small_model import photographs, set_channels

DAYS: Final = 28
HOUR_S: Final = 3600.0
CAMERAS: Final = ("cam-1", "cam-2", "cam-3")
EVERY_S: Final = 100.0
LABELLED: Final = 26
CALM, ROUGH, ROUGH_SHARE = 0.03, 0.25, 0.1
LOOK_H: Final = 4
NEWEST: Final = 100
BELOW: Final = 0.03
COOLDOWN_H: Final = 24
TRAINED_H: Final = 2


class Counted(NamedTuple):
    """How often each started; `hours` are ours."""

    raw: int
    cooldown: int
    ours: int
    hours: tuple[int, ...]


class Weeks:
    """A line, a judge and a desk that takes requests. `change_h` are hours in which the error rises to 30 %, until another version answers."""

    def __init__(self, folder: Path, seed: int, change_h: tuple[int, ...] = ()) -> None:
        self.line = Line(folder, step_s=EVERY_S / len(CAMERAS))
        self.random = np.random.default_rng(seed)
        self.change_h = change_h
        policy = Policy()
        repository = ModelRepository(self.line.url)
        self.judge = Judge(MODEL, policy, Memory(), Standards(repository, MODEL, policy))
        self.database = Database(SqliteState(folder / "state.sqlite3", MODEL), "test")
        settings = RetrainSettings(model=MODEL)
        journal = Journal(self.database, MODEL, Logger("test"))
        self.jobs, self.labels = Jobs(self.database), Labels(self.database)
        instruments = Instruments(CollectorRegistry())
        requests = Requests(training_request(settings), str(folder / "jobs"), self.jobs, self.labels)
        conclusions = Conclusions(
            self.jobs, journal, repository, instruments, requests, settings.attempts, 0.0, settings.labels_more
        )
        limits = settings.limits()
        self.starts = Starts(limits, "us", self.jobs, self.labels, journal, repository, instruments, conclusions)
        new = NewClasses(MODEL, (), Enough(1, 1), self.database, self.labels, lambda: None)
        self.intake = Intake(
            MODEL, self.jobs, self.labels, journal, 1.0, limits.labels_wanted, new, self.starts.champion, lambda: self.line.now
        )
        benchmark = repository.manifest(MODEL, "1").benchmark
        assert benchmark is not None
        self.benchmark = benchmark.accuracy.value
        self.version, self.changed = "1", False
        self.newest: deque[bool] = deque(maxlen=NEWEST)

    def run(self, days: int) -> Counted:
        """So many days."""
        raw, cooled, ours = 0, [-COOLDOWN_H], list[int]()
        for hour in range(days * 24):
            self.changed = self.changed or hour in self.change_h
            self._frames(0.3 if self.changed else ROUGH if self.random.random() < ROUGH_SHARE else CALM)
            if hour % LOOK_H == 0 and len(self.newest) == NEWEST and np.mean(self.newest) < self.benchmark - BELOW:
                raw += 1
                if hour - cooled[-1] >= COOLDOWN_H:
                    cooled.append(hour)
            with self.database.transaction():
                self._retrain(hour, ours)
        self.database.close()
        return Counted(raw, len(cooled) - 1, len(ours), tuple(ours))

    def _frames(self, error: float) -> None:
        for _ in range(round(HOUR_S / EVERY_S)):
            for camera in CAMERAS:
                frame = self.line.frame(camera, usual(), self.version)
                self._judge(frame)
                if self.line._number % LABELLED == 0:
                    right = bool(self.random.random() >= error)
                    self.newest.append(right)
                    self._judge(self.line.label(frame, right, stored=f"{frame.frame_id}.jpeg"))

    def _judge(self, event: FrameScored | FrameLabelled | RolloutAdvanced) -> None:
        said = self.judge.apply(event, self.line.now)
        if isinstance(event, FrameLabelled):
            self.labels.add(event)
        for word in said:
            self._hear(word)

    def _hear(self, word: AnyEvent) -> None:
        if isinstance(word, RetrainRequested):
            self.intake.requested(word, self.line.now)
        elif isinstance(word, IncidentClosed):
            self.intake.closed(word, self.line.now)

    def _retrain(self, hour: int, ours: list[int]) -> None:
        now = self.line.now
        if (running := self.jobs.running()) is None:
            self.intake.look(now, None)
            self.starts.look(now, None)
            if self.jobs.running() is not None:
                ours.append(hour)
        elif hour - ours[-1] >= TRAINED_H:
            self.jobs.save(msgspec.structs.replace(running, state="succeeded", finished_at=now))
            parent, self.version = self.version, str(int(self.version) + 1)
            self.line.publish(self.version, photographs(192, int(self.version)))
            set_channels(self.line.url, MODEL, champion=self.version)
            self.changed = False
            self._judge(
                RolloutAdvanced(
                    event_id=new_id(now), occurred_at=now, model=MODEL, version=self.version, parent=parent, state="champion", share=1.0, reason="",
                )
            )  # fmt: skip


def weeks(seed: int, change_h: tuple[int, ...] = (), days: int = DAYS) -> Counted:
    """Four weeks, or so many days."""
    with tempfile.TemporaryDirectory() as folder:
        return Weeks(Path(folder), seed, change_h).run(days)


def main() -> None:
    """The table."""
    seeds = 10
    found = [weeks(seed) for seed in range(seeds)]
    lines = ["| | starts in 28 quiet days, mean of 10 | least to most |", "|---|---|---|"]
    for name, counts in (
        ("raw threshold", [one.raw for one in found]),
        ("the same with a cooldown of a day", [one.cooldown for one in found]),
        ("monitor and policy", [one.ours for one in found]),
    ):
        lines.append(f"| {name} | {np.mean(counts):.1f} | {min(counts)} to {max(counts)} |")
    true = [weeks(seed, (7 * 24, 18 * 24)) for seed in range(seeds)]
    late = [hour - began for one in true for hour, began in zip(one.hours, (7 * 24, 18 * 24), strict=False)]
    lines.append(
        f"starts with two true changes: {sorted({one.ours for one in true})}; hours after the change: {min(late)} to {max(late)}"
    )
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
