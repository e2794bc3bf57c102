"""The retrain service's turn: read the log, decide, save effects with offsets, move the channels, publish what was decided.

One thread does all of it. A turn is one transaction; after it the channels follow, then the outbox is published. Whatever raises in a turn undoes the
turn, and it is done again with the same records: the service keeps its places meanwhile, and with them its training process.

Of several services of one model one is active and holds every place of the log; the others stand by. Who is given the places takes the state over. One
that was taken over without knowing it is refused at its next transaction: it ends its training process and stands by.
"""

import re
import threading
import time
from collections.abc import Callable
from typing import Final

from contracts.errors import KeepsightError, LogAwayError, LogError, StoreError, TakenOverError, VersionError
from contracts.events import COMMANDS, FRAMES, INCIDENTS, LABELS, RETRAIN, SERVING
from contracts.logs import Logger
from contracts.ports import EARLIEST, Bus, Place, Reader, Record
from retrain.dispatch import Dispatch
from retrain.jobs.figures import Figures
from retrain.jobs.intake import Intake
from retrain.jobs.supervision import Training
from retrain.jobs.telling import stands_failed
from retrain.labels.book import Labels
from retrain.labels.desk import LabelDesk, could_be_labelled
from retrain.metrics import Instruments
from retrain.rollout.drive import Release
from retrain.state.database import Database
from retrain.ticks import Duty, Ticks

READS: Final = (RETRAIN, LABELS, COMMANDS, FRAMES, INCIDENTS, SERVING)
_ONCE: Final = (RETRAIN, COMMANDS)
"""What is carried out once: where the state is gone they go on from what the group committed, and all else that the log holds is taken anew."""
_AWAY_S: Final = 1.0
_NUMBER: Final = re.compile(r"\d+")
_LONG_S: Final = 60.0
"""A turn takes milliseconds, with a version of some hundred MB to copy or a process to end some ten seconds."""
_UNDONE: Final = 10_000
"""Records held at most while turns fail: some 20 MB, and at one for each try three hours. After that others may have the places."""


