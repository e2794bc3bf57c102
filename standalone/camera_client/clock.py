"""Time, and the wish to stop, as the camera client sees them: passed in, so that tests take no time."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Safe between threads."""

    @property
    def stopping(self) -> bool:
        """Whether the camera is to end."""

    def now(self) -> float:
        """Unix seconds."""

    def elapsed(self) -> float:
        """Seconds on a clock that never goes back."""

    def wait(self, seconds: float) -> bool:
        """Let time pass. True, at once, when the camera is to end."""


class WallClock:
    """Real time; `stop` ends every wait."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def stop(self) -> None:
        """The camera is to end. May be called from a signal handler."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def elapsed(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Sleep until then, or until `stop`."""
        return self._stop.wait(max(0.0, seconds))
