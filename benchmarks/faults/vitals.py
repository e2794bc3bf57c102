"""Memory and file descriptors of the services' processes over the run, read from /proc."""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.faults.service import Service

WARM_S: Final = 20.0
"""After its start a process is not looked at: it loads."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Reading(NamedTuple):
    """Of one life of a service."""

    at: float
    rss_mib: float
    descriptors: int


class Trend(NamedTuple):
    """Of the longest life that was looked at: `slope` of the resident memory in MiB an hour, by least squares."""

    minutes: float
    first_mib: float
    last_mib: float
    slope: float
    most_descriptors: int
    last_descriptors: int


class Vitals:
    """Readings by service and life."""

    def __init__(self) -> None:
        self._readings: dict[tuple[str, int], list[Reading]] = {}

    def read(self, services: Iterable[Service]) -> None:
        """Look at all that live."""
        for service in services:
            if (reading := _reading(service.pid)) is not None:
                self._readings.setdefault((service.name, service.life), []).append(reading)

    def trend(self, service: str) -> Trend | None:
        """None where no life was long enough."""
        lives = [_warm(readings) for (name, _), readings in self._readings.items() if name == service]
        longest = max(lives, key=lambda one: one[-1].at - one[0].at if one else 0.0, default=[])
        return trend(longest) if len(longest) > 2 else None


def trend(readings: Sequence[Reading]) -> Trend:
    """Of at least two readings at different times."""
    hours = [(one.at - readings[0].at) / 3600 for one in readings]
    mean_h, mean_mib = sum(hours) / len(hours), sum(one.rss_mib for one in readings) / len(readings)
    spread = sum((h - mean_h) ** 2 for h in hours)
    slope = sum((h - mean_h) * (one.rss_mib - mean_mib) for h, one in zip(hours, readings, strict=True)) / spread
    most = max(one.descriptors for one in readings)
    return Trend(60 * hours[-1], readings[0].rss_mib, readings[-1].rss_mib, slope, most, readings[-1].descriptors)


def _warm(readings: Sequence[Reading]) -> list[Reading]:
    return [one for one in readings if one.at - readings[0].at >= WARM_S]


def _reading(pid: int) -> Reading | None:
    if not pid:
        return None
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return Reading(time.monotonic(), pages * _PAGE / 2**20, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
