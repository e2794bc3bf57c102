"""The serving process without what it does for the monitor: no image statistics and no events. Started by the benchmark alone, to see what they cost.

    python -m benchmarks.serving.unwatched --settings FILE      # as `python -m serving`

The settings switch sampling off. What is left of monitoring is the making of the event, for the answer is made from it, and the embedding's projection.
"""

import sys
from collections.abc import Sequence
from typing import Any

from contracts import frames
from contracts.events import AnyEvent
from contracts.statistics import NUMERIC, ImageStatistics
from serving import __main__ as serving
from serving.delivery.journal import Journal

_NONE = ImageStatistics(**dict.fromkeys(NUMERIC, 0.0), phash="0" * 16)


class Blind:
    """Stands where the statistics are computed; counts, so that a server that computes them elsewhere is found out."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Any, previous: Any = None) -> Any:
        """No statistics, and no thumbnail to remember."""
        self.calls += 1
        return _NONE, None


def _unwritten(_: Journal, __: Sequence[AnyEvent]) -> bool:
    return True


def main() -> int:
    """Serve. The exit status is 3 where the switches did not bite."""
    blind = Blind()
    frames.measure = blind
    Journal.write = _unwritten  # type: ignore[method-assign, assignment]
    status = serving.main()
    return status or (0 if blind.calls else 3)


if __name__ == "__main__":
    sys.exit(main())
