"""What the monitor shows of itself while it runs: the metrics and the page `/v1/state`, refreshed by the loop, read by the health server's threads."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from contracts.errors import StoreError
from contracts.logs import Logger
from monitor.camera_detail import CameraDetail
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


MOST_ASKED: Final = 64
"""Cameras that wait to be looked at: as many as the server has connections."""
WAIT_S: Final = 2.0
"""For a look at a camera: the loop takes those asked for in each of its rounds, a tenth of a second apart but where it calibrates a version."""


class Panel:
    """`look` makes an overview of the memory, `look_at` shows one camera of it; only the loop's thread calls them."""

    def __init__(
        self, exports: Exports, look: Callable[[], Overview], look_at: Callable[[str], CameraDetail | None] = lambda _: None
    ) -> None:
        self._exports = exports
        self._look, self._look_at = look, look_at
        self.overview: Overview | None = None
        """The newest; nobody changes it."""
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()
        self._content = b"{}"
        self._next_at = 0.0
        self.every_s = EVERY_S
        """Seconds between two looks, as long as the last one was."""
        self._warned: set[str] = set()

    def page(self) -> bytes:
        """The newest `/v1/state`, whole."""
        return self._content

    def camera(self, name: str, wait_s: float = WAIT_S) -> CameraDetail | None:
        """A camera as the loop sees it now; None when it knows none of that name, or did not come to it in time. For the server's threads."""
        with self._lock:
            if name not in self._asked and len(self._asked) >= MOST_ASKED:
                return None
            asked = self._asked.setdefault(name, _Asked())
        return asked.seen if asked.done.wait(wait_s) else None

    def beat(self, service: Service, now: float) -> None:
        """Called after each round of the loop."""
        self._answer()
        self._exports.role(service.active)
        self._exports.progress(service.taken, service.said, service.lag, service.newest_at, now)
        if now >= self._next_at:
            began = time.perf_counter()
            seen = self._look()
            seen.role = "active" if service.active else "standby"
            seen.made_at, seen.lag = now, service.lag
            self._exports.show(seen)
            self._warn(seen)
            self.overview = seen
            self._content = msgspec.json.format(msgspec.json.encode(seen), indent=1)
            self.every_s = min(LONGEST_S, max(EVERY_S, (time.perf_counter() - began) / SHARE))
            self._next_at = now + self.every_s

    def _answer(self) -> None:
        with self._lock:
            waiting, self._asked = self._asked, {}
        for name, asked in waiting.items():
            with contextlib.suppress(StoreError):  # the repository is away: the loop itself says so
                asked.seen = self._look_at(name)
            asked.done.set()

    def _warn(self, seen: Overview) -> None:
        """Say once of each camera that its stream kind seems wrong."""
        for camera in seen.cameras:
            if camera.doubt and camera.camera not in self._warned:
                self._warned.add(camera.camera)
                _LOG.warning("stream_kind_doubtful", camera=camera.camera, site=camera.site, reason=camera.doubt)


class _Asked:
    """A look at a camera that somebody waits for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.seen: CameraDetail | None = None
