"""What the monitor shows of itself while it runs: the metrics and the page `/v1/state`, refreshed by the loop, read by the health server's threads."""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from contracts.logs import Logger
from monitor.exports import Exports
from monitor.overview import Overview
from monitor.service import Service

_LOG: Final = Logger("monitor")
EVERY_S: Final = 2.0
"""So often at most, and no scrape or curl can make it more."""
SHARE: Final = 0.05
"""Of the loop's time at most goes into looking: an overview of 10,000 cameras takes some 200 ms, and is then made every 4 s."""


LONGEST_S: Final = 10.0
"""No later than this is the next look: the one that calibrates a new version takes seconds, and says nothing of those after it."""


class Panel:
    """`look` makes an overview of the memory; only the loop's thread calls it."""

    def __init__(self, exports: Exports, look: Callable[[], Overview]) -> None:
        self._exports = exports
        self._look = look
        self._content = b"{}"
        self._next_at = 0.0
        self.every_s = EVERY_S
        """Seconds between two looks, as long as the last one was."""
        self._warned: set[str] = set()

    def page(self) -> bytes:
        """The newest `/v1/state`, whole."""
        return self._content

    def beat(self, service: Service, now: float) -> None:
        """Called after each round of the loop."""
        self._exports.role(service.active)
        self._exports.progress(service.taken, service.said, service.lag, service.newest_at, now)
        if now >= self._next_at:
            began = time.perf_counter()
            seen = self._look()
            seen.role = "active" if service.active else "standby"
            self._exports.show(seen)
            self._warn(seen)
            self._content = msgspec.json.format(msgspec.json.encode(seen), indent=1)
            self.every_s = min(LONGEST_S, max(EVERY_S, (time.perf_counter() - began) / SHARE))
            self._next_at = now + self.every_s

    def _warn(self, seen: Overview) -> None:
        """Say once of each camera that its stream kind seems wrong."""
        for camera in seen.cameras:
            if camera.doubt and camera.camera not in self._warned:
                self._warned.add(camera.camera)
                _LOG.warning("stream_kind_doubtful", camera=camera.camera, site=camera.site, reason=camera.doubt)
