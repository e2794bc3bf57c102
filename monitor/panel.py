"""What the monitor shows of itself while it runs: the metrics and the page `/v1/state`, refreshed by the loop, read by the health server's threads."""

from collections.abc import Callable
from typing import Final

import msgspec

from monitor.exports import Exports
from monitor.overview import Overview
from monitor.service import Service

EVERY_S: Final = 2.0
"""An overview of 10,000 cameras takes some 100 ms: so often, and no scrape or curl can make it more."""


class Panel:
    """`look` makes an overview of the memory; only the loop's thread calls it."""

    def __init__(self, exports: Exports, look: Callable[[], Overview]) -> None:
        self._exports = exports
        self._look = look
        self._content = b"{}"
        self._next_at = 0.0

    def page(self) -> bytes:
        """The newest `/v1/state`, whole."""
        return self._content

    def beat(self, service: Service, now: float) -> None:
        """Called after each round of the loop."""
        self._exports.progress(service.taken, service.said, service.lag, service.newest_at, now)
        if now >= self._next_at:
            self._next_at = now + EVERY_S
            seen = self._look()
            self._exports.show(seen)
            self._content = msgspec.json.format(msgspec.json.encode(seen), indent=1)
