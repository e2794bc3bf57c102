"""Reads for the console, on a thread of its own: the topics that tell of incidents, jobs, versions, servers and orders, from their beginning."""

import threading
from contextlib import closing
from typing import Final

from contracts.errors import LogError
from contracts.events import COMMANDS, INCIDENTS, LABELS, RETRAIN, SERVING, BadEventError, decode
from contracts.logs import Logger
from contracts.ports import Bus, Place, Reader
from monitor.console.said import SOURCE
from monitor.console.view import View

READS: Final = (INCIDENTS, RETRAIN, COMMANDS, SERVING)
LABELS_BACK: Final = 2000
"""Of each partition of labels, read at the start: what was labelled on the pages in the last day, unless files with more than so many labels came in since."""
POLL_S: Final = 0.2
RETRY_S: Final = 2.0
_FROM_HERE: Final = f'"source":"{SOURCE}"'.encode()
_LOG: Final = Logger("monitor")


class Follower:
    """Fills a view until closed. In nobody's group: each monitor reads all of it, one that stands by, too."""

    def __init__(self, bus: Bus, view: View) -> None:
        self._bus, self._view = bus, view
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(self._bus.reader(None, (*READS, LABELS), _start)) as reader:
            while not self._stop.is_set():
                try:
                    trouble = self._read(reader)
                except LogError as error:
                    trouble = str(error)
                    if trouble != self._view.trouble:
                        _LOG.info("console_waits", reason=trouble, retry_s=RETRY_S)
                    self._stop.wait(RETRY_S)
                self._view.trouble = trouble

    def _read(self, reader: Reader) -> str | None:
        """One look; what is still unread, in words. Raises LogError."""
        for record in reader.poll(POLL_S):
            if record.place.topic == LABELS and _FROM_HERE not in record.value:
                continue
            try:
                self._view.take(decode(record))
            except BadEventError:
                continue  # the services have put it among the dead letters
            except Exception:  # a bug must not end the reading without a word while pages grow old
                _LOG.error("console_event_failed", trace=True, topic=record.place.topic, offset=record.offset)
        left = sum(reader.lag().values())
        return f"the log is being read: {left:,} records are left" if left or not reader.places() else None


def _start(place: Place) -> int | None:
    return -LABELS_BACK if place.topic == LABELS else None
