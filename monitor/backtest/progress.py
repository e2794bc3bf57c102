"""How far a replay is and how long it will take, on standard error: one line rewritten on a terminal, one line now and then elsewhere."""

from collections.abc import Callable
from typing import Final, TextIO

from monitor.backtest.table import span

TERMINAL_S: Final = 0.5
PLAIN_S: Final = 30.0


class Progress:
    """`clock` gives seconds; `done` the share of the input that was read, None where that is not known."""

    def __init__(self, out: TextIO, clock: Callable[[], float], done: Callable[[], float | None]) -> None:
        self._out = out
        self._clock = clock
        self._done = done
        self._terminal = out.isatty()
        self._began = self._told_at = clock()
        self._told_any = False

    def __call__(self, events: int) -> None:
        """So many events were judged."""
        now = self._clock()
        if now - self._told_at < (TERMINAL_S if self._terminal else PLAIN_S):
            return
        self._told_at, self._told_any = now, True
        done = self._done()
        share = f", {done:.0%}, {span((now - self._began) * (1 / done - 1))} left" if done else ""
        line = f"{events:,} events, {events / (now - self._began):,.0f} events/s{share}"
        self._out.write(f"\r{line}\x1b[K" if self._terminal else f"{line}\n")
        self._out.flush()

    def end(self) -> None:
        """Leave the terminal's line empty."""
        if self._terminal and self._told_any:
            self._out.write("\r\x1b[K")
            self._out.flush()
