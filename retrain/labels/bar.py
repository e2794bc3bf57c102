"""How far a command is, on standard error: one line that is rewritten on a terminal, nothing elsewhere."""

from collections.abc import Callable
from typing import Final, TextIO

EVERY_S: Final = 0.1
WIDTH: Final = 30


class Bar:
    """`clock` gives seconds."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self._out, self._clock = out, clock
        self._terminal = out.isatty()
        self._told_at = float("-inf")

    def named(self, what: str) -> Callable[[int, int], None]:
        """The bar of one part of the work, told how many of how many are done."""

        def tick(done: int, total: int) -> None:
            if not self._terminal or (now := self._clock()) - self._told_at < EVERY_S:
                return
            self._told_at = now
            full = WIDTH * done // max(total, 1)
            self._out.write(f"\r{what:<24} {'█' * full}{'░' * (WIDTH - full)} {done:,} of {total:,}\x1b[K")
            self._out.flush()

        return tick

    def end(self) -> None:
        """Leave the line empty."""
        if self._terminal and self._told_at > float("-inf"):
            self._out.write("\r\x1b[K")
            self._out.flush()
