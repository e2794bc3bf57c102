"""Regimes that were seen before: where frames lay when a case closed or a version was replaced, and which version served them.

A regime is a mean frame, its image statistics and its embedding, as they are and not on the axes of any version, so that every later version can
project it on its own. It is met again where a camera's mean frame comes as near to it as the version's own recordings scatter, or within a third of
its distance from what the version expects.

On video, where what is usual depends on the hour, a regime is a departure: how far frames lay from what their cameras show at that time of day. It is
met again by a departure that comes within a third of its length.
"""

from typing import Final

import msgspec
import numpy as np

from contracts.statistics import NUMERIC
from monitor.detectors.ewma import Floats
from monitor.items.form import WIDEST
from monitor.items.reference import Reference

KEPT: Final = 16
"""Regimes of a model, 5 kB each for an embedding of 2,560; the oldest go."""
NEAR: Final = 1 / 3


class Regime(msgspec.Struct, frozen=True):
    """One regime: the version that `served` it, and `until` when (Unix seconds). A `departure` holds differences (statistics in floors), else places."""

    served: str
    until: float
    statistics: bytes
    """float32 [10]: means, as they are watched (some are logarithms)"""
    embedding: bytes
    """float16 [D]; of a departure [0] where the version had no history of it"""
    departure: bool = False


class Regimes(msgspec.Struct):
    """A model's regimes, oldest first."""

    kept: list[Regime] = []

    def remember(self, regime: Regime, now: Reference) -> None:
        """Keep a regime; older ones that are the same by the coordinates of `now` give way."""
        new = _place(regime, now)
        self._replace([old for old in self.kept if new is not None and _same(_place(old, now), new, now)], regime)

    def remember_departure(self, regime: Regime, departure: Floats, now: Reference | None) -> None:
        """The same for a departure [10 + A] or [10]."""
        self._replace([old for old in self.kept if _off(old, departure, now) <= NEAR], regime)

    def nearest(self, mean: Floats, now: Reference) -> Regime | None:
        """The regime that a mean frame [F], in the coordinates of `now`, comes back to; None where none is near enough."""
        found: list[tuple[float, Regime]] = []
        for regime in self.kept:
            place = _place(regime, now)
            if place is not None and _same(place, mean, now):
                found.append((float(np.linalg.norm(place - mean)), regime))
        return min(found, key=lambda entry: entry[0])[1] if found else None

    def nearest_departure(self, departure: Floats, now: Reference | None) -> Regime | None:
        """The regime that a departure [10 + A] or [10], on the axes of `now`, repeats; None where none is near enough."""
        nearest = min(self.kept, key=lambda old: _off(old, departure, now), default=None)
        return nearest if nearest is not None and _off(nearest, departure, now) <= NEAR else None

    def _replace(self, older: list[Regime], newer: Regime) -> None:
        self.kept = [*(old for old in self.kept if old not in older), newer][-KEPT:]


def seen(mean: Floats, of: Reference, served: str, until: float) -> Regime:
    """The regime of a mean frame [F] in the coordinates of the version `of`."""
    raw = mean * of.form.deviation + of.form.centre
    k = len(NUMERIC)
    embedding = of.centre + np.linalg.pinv(of.axes) @ raw[k:]
    return Regime(served, until, raw[:k].astype(np.float32).tobytes(), embedding.astype(np.float16).tobytes())


def departed(departure: Floats, of: Reference | None, served: str, until: float) -> Regime:
    """The regime of a departure [10 + A] or [10] on the axes of the version `of`."""
    k = len(NUMERIC)
    embedding = np.zeros(0) if of is None or len(departure) == k else np.linalg.pinv(of.axes) @ departure[k:]
    return Regime(served, until, departure[:k].astype(np.float32).tobytes(), embedding.astype(np.float16).tobytes(), departure=True)


def usual(of: Reference, until: float) -> Regime:
    """The regime that a version was made for: its own reference."""
    return seen(of.form.usual[: len(of.form.centre)], of, of.version, until)


def _place(regime: Regime, now: Reference) -> Floats | None:
    """Where a regime lies in the coordinates [F] of a version; None where its embedding has another width."""
    embedding = np.frombuffer(regime.embedding, np.float16).astype(np.float64)
    if regime.departure or embedding.shape != now.centre.shape:
        return None
    raw = np.concatenate([np.frombuffer(regime.statistics, np.float32), now.axes @ (embedding - now.centre)])
    return np.asarray(np.clip((raw - now.form.centre) / now.form.deviation, -WIDEST, WIDEST))


def _same(place: Floats | None, mean: Floats, now: Reference) -> bool:
    """Whether a mean frame lies at a regime's place, and not where the version expects its frames anyway."""
    if place is None:
        return False
    off = float(np.linalg.norm(place - mean))
    normal = float(np.linalg.norm(place - now.form.usual[: len(place)]))
    return off < normal and off <= max(now.form.scatter, NEAR * normal)


def _off(regime: Regime, departure: Floats, now: Reference | None) -> float:
    """The distance of a departure from a regime's, in the regime's length, over the features that both have; infinite where it is none."""
    if not regime.departure:
        return np.inf
    own = np.frombuffer(regime.statistics, np.float32).astype(np.float64)
    embedding = np.frombuffer(regime.embedding, np.float16).astype(np.float64)
    if now is not None and len(departure) > len(own) and embedding.shape == now.centre.shape:
        own = np.concatenate([own, now.axes @ embedding])
    length = float(np.linalg.norm(own))
    return float(np.linalg.norm(departure[: len(own)] - own)) / length if length else np.inf
