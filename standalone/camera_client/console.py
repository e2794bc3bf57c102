"""What a person sees of a run on standard error: messages, and how far it is (a line that moves on a terminal, one now and then in a log)."""

import sys
from typing import Any, Final, TextIO

from standalone.camera_client.run import Run

_MOVES_EACH_S: Final = 0.2
_TOLD_EACH_S: Final = 10.0
_BAR: Final = 24


class Console:
    """Every line begins with `name`. `quiet` leaves the progress out."""

    def __init__(self, name: str, stream: TextIO = sys.stderr, quiet: bool = False) -> None:
        self._name, self._stream, self._quiet = name, stream, quiet
        self._moves = stream.isatty()
        self._told_s = float("-inf")
        self._shown = False

    def say(self, text: str) -> None:
        """A message that stays."""
        self._write(f"{self._clear()}{self._name}: {text}\n")

    def progress(self, run: Run, now_s: float) -> None:
        """How far `run` is, if it is time to say so again."""
        if self._quiet or now_s - self._told_s < (_MOVES_EACH_S if self._moves else _TOLD_EACH_S):
            return
        begins = self._told_s == float("-inf")
        self._told_s = now_s
        if self._moves:
            self._write(f"\r{self._name}: {progress_line(run.facts(), run.settled, run.total)}\x1b[K")
            self._shown = True
        elif not begins:
            self._write(f"{self._name}: {progress_line(run.facts(), run.settled, run.total)}\n")

    def _clear(self) -> str:
        shown, self._shown = self._shown, False
        return "\r\x1b[K" if shown else ""

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody looks; the frames matter more


def progress_line(facts: dict[str, Any], settled: int, total: int | None) -> str:
    """Bar and time left where the end is known, rate, counts and latency."""
    rate = settled / max(facts["seconds"], 1e-9)
    parts = [f"{facts['answered']} answered, {rate:.1f}/s"]
    if total:
        share = min(1.0, settled / total)
        parts = [f"[{'#' * int(share * _BAR):.<{_BAR}}] {settled}/{total}", f"{rate:.1f}/s"]
        if rate > 0:
            parts.append(f"{max(0, total - settled) / rate:.0f} s left")
    if refused := sum(facts["refused"].values()):
        parts.append(f"{refused} refused")
    parts += [
        f"{facts[key]} {word}"
        for key, word in (("skipped", "skipped"), ("busy", "busy"), ("unreachable", "unreachable"))
        if facts[key]
    ]
    latency = facts["latency_ms"]
    return "  ".join([*parts, f"p50 {latency['p50']:.0f} ms p99 {latency['p99']:.0f} ms"])
