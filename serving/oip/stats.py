"""What GET v2/models/NAME/stats tells: how often each version was asked over the Open Inference Protocol, and how long it took. For one thread.

Frames of /v1 are not in here; /metrics counts them all.
"""

from dataclasses import dataclass
from typing import Any


@dataclass
class _Tally:
    requests: int = 0
    frames: int = 0
    failed: int = 0
    waited_s: float = 0.0
    computed_s: float = 0.0
    failed_s: float = 0.0
    last_at: float = 0.0


class Statistics:
    """Counts since the start, by version, of those that were in service at most `kept` versions ago."""

    def __init__(self, kept: int = 16) -> None:
        self._kept = kept
        self._tallies: dict[str, _Tally] = {}

    def add(self, version: str, frames: int, waited_s: float, computed_s: float, now: float) -> None:
        """One request: its answered frames (0: it failed), the time to its first frame's turn and from there to the last answer; `now` Unix seconds."""
        tally = self._tallies.setdefault(version, _Tally())
        if len(self._tallies) > self._kept:
            del self._tallies[next(iter(self._tallies))]
        tally.last_at = now
        if frames == 0:
            tally.failed += 1
            tally.failed_s += waited_s + computed_s
            return
        tally.requests += 1
        tally.frames += frames
        tally.waited_s += waited_s
        tally.computed_s += computed_s

    def of(self, model: str, version: str) -> dict[str, Any]:
        """A version's entry, in the form of Triton's statistics extension; what is not told apart here (`compute_input`, `_output`) is in `compute_infer`."""
        tally = self._tallies.get(version, _Tally())
        count = tally.requests

        def took(count: int, seconds: float) -> dict[str, int]:
            return {"count": count, "ns": round(seconds * 1e9)}

        return {
            "name": model,
            "version": version,
            "last_inference": round(tally.last_at * 1000),
            "inference_count": tally.frames,
            "execution_count": count,
            "inference_stats": {
                "success": took(count, tally.waited_s + tally.computed_s),
                "fail": took(tally.failed, tally.failed_s),
                "queue": took(count, tally.waited_s),
                "compute_input": took(count, 0.0),
                "compute_infer": took(count, tally.computed_s),
                "compute_output": took(count, 0.0),
                "cache_hit": took(0, 0.0),
                "cache_miss": took(0, 0.0),
            },
            "response_stats": {},
            "batch_stats": [],
            "memory_usage": [],
        }
