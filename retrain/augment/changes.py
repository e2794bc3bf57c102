"""What can be done to one frame, with every number drawn: the language between the draw and the two devices that carry it out.

Coordinates are continuous: a pixel is a square, the frame reaches from (0, 0) to (width, height), y down. Carried out by `pixels` (NumPy and OpenCV) and
by `twin` (torch); the boxes follow in `geometry`, from the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FILL: Final = 114
"""Grey of what lies outside the frame, as in a letterbox (contracts.frames.prepare). Not a reflection: that would show objects without boxes."""
LUMA: Final = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Every point goes through a homography [3, 3], from old to new coordinates."""

    matrix: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Every value is looked up: [256, 3], one column a channel."""

    values: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Distances to the frame's own mean luma are multiplied."""

    factor: float


@dataclass(frozen=True, slots=True, eq=False)
class Colour:
    """Colours go through a matrix [3, 3]."""

    matrix: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Blur:
    """Convolved with the outer product of a symmetric kernel [k], k odd, with itself; borders are mirrored."""

    kernel: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """Convolved with a kernel [k, k], k odd; borders are mirrored."""

    kernel: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of this standard deviation in grey levels is added, independent by pixel, the same for its three channels: a grey camera's frames stay grey.

    `key` decides it.
    """

    deviation: float
    key: int


@dataclass(frozen=True, slots=True)
class Jpeg:
    """Compressed as a JPEG with chroma halved, and read again."""

    quality: int


@dataclass(frozen=True, slots=True)
class Cover:
    """A rectangle of whole pixels, right and bottom exclusive, is painted over: grey, or grey noise that `key` decides."""

    left: int
    top: int
    right: int
    bottom: int
    key: int | None


Change = Warp | Table | Contrast | Colour | Blur | Filter | Noise | Jpeg | Cover


def fused(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The same with neighbouring warps as one, and neighbouring tables as one: pixels are interpolated and rounded once."""
    found: list[Change] = []
    for change in changes:
        before = found[-1] if found else None
        if isinstance(before, Warp) and isinstance(change, Warp):
            found[-1] = Warp(change.matrix @ before.matrix)
        elif isinstance(before, Table) and isinstance(change, Table):
            found[-1] = Table(np.take_along_axis(change.values, before.values.astype(np.intp), axis=0))
        else:
            found.append(change)
    return tuple(found)
