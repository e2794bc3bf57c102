"""The monitor's loop: records from the log, through the timeline, to the judge; verdicts to the outbox, and from there to the log.

One thread. State and offsets are saved together; the log is told the offsets afterwards, for dashboards only. A record that cannot be parsed or
handled goes to the dead letters, and the rest moves on. A log, a repository or a state file that is away is waited for, with nothing lost: what was
judged stays in memory until it can be saved, and a judgement that was broken off half-way is forgotten together with all that was not saved.

Of several monitors of one model one is active and holds every place; the others stand by with empty memories. Memory is loaded when the places are
given and dropped when they are taken; a save of one that was taken over without knowing it is refused by the store, and it stands by again.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from contracts import events
from contracts.errors import LogAwayError, StoreError, TakenOverError
from contracts.events import AnyEvent, BadEventError
from contracts.logs import Logger
from contracts.ports import EARLIEST, Bus, Outgoing, Place, Reader
from monitor.identity import derived_id
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.stores import Store
from monitor.timeline import Timeline, Waiting

TOPICS: Final = (events.FRAMES, events.LABELS, events.RETRAIN, events.COMMANDS)
POLL_S: Final = 0.1
BATCH: Final = 1000
RETRY_S: Final = 1.0
SAVING_SHARE: Final = 0.1
"""Of the loop's time at most goes into saving while a verdict waits for it: 10,000 cameras that all changed take 0.2 s, and are then saved every 2 s."""
QUIET_SHARE: Final = 0.03
"""The same while there is nothing to say: a killed process then judges some seconds more again, and nobody waits for it."""
MOST_UNSAVED_S: Final = 10.0
"""However long a save took, the next one follows within this: what a killed process has to judge again."""
COLLECT: Final = (100_000, 20, 100)
"""For gc.set_threshold, in the process that judges: events are trees, freed by their counts, and Python's default looks the whole fleet's state through so
often that it takes a quarter of the time at 10,000 cameras."""
_LOG: Final = Logger("monitor")


def pause_s(saving_s: float, save_every_s: float, said: bool) -> float:
    """The time between two saves, when the last one took `saving_s`: verdicts go at once, unless saving would then take too much of the loop's time."""
    if said:
        return min(saving_s / SAVING_SHARE, MOST_UNSAVED_S)
    return max(min(saving_s / QUIET_SHARE, MOST_UNSAVED_S), save_every_s)


