"""The demo's view of the loop: it reads the log, as any other program may, and knows nothing else of what the services think.

A thread reads every topic alone (no group), folds duplicates by event id, keeps the facts, and wakes whoever waits for one.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from contracts.errors import KeepsightError, LogAwayError
from contracts.events import (
    SERVING,
    TOPICS,
    AnyEvent,
    BadEventError,
    FrameLabelled,
    FrameScored,
    decode,
)
from contracts.ports import Bus, Record
from contracts.predictions import Classification

TOPIC_NAMES: Final = tuple(topic.name for topic in TOPICS)


class Scoring(NamedTuple):
    """What is kept of a FrameScored: who said what, and how sure of a defect it was."""

    frame_id: str
    camera: str
    version: str
    variant: str
    label: str
    positive: float
    """The probability of the positive class."""


class Witness(threading.Thread):
    """Everything on the log, in the order in which it was read. Read the attributes under `changed`."""

    def __init__(self, bus: Bus, positive: str) -> None:
        super().__init__(name="witness", daemon=True)
        self.changed = threading.Condition()
        self.scorings: list[Scoring] = []
        self.labelled: list[FrameLabelled] = []
        self.events: list[AnyEvent] = []
        """All but the frames and the labels."""
        self.bad: list[str] = []
        """Records that no one can read."""
        self.sources: Counter[str] = Counter()
        """Distinct events by the process that published them."""
        self.duplicates = 0
        self._positive = positive
        self._ids: set[str] = set()
        self._bus = bus
        self._stopping = threading.Event()
        self.failed: Exception | None = None

    def run(self) -> None:
        """Read until stopped, and then until nothing new has come."""
        reader = self._bus.reader(None, TOPIC_NAMES)
        try:
            while True:
                ending = self._stopping.is_set()
                try:
                    records = reader.poll(0.2)
                except LogAwayError:
                    if ending:
                        raise
                    continue
                with self.changed:
                    for record in records:
                        self._keep(record)
                    self.changed.notify_all()
                if ending and not records:
                    break
        except Exception as error:  # said by whoever waits for this thread
            with self.changed:
                self.failed = error
                self.changed.notify_all()
        finally:
            reader.close()

    def finish(self, timeout_s: float = 30.0) -> None:
        """Read to the end of the log, then stop. Call it when all publishers have stopped."""
        self._stopping.set()
        self.join(timeout_s)
        if self.failed is not None:
            raise self.failed

    def wait_for(self, found: Callable[[], bool], timeout_s: float) -> bool:
        """Whether `found` held within `timeout_s`; it is asked again whenever something was read. Raises what ended the reading."""
        with self.changed:
            held = self.changed.wait_for(lambda: found() or self.failed is not None, timeout_s)
            if self.failed is not None:
                raise self.failed
            return held

    def _keep(self, record: Record) -> None:
        event_id = record.headers.get("ce_id", "")
        if event_id and event_id in self._ids:
            self.duplicates += 1
            return
        self._ids.add(event_id)
        if record.place.topic != SERVING:  # a server's reports go on to its last moment, and are not counted with its events
            self.sources[record.headers.get("ce_source", "").partition("/")[0]] += 1
        try:
            event = decode(record)
        except BadEventError as error:
            self.bad.append(str(error))
            return
        match event:
            case FrameScored():
                self.scorings.append(self._scoring(event))
            case FrameLabelled():
                self.labelled.append(event)
            case _:
                self.events.append(event)

    def _scoring(self, event: FrameScored) -> Scoring:
        said = event.prediction
        if not isinstance(said, Classification):
            raise KeepsightError(
                f"frame {event.frame_id} was not classified but {type(said).__name__}: the demo's model is a classifier"
            )
        return Scoring(event.frame_id, event.camera, event.version, event.variant, said.label, said.probability_of(self._positive))
