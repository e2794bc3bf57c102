"""Where boxes are after the changes of a frame: outlines are moved and cut as polygons, and what remains to be seen of each is added up.

An outline starts as its box's four corners and stays convex; the new box is the smallest upright one around it, made once at the end, so that several
turns do not let it grow several times. What a warp pushes over the border is cut off for good, as in the pixels.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain.augment.changes import Change, Cover, Warp

Floats = NDArray[np.float64]
_NEAREST: Final = 1e-3
"""Of an outline's depth: what is nearer to the viewer's own plane would be sent to infinity."""
LEAST_SIDE: Final = 2.0
"""Pixels: a box that is narrower or flatter teaches nothing and is dropped."""


def followed(
    changes: Sequence[Change], boxes: NDArray[np.float32], width: int, height: int, min_visibility: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Boxes [B, 4] (x1, y1, x2, y2) after the changes of a frame of this size, [b, 4], and which of them are left, [b].

    Dropped are those of which less than `min_visibility` can be seen still: the shares of their area, as it was before, that each warp left within the
    frame and each cover left open, multiplied. What lay outside the frame before counts as never seen.
    """
    found, left = [], []
    for number, box in enumerate(boxes):
        outline, seen = _followed(changes, _corners(box), width, height)
        if seen < min_visibility or not len(outline):
            continue
        low, high = outline.min(axis=0), outline.max(axis=0)
        if (high - low).min() >= LEAST_SIDE:
            found.append(np.concatenate([low, high]))
            left.append(number)
    return np.array(found, dtype=np.float32).reshape(-1, 4), np.array(left, dtype=np.int64)


def projected(matrix: Floats, points: Floats) -> Floats:
    """Points [n, 2] through a homography [3, 3]."""
    x, y, w = matrix @ np.vstack([points.T, np.ones(len(points))])
    return np.asarray(np.stack([x / w, y / w], axis=1))


def cut(polygon: Floats, left: float, top: float, right: float, bottom: float) -> Floats:
    """The part of a convex polygon [n, 2] within a rectangle, [m, 2]; m = 0 when nothing is. Sutherland and Hodgman 1974."""
    low, high = polygon.min(axis=0, initial=np.inf), polygon.max(axis=0, initial=-np.inf)
    if low[0] >= left and low[1] >= top and high[0] <= right and high[1] <= bottom:
        return polygon
    for axis, sign, limit in ((0, 1.0, left), (0, -1.0, -right), (1, 1.0, top), (1, -1.0, -bottom)):
        polygon = _inside(polygon, sign * polygon[:, axis] - limit)
    return polygon


def area(polygon: Floats) -> float:
    """In square pixels, of a polygon [n, 2]: the shoelace formula."""
    x, y = polygon.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2) if len(polygon) > 2 else 0.0


def _corners(box: NDArray[np.float32]) -> Floats:
    x1, y1, x2, y2 = box.astype(np.float64)
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def _inside(polygon: Floats, distance: Floats) -> Floats:
    """The part of a convex polygon where a linear function, known at its corners [n], is not negative."""
    points = []
    for here, there, a, b in zip(polygon, np.roll(polygon, -1, axis=0), distance, np.roll(distance, -1), strict=True):
        if a >= 0:
            points.append(here)
        if (a >= 0) != (b >= 0):
            points.append(here + (there - here) * (a / (a - b)))
    return np.array(points).reshape(-1, 2)


def _in_front(matrix: Floats, polygon: Floats) -> Floats:
    """The part of a polygon that a homography does not send behind the viewer."""
    w = polygon @ matrix[2, :2] + matrix[2, 2]
    return polygon if w.min() > 0 else _inside(polygon, w - _NEAREST * np.abs(w).max())


def _followed(changes: Sequence[Change], outline: Floats, width: int, height: int) -> tuple[Floats, float]:
    outline, seen = cut(outline, 0, 0, width, height), 1.0
    for change in changes:
        whole = area(outline)
        if not whole:
            return outline[:0], 0.0
        if isinstance(change, Warp):
            outline = cut(projected(change.matrix, _in_front(change.matrix, outline)), 0, 0, width, height)
            inverse = np.asarray(np.linalg.inv(change.matrix), dtype=np.float64)
            seen *= area(projected(inverse, outline)) / whole
        elif isinstance(change, Cover):
            seen *= 1 - area(cut(outline, change.left, change.top, change.right, change.bottom)) / whole
    return outline, seen