class Service:
    """Runs until told to stop. `clock` gives Unix seconds: for waiting and for lag, never for a verdict."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        judge: Judge,
        memory: Memory,
        model: str,
        wait_s: float,
        save_every_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._bus = bus
        self._store = store
        self._judge = judge
        self._memory = memory
        self._model = model
        self._clock = clock
        self._save_every_s = save_every_s
        self._wait_s = wait_s
        self._timeline = Timeline(wait_s)
        self._next: dict[Place, int] = {}
        """The next record to judge of each place."""
        self._fresh: dict[Place, int] = {}
        """Of these, what is not saved yet."""
        self._saved: dict[Place, int] = {}
        """What is saved, and not told to the log yet."""
        self._said: list[Outgoing] = []
        self._saved_at = clock()
        self._saving_s = 0.0
        self._save_first = False
        """A save failed: it comes before anything else is judged."""
        self._letters = False
        """Whether the outbox may hold something."""
        self.active = False
        """Whether the places are ours and the memory is loaded; else this monitor stands by."""
        self.reading = False
        """Whether the log was reached and answered."""
        self.taken: dict[tuple[str, str], int] = {}
        """Records since the start by topic and fate (`judged`, `dead`)."""
        self.said: dict[str, int] = {}
        """Events said since the start, by type."""
        self.lag = 0
        self.newest_at = 0.0
        """The event time of the newest event judged."""

    def ready(self) -> str | None:
        """None when the log is being read, else why not. A monitor that stands by is ready, too: to take over."""
        return None if self.reading else "the log has not answered yet"

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Read and judge until `stop`; `heartbeat` is called after each round. State is saved and the outbox emptied before it returns."""
        while not stop.is_set():
            try:
                self._follow(stop, heartbeat)
            except (_BrokenOffError, TakenOverError) as error:
                _LOG.warning("judging_again", reason=str(error), retry_s=RETRY_S)
                self._stand_by()
                stop.wait(RETRY_S)
            except (LogAwayError, StoreError) as error:
                _LOG.warning("outbox_kept", reason=str(error))

    def _follow(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Until `stop`, or until what was judged since the last save has to be judged again, here or elsewhere."""
        reader = self._bus.reader(f"keepsight-monitor-{self._model}", TOPICS, self._start, sole=True)
        told = ""
        try:
            while not stop.is_set():
                try:
                    self._round(reader)
                    heartbeat()
                    if told:
                        told = ""
                        _LOG.info("goes_on")
                except (LogAwayError, StoreError) as error:
                    if (reason := str(error)) != told:  # once an outage, not once a try
                        told = reason
                        _LOG.warning("waiting", reason=reason, retry_s=RETRY_S)
                    self.reading = not isinstance(error, LogAwayError) and self.reading
                    stop.wait(RETRY_S)
            if self.active:
                self._save()
                self._post(reader)
        finally:
            reader.close()

    def _start(self, place: Place) -> int:
        """A place is given to us, anew or again: it is read from where it was judged, and what waits of it is read once more. What the group committed counts
        for nothing: a state that is gone is made anew from all that the log holds."""
        if not self.active:
            self._take_over()
        self._timeline.forget(place)
        return self._next.get(place, EARLIEST)

    def _take_over(self) -> None:
        """Go on from what was saved last, by whomever. Raises StoreError."""
        began = self._clock()
        self._memory.become(self._store.load())
        self._next = self._store.offsets()
        self.active = self._letters = True
        memory = self._memory
        _LOG.info("active", load_s=round(self._clock() - began, 3), cameras=len(memory.cameras), open_incidents=len(memory.cases))

    def _stand_by(self) -> None:
        """Forget what is not saved, and the rest: the next holder loads it."""
        _LOG.info("standing_by", unsaved=bool(self._fresh))
        self._memory.become(Memory())
        self._timeline, self._next = Timeline(self._wait_s), {}
        self._fresh, self._saved, self._said = {}, {}, []
        self.active = self._save_first = self._letters = False
        self.lag = 0

    def _round(self, reader: Reader) -> None:
        if self._save_first:
            self._save()
        for record in reader.poll(POLL_S if not self._timeline else 0.02, BATCH):
            try:
                self._timeline.add(record, events.decode(record))
            except BadEventError as error:
                self._timeline.add(record, None, str(error))
        places = reader.places()
        self.reading = True
        if self.active and not places:
            self._stand_by()
            return
        self._timeline.keep(places)
        undelivered = reader.lag() if self._timeline else {}
        self.lag = sum(undelivered.values()) + len(self._timeline)
        for waiting in self._timeline.due(self._clock(), undelivered, places):
            self._take(waiting)
        waited_s = self._clock() - self._saved_at
        enough_s = pause_s(self._saving_s, self._save_every_s, bool(self._said))
        if self._fresh and not 0 <= waited_s < enough_s:  # below 0: the clock was set back
            self._save()
        self._post(reader)

    def _take(self, waiting: Waiting) -> None:
        """Judge one record. What makes it impossible to judge is its own fault, not the stream's: but an absent repository is nobody's."""
        place, offset = waiting.record.place, waiting.record.offset
        fate = "judged"
        if waiting.event is None:
            self._bury(waiting, waiting.reason)
            fate = "dead"
        else:
            self._judge.prepare(waiting.event)
            try:
                self._say(self._judge.apply(waiting.event, waiting.at))
            except StoreError as error:
                raise _BrokenOffError(str(error)) from error
            except Exception as error:  # a handler's failure must not stop the stream
                _LOG.error("event_not_handled", trace=True, topic=place.topic, partition=place.partition, offset=offset)
                self._say(self._judge.rest())
                self._bury(waiting, f"{type(error).__name__}: {error}")
                fate = "dead"
        self.taken[(place.topic, fate)] = self.taken.get((place.topic, fate), 0) + 1
        self.newest_at = max(self.newest_at, waiting.at)
        self._next[place] = self._fresh[place] = offset + 1

    def _bury(self, waiting: Waiting, reason: str) -> None:
        record = waiting.record
        letter = events.dead_letter(record, reason, "monitor", waiting.at)
        number = derived_id(waiting.at, "dead", *record.place, record.offset)
        self._say([msgspec.structs.replace(letter, event_id=number)])

    def _say(self, said: Sequence[AnyEvent]) -> None:
        for event in said:
            self._said.append(events.encode(event, f"monitor/{self._model}"))
            kind = type(event).__name__
            self.said[kind] = self.said.get(kind, 0) + 1
            if not isinstance(event, events.Dead):
                _LOG.info(f"said_{type(event).__name__}", **_facts(event))

    def _save(self) -> None:
        """Raises StoreError; nothing more is judged then until it succeeds."""
        began, self._save_first = self._clock(), True
        self._store.save(self._memory, self._fresh, self._said)
        self._letters |= bool(self._said)
        self._saved.update(self._fresh)
        self._fresh, self._said, self._save_first = {}, [], False
        self._saved_at = self._clock()
        self._saving_s = max(0.0, self._saved_at - began)

    def _post(self, reader: Reader) -> None:
        while self._letters:
            letters, last = self._store.unsent()
            if letters:
                self._bus.publish(letters)
                self._store.sent(last)
            self._letters = bool(letters)
        if self._saved:
            reader.commit(self._saved)
            self._saved = {}


class _BrokenOffError(Exception):
    """The repository went away in the middle of a judgement: memory is half-changed."""


def _facts(event: AnyEvent) -> dict[str, object]:
    match event:
        case events.IncidentOpened() | events.IncidentUpdated():
            incident = event.incident
            return {
                "incident": incident.incident_id,
                "cause": incident.cause,
                "severity": incident.severity,
                "headline": incident.headline,
            }
        case events.IncidentClosed():
            return {"incident": event.incident.incident_id, "cause": event.incident.cause, "resolution": event.resolution}
        case events.RetrainRequested():
            return {
                "request_key": event.request_key,
                "version": event.version,
                "cameras": event.cameras,
                "excluded": event.excluded_cameras,
            }
    return {}
