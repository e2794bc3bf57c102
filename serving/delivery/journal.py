"""Where the workers and the label route put their events: the spool, with what is lost counted and said once an episode."""

import threading
from collections.abc import Sequence

from contracts.events import AnyEvent, encode
from contracts.log_limits import check_size
from contracts.logs import Logger
from serving.delivery.spool import Spool
from serving.telemetry.instruments import Instruments


class Journal:
    """`source` names this process in the events' CloudEvents headers."""

    def __init__(self, spool: Spool, source: str, instruments: Instruments, log: Logger) -> None:
        self._spool, self._source, self._instruments, self._log = spool, source, instruments, log
        self._dropped = 0
        self._lock = threading.Lock()

    def write(self, events: Sequence[AnyEvent]) -> bool:
        """On disk when it returns True. False: dropped and counted, because the spool is full or its disk refused.

        Raises RecordTooLargeError, and drops all of them, when one is larger than any log takes.
        """
        records = [encode(event, self._source) for event in events]
        for record in records:
            check_size(record)
        kept = self._spool.append(records)
        self._instruments.events.labels("spooled" if kept else "dropped").inc(len(events))
        with self._lock:
            before, self._dropped = self._dropped, 0 if kept else self._dropped + len(events)
        if kept and before:
            self._log.info("spool_takes_events_again", dropped=before)
        elif not kept and not before:
            self._log.error(
                "events_dropped",
                spool_bytes=self._spool.pending_bytes,
                reason="the spool is full or its disk refuses writes: bring the log back, or raise [serving] spool_max_bytes",
            )
        return kept