class RetrainService:
    """Wires nothing: `__main__` does. `step` is one turn, `run` turns until told to stop."""

    def __init__(
        self,
        model: str,
        bus: Bus,
        database: Database,
        intake: Intake,
        dispatch: Dispatch,
        labels: Labels,
        desk: LabelDesk,
        training: Training,
        release: Release,
        ticks: Ticks,
        figures: Figures,
        instruments: Instruments,
        log: Logger,
        clock: Callable[[], float] = time.time,
        poll_s: float = 0.25,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._bus = bus
        self._database = database
        self._intake = intake
        self._dispatch = dispatch
        self._labels = labels
        self._desk = desk
        self._training = training
        self._release = release
        self._ticks = ticks
        self._figures = figures
        self._instruments = instruments
        self._log = log
        self._clock = clock
        self._poll_s = poll_s
        self._monotonic = monotonic
        self._turn_since_s: float | None = None
        self._offsets: dict[Place, int] = {}
        self._saved: dict[Place, int] = {}
        self._undone: list[Record] = []
        self._duties: set[Duty] = set()
        """What was read and what became due, and is not done: a turn that fails is done again."""
        self._aside: list[Record] = []
        """Frames that could be labelled, of turns that changed nothing else: the next transaction, a tick later at most, takes them along."""
        self._trouble: str | None = "starting"
        self.active = False
        """Whether the state is ours, as far as we know."""
        self._reader = self._join()

    def ready(self) -> str | None:
        """Why it cannot do its work now, else None. One that stands by is ready, too: to take over. Asked from another thread."""
        since_s = self._turn_since_s
        if since_s is not None and (took_s := self._monotonic() - since_s) > _LONG_S:
            return f"a turn takes {took_s:.0f} s so far: the frame store, the repository, the folder of jobs or the log hangs"
        return self._trouble

    def run(self, stop: threading.Event) -> None:
        """Turn until `stop` is set. Raises LogRefusedError: a person must act; everything else is tried again."""
        while not stop.is_set():
            try:
                self.step()
            except TakenOverError as error:
                self._stand_by(str(error))
            except (LogAwayError, StoreError, VersionError) as error:
                self._again(f"{type(error).__name__}: {error}")
                stop.wait(_AWAY_S)

    def step(self) -> None:
        """One turn."""
        self._turn_since_s = self._monotonic()
        try:
            self._turn()
        finally:
            self._turn_since_s = None

    def _turn(self) -> None:
        self._read()
        self._duties |= self._ticks.due()
        records, duties, now = self._undone, self._duties, self._clock()
        if not self._reader.places():
            self._wait()
            return
        if "advance" in duties:
            self._desk.copy()
            self._training.prepare(now)
        if duties or any(record.place.topic != FRAMES for record in records) or (records and self._release.active):
            with self._database.transaction():
                self._decide(records, duties, now)
            self._saved, self._aside = dict(self._offsets), []
        else:
            self._count(records)  # frames that concern no rollout: their offsets are saved with the next turn that changes anything
            self._aside += [record for record in records if could_be_labelled(record)]
        self._undone, self._duties = [], set()
        for record in records:
            self._instruments.events_consumed.labels(record.place.topic).inc()
        away = self._reconciled(now) if duties or self._release.unapplied else None
        if away is None or not self._release.unapplied:
            self._publish()
        if records:
            self._reader.commit(self._offsets)
        self._export(records, duties, now)
        if away is not None:
            raise away
        self._trouble = self._training.trouble

    def close(self) -> None:
        """Stop the training process in order, publish what is decided, leave the group."""
        self._training.abandon()
        try:
            if self.active:
                with self._database.transaction():
                    self._training.leave()
                self._release.reconcile(self._clock())
                self._publish()
        except KeepsightError as error:
            self._log.warning("outbox_kept", why=str(error))
        self._reader.close()

    def _reconciled(self, now: float) -> KeepsightError | None:
        """Why the channels could not follow; None when they did. What needs none is told all the same: why jobs wait, which frames are wanted."""
        try:
            self._release.reconcile(now)
        except (StoreError, VersionError) as error:
            return error
        return None

    def _read(self) -> None:
        """After a turn that failed hardly more: the reader keeps its places by being asked."""
        if not self._undone:
            self._undone = self._reader.poll(self._poll_s)
        elif len(self._undone) < _UNDONE:
            more = self._reader.poll(0.0, 1)  # which may give places anew, and what is undone of them is then read again
            self._undone = [*self._undone, *more]

    def _wait(self) -> None:
        """No place is ours: another service is active, or the group is still sharing out. Raises TakenOverError when it became active without our knowing."""
        if self.active:
            with self._database.transaction():
                pass
        else:
            self._undone, self._aside, self._duties = [], [], set()
        self._instruments.active.labels(self._model).set(self.active)
        self._trouble = None

    def _decide(self, records: list[Record], duties: set[Duty], now: float) -> None:
        self._release.load()
        for record in (*self._aside, *records):
            self._dispatch.handle(record, now)
        if "calendar" in duties:
            self._intake.due(now)
        if "advance" in duties:
            self._intake.look(now, self._release.occupied)
            published = self._training.advance(now, self._release.occupied)
            if published is not None:
                self._release.begin(*published, now)
            self._release.advance(now)
            self._desk.advance(now)
        self._release.save()
        self._count(records)
        moved = {place: at for place, at in self._offsets.items() if self._saved.get(place) != at}
        self._database.save_offsets(moved)

    def _publish(self) -> None:
        while True:
            last, records = self._database.outbox()
            if not records:
                return
            self._bus.publish(records)
            self._database.published(last)

    def _join(self) -> Reader:
        return self._bus.reader(f"keepsight-retrain-{self._model}", READS, self._start_at, sole=True)

    def _start_at(self, place: Place) -> int | None:
        if not self.active:
            self._database.take()
            self._offsets = self._database.offsets()
            self._saved = dict(self._offsets)
            self.active = True
            self._log.info("active")
        self._undone = [record for record in self._undone if record.place != place]
        self._aside = [record for record in self._aside if record.place != place]
        self._offsets.pop(place, None)
        if (saved := self._saved.get(place)) is not None:
            self._offsets[place] = saved
            return saved
        return None if place.topic in _ONCE else EARLIEST

    def _stand_by(self, why: str) -> None:
        """Another service goes on from what was saved: forget the rest, end the training process, and wait for the places."""
        self._log.warning("standing_by", why=why)
        self.active = False
        self._undone, self._aside, self._duties = [], [], set()
        self._training.abandon()
        try:
            self._reader.close()
        except LogError as error:
            self._log.warning("leave_failed", why=str(error))
        self._reader = self._join()

    def _again(self, why: str) -> None:
        """A turn failed, and is done again. Why is told once, though it has lasted longer by now."""
        if _NUMBER.sub("", why) != _NUMBER.sub("", self._trouble or ""):
            self._log.warning("turn_failed", why=why)
        self._trouble = why

    def _count(self, records: list[Record]) -> None:
        for record in records:
            self._offsets[record.place] = record.offset + 1

    def _export(self, records: list[Record], duties: set[Duty], now: float) -> None:
        if "advance" not in duties:
            return
        behind = sum(self._reader.lag().values())
        self._instruments.lag_seconds.set(max(0.0, now - records[-1].time_ms / 1000) if behind and records else 0.0)
        self._instruments.labels.set(self._labels.count())
        self._instruments.labels_unkept.set(self._labels.count_unkept())
        self._instruments.outbox.set(self._database.unpublished())
        self._instruments.job_failed.set(stands_failed(self._database))
        self._figures.show(now)
        self._instruments.active.labels(self._model).set(True)
