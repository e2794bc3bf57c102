"""Where the workers and the label route put their events: the spool, with what is lost counted and said once an episode."""

import threading
from collections.abc import Sequence

from contracts.events import AnyEvent, encode
from contracts.logs import Logger
from serving.instruments import Instruments
from serving.spool import Spool


class Journal:
    """`source` names this process in the events' CloudEvents headers."""

    def __init__(self, spool: Spool, source: str, instruments: Instruments, log: Logger) -> None:
        self._spool, self._source, self._instruments, self._log = spool, source, instruments, log
        self._full = False
        self._lock = threading.Lock()

    def write(self, events: Sequence[AnyEvent]) -> bool:
        """On disk when it returns True. False: dropped and counted, because the spool is full or its disk refused."""
        kept = self._spool.append([encode(event, self._source) for event in events])
        self._instruments.events.labels("spooled" if kept else "dropped").inc(len(events))
        with self._lock:
            changed, self._full = kept == self._full, not kept
        if changed and kept:
            self._log.info("spool_takes_events_again")
        elif changed:
            self._log.error(
                "events_dropped",
                spool_bytes=self._spool.pending_bytes,
                reason="the spool is full or its disk refuses writes: bring the log back, or raise [serving] spool_max_bytes",
            )
        return kept
