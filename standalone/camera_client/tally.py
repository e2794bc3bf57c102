"""What a camera client counts, in constant space: fates, refusals by kind, bytes, and how long answers took."""

import math
from collections import Counter
from typing import Any, Final

_RATIO: Final = 1.02
"""Of two neighbouring bounds: a quantile is right to one per cent."""
_SMALLEST_S: Final = 1e-5
_LARGEST: Final = 1000
"""Index of the last bin: 1e-5 s * 1.02^1000 is about an hour."""
KINDS: Final = 64
"""Kinds of refusal that are counted apart; a server that invents kinds fills "other"."""


class Durations:
    """Quantiles of durations from logarithmic bins (Masson, Rim and Lee, "DDSketch", VLDB 2019, without collapsing)."""

    def __init__(self) -> None:
        self.count = 0
        self.largest_s = 0.0
        self._bins: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one."""
        index = math.ceil(math.log(max(seconds, _SMALLEST_S) / _SMALLEST_S, _RATIO))
        self._bins[min(index, _LARGEST)] += 1
        self.count += 1
        self.largest_s = max(self.largest_s, seconds)

    def quantile(self, share: float) -> float:
        """Seconds within which `share` of all ended (nearest rank), to one per cent; 0 before the first."""
        rank, seen = max(1, math.ceil(share * self.count)), 0
        for index in sorted(self._bins):
            seen += self._bins[index]
            if seen >= rank:
                return min(_SMALLEST_S * 2 * _RATIO**index / (1 + _RATIO), self.largest_s)
        return 0.0


class Tally:
    """`settled` is called once for each frame that the server said yes or no to. Times are the caller's, in seconds."""

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self.answered = 0
        self.refusals: Counter[str] = Counter()
        self.sent_bytes = 0
        self.latency = Durations()

    def settled(self, problem: str, size: int, took_s: float) -> None:
        """A frame of `size` bytes was answered (`problem` empty) or refused."""
        self.sent_bytes += size
        self.latency.add(took_s)
        if problem:
            self.refusals[problem if problem in self.refusals or len(self.refusals) < KINDS else "other"] += 1
        else:
            self.answered += 1

    @property
    def refused(self) -> int:
        """Frames that serving would not take."""
        return sum(self.refusals.values())

    def summary(self, now_s: float, skipped: int, busy: int, failing: int, unreachable: int) -> dict[str, Any]:
        """All counts, for machines."""
        took_s = max(now_s - self.started_s, 1e-9)
        return {
            "seconds": round(took_s, 3),
            "answered": self.answered,
            "refused": dict(sorted(self.refusals.items())),
            "skipped": skipped,
            "answered_per_s": round(self.answered / took_s, 3),
            "sent_bytes": self.sent_bytes,
            "busy": busy,
            "server_failures": failing,
            "unreachable": unreachable,
            "latency_ms": {
                "p50": round(1000 * self.latency.quantile(0.5), 2),
                "p99": round(1000 * self.latency.quantile(0.99), 2),
                "max": round(1000 * self.latency.largest_s, 2),
            },
        }


def told(facts: dict[str, Any]) -> str:
    """A summary as one reads it."""
    latency = facts["latency_ms"]
    refused = ", ".join(f"{count} {kind}" for kind, count in facts["refused"].items())
    parts = [
        f"{facts['answered']} frames answered in {facts['seconds']:.1f} s",
        f"{facts['answered_per_s']:.1f}/s, {facts['sent_bytes'] / 1e6 / facts['seconds']:.2f} MB/s",
        f"latency p50 {latency['p50']:g} ms, p99 {latency['p99']:g} ms, max {latency['max']:g} ms",
        *([f"refused: {refused}"] if refused else []),
    ]
    counts = (
        ("skipped", "frames skipped"),
        ("busy", "times busy (429)"),
        ("server_failures", "times failing"),
        ("unreachable", "times unreachable"),
    )
    return "; ".join(parts + [f"{facts[key]} {words}" for key, words in counts if facts[key]])
