"""What counts as one scene: a camera's frames of one stretch of time. Its name follows from the frame alone, so that it is the same in every attempt.

Frames of one recording resemble each other; a set that holds a neighbour of a judged frame judges its own memory. Neighbours on both sides of a
stretch's end are found by their looks (duplicates.py), and their recordings are dealt as one.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 10
"""Labelled frames of one camera in a row that count as neighbours."""
GAP_S: Final = 60.0
"""A camera that was silent this long between two labelled frames shows another scene."""
BUCKETS_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, GAP_S)


def recording_of(site: str, camera: str, captured_at: float, bucket_s: float) -> str:
    """`site/camera/second`: the camera's stretch of `bucket_s` seconds (whole ones) that a frame of `captured_at` (Unix seconds) lies in."""
    return f"{site}/{camera}/{int(captured_at // bucket_s * bucket_s)}"


def usual_bucket_s(cameras: Sequence[str], times_s: Sequence[float]) -> float:
    """The stretch that holds about BLOCK labelled frames of a camera, one of BUCKETS_S; GAP_S where labels are rarer or too few to tell."""
    order = np.lexsort((times_s, cameras))
    same = np.array([cameras[i] == cameras[j] for i, j in pairwise(order)], dtype=np.bool_)
    gaps = np.diff(np.asarray(times_s, dtype=np.float64)[order])[same] if len(order) else np.zeros(0)
    wanted = BLOCK * float(np.median(gaps)) if len(gaps) else GAP_S
    return next((bucket for bucket in BUCKETS_S if bucket > 0.999 * wanted), GAP_S)


def joined(recordings: Sequence[str], pairs: Iterable[NDArray[np.int64]]) -> list[str]:
    """The recording of each frame, those that hold the two frames of a pair made one. `pairs` come in blocks [m, 2] of frame numbers."""
    names, member = np.unique(np.asarray(recordings, dtype=object), return_inverse=True)
    parent = list(range(len(names)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for block in pairs:
        for first, second in np.unique(np.sort(member[block], axis=1), axis=0).tolist():
            low, high = sorted((root(first), root(second)))
            parent[high] = low
    return [str(names[root(number)]) for number in member.tolist()]
