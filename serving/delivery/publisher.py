"""The one thread that carries events from the spool to the log, in order, for as long as it takes. No camera ever waits for it."""

import threading
import time
from typing import Final

from contracts.errors import LogAwayError, LogError, RecordTooLargeError
from contracts.events import SERVING, TOPICS, dead_letter, encode
from contracts.logs import Logger
from contracts.ports import Bus, Outgoing, Place, Record
from serving.delivery.spool import Spool
from serving.telemetry.instruments import Instruments

BATCH: Final = 500
"""Records in one publish: on the embedded log a commit costs an fsync, which a few hundred share."""
_LINGER_S: Final = 0.2
"""Rest after a publish that did not fill a batch: at 60 frames a second twelve events share what a publish costs, 1 ms of CPU and an fsync."""
_IDLE_S: Final = 0.5
_FIRST_RETRY_S: Final = 0.2
_LAST_RETRY_S: Final = 5.0


class Publisher:
    """Drains `spool` into `bus`. What the log has not acknowledged stays in the spool, over restarts too."""

    def __init__(self, spool: Spool, bus: Bus, instruments: Instruments, log: Logger) -> None:
        self._spool, self._bus, self._instruments, self._log = spool, bus, instruments, log
        self._draining, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._prepared = False
        self._away = self._told_half = False
        self._retry_s = _FIRST_RETRY_S

    def start(self) -> None:
        """Begin, with what an earlier process left first."""
        self._thread.start()

    def stop(self, drain_s: float) -> bool:
        """Wait up to `drain_s` for the spool to empty, then stop. False when records are left for the next start."""
        self._draining.set()
        emptied = self._spool.wait_until_empty(drain_s)
        self._stop.set()
        self._spool.wake()
        self._thread.join()
        return emptied

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except LogError as error:
                self._failed(error)
            except Exception as error:  # the thread that carries the evidence must not die of one surprise
                self._log.error("publish_failed", trace=True, error=str(error))
                self._stop.wait(_LAST_RETRY_S)

    def _step(self) -> None:
        if not self._prepared:
            self._bus.ensure_topics(TOPICS)
            self._prepared = True
            if not self._away:
                self._instruments.log_up.set(1)
        if (batch := self._spool.read(BATCH, _IDLE_S)) is None:
            return
        start = time.perf_counter()
        if batch.records:
            self._publish(batch.records)
        self._spool.acknowledge(batch.end)
        # After an outage there are many full batches: half the time is left to the frames, which take turns with this thread (a third off their median).
        self._draining.wait(_LINGER_S if len(batch.records) < BATCH else time.perf_counter() - start)

    def _publish(self, records: list[Outgoing]) -> None:
        start = time.perf_counter()
        try:
            self._bus.publish(records)
        except RecordTooLargeError:
            self._publish_one_by_one(records)
        self._instruments.publish_s.observe(time.perf_counter() - start)
        self._instruments.events.labels("published").inc(sum(record.topic != SERVING for record in records))
        self._instruments.log_up.set(1)
        self._retry_s = _FIRST_RETRY_S
        if self._away:
            self._away = self._told_half = False
            self._log.info("log_back", spool_bytes=self._spool.pending_bytes)

    def _publish_one_by_one(self, records: list[Outgoing]) -> None:
        """One record that the log will never take must not hold up those behind it: it goes to the dead letters."""
        for record in records:
            try:
                self._bus.publish([record])
            except RecordTooLargeError as error:
                now = time.time()
                origin = Record(Place(record.topic, -1), -1, record.key, record.value, record.headers, int(now * 1000))
                self._bus.publish([encode(dead_letter(origin, str(error), "serving", now), "serving")])
                self._instruments.events.labels("refused").inc()
                self._log.error("event_too_large", topic=record.topic, bytes=len(record.value), error=str(error))

    def _failed(self, error: LogError) -> None:
        """Say it once an outage, once more when half the spool is taken, and try again after a while that doubles up to 5 s."""
        self._instruments.log_up.set(0)
        self._prepared = False
        if not self._told_half and (held := self._spool.pending_bytes) > self._spool.max_bytes / 2:
            self._told_half = True
            meaning = "once the spool is full, events are lost: bring the log back, or raise [serving] spool_max_bytes"
            self._log.error("spool_half_full", spool_bytes=held, limit_bytes=self._spool.max_bytes, meaning=meaning)
        if not self._away:
            self._away = True
            say = self._log.warning if isinstance(error, LogAwayError) else self._log.error
            say("log_away", error=str(error), consequence="frames are answered; their events wait in the spool")
        self._stop.wait(self._retry_s)
        self._retry_s = min(_LAST_RETRY_S, 2 * self._retry_s)
