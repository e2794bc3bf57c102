"""Which stored frames are worth a person's look next: half of them unsure and unlike each other, three tenths drifted, two tenths any traffic.

The uniformly sampled frames measure quality, and they measure without bias only if nothing about their answers decides which of them are labelled
(docs/labels.md). So the drifted and the plain ones are drawn first, among uniformly sampled frames, by a hash of their ids; the unsure ones are looked for
among the other frames alone, which no estimate counts. Pure: the same frames, seed and numbers give the same list, in whatever order they come.
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contracts.events import Sample

UNSURE: Final = 0.5
DRIFTED: Final = 0.3
MOST_UNSURE: Final = 5
"""Diversity chooses among so many times as many unsure frames as are wanted."""
DAY_S: Final = 86_400.0
Why = Literal["uncertain", "drifted", "uniform"]


class Candidate(NamedTuple):
    """A stored frame without a label. `embedding` [D] float16 on the axes of its version's baseline, [0] where it has none; `entropy` in nats."""

    frame_id: str
    camera: str
    captured_at: float
    path: str
    sample: Sample
    version: str
    entropy: float
    suggested: str
    embedding: NDArray[np.float16]


class Pick(NamedTuple):
    """A frame to label, and what chose it."""

    frame: Candidate
    why: Why


def select(
    pool: Sequence[Candidate], count: int, drifted_since: float | None, cameras: frozenset[str], per_camera_day: int, seed: str
) -> list[Pick]:
    """At most `count` frames, so mixed that every beginning of the list holds the shares.

    `drifted_since` (Unix seconds) and `cameras` (none: all) say which frames are drifted; None: none is, and their share is plain traffic. At most
    `per_camera_day` frames of a camera and day. Where the unsure ones do not suffice, plain traffic takes their place.
    """
    caps = _Caps(per_camera_day)
    dealt = sorted((one for one in pool if one.sample == "uniform"), key=lambda one: _place(one, seed))
    drifted = [
        one
        for one in dealt
        if drifted_since is not None and one.captured_at >= drifted_since and (not cameras or one.camera in cameras)
    ]
    looked_at = [one for one in pool if one.sample != "uniform"]
    wanted_unsure = int(count * UNSURE + 0.5)
    picks = [Pick(one, "drifted") for one in caps.take(drifted, int(count * DRIFTED + 0.5))]
    taken = {pick.frame.frame_id for pick in picks}
    plain = [one for one in dealt if one.frame_id not in taken]
    picks += [Pick(one, "uniform") for one in caps.take(plain, count - wanted_unsure - len(picks))]
    unsure = [Pick(one, "uncertain") for one in _unsure(looked_at, wanted_unsure, caps, seed)]
    taken |= {pick.frame.frame_id for pick in picks}
    rest = [one for one in plain if one.frame_id not in taken]
    picks += [Pick(one, "uniform") for one in caps.take(rest, count - len(unsure) - len(picks))]
    return _mixed(unsure, [pick for pick in picks if pick.why == "drifted"], [pick for pick in picks if pick.why == "uniform"])


def _unsure(pool: list[Candidate], count: int, caps: "_Caps", seed: str) -> list[Candidate]:
    """Of the most unsure frames of the newest version those that lie farthest from each other: k-center, greedily (Gonzalez 1985; Sener and Savarese 2018)."""
    if not pool or not count:
        return []
    newest = max(pool, key=lambda one: (one.captured_at, one.frame_id)).version
    ranked = sorted((one for one in pool if one.version == newest), key=lambda one: (-one.entropy, _place(one, seed)))
    near = caps.allowed(ranked, MOST_UNSURE * count)
    width = max(len(one.embedding) for one in near) if near else 0
    points = np.array([one.embedding if len(one.embedding) == width else np.zeros(width) for one in near], dtype=np.float64)
    return caps.take([near[at] for at in spread(points)], count)


def _mixed(*groups: Sequence[Pick]) -> list[Pick]:
    """Each group evenly over the whole list, in its own order."""
    places = [((at + 0.5) / len(group), number, at) for number, group in enumerate(groups) for at in range(len(group))]
    return [groups[number][at] for _, number, at in sorted(places)]


def spread(points: NDArray[np.float64]) -> list[int]:
    """The rows of `points` [N, D] in an order in which each is the farthest from all before it; the first row stands first. Ties keep their order.

    Axes are scaled to unit variance, so that none counts for its unit. O(N² D): N is a few hundred.
    """
    if len(points) == 0:
        return []
    scale = points.std(axis=0)
    scaled = (points - points.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    order, distance = [0], np.full(len(points), np.inf)
    for _ in range(len(points) - 1):
        distance = np.minimum(distance, ((scaled - scaled[order[-1]]) ** 2).sum(axis=1))
        distance[order[-1]] = -1.0
        order.append(int(distance.argmax()))
    return order


class _Caps:
    """At most `limit` frames of a camera and day."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[tuple[str, int]] = Counter()

    def take(self, frames: Sequence[Candidate], count: int) -> list[Candidate]:
        """The first `count` that the caps allow; they are counted."""
        found: list[Candidate] = []
        for one in frames:
            if len(found) >= count:
                break
            key = one.camera, int(one.captured_at // DAY_S)
            if self._taken[key] < self._limit:
                self._taken[key] += 1
                found.append(one)
        return found

    def allowed(self, frames: Sequence[Candidate], count: int) -> list[Candidate]:
        """The first `count` for which there is room now; they are not counted."""
        return [one for one in frames if self._taken[one.camera, int(one.captured_at // DAY_S)] < self._limit][:count]


def _place(one: Candidate, seed: str) -> bytes:
    """A frame's place in the deal: fixed for it, and blind to everything but its id."""
    return blake2b(f"{seed}/{one.frame_id}".encode(), digest_size=16).digest()
