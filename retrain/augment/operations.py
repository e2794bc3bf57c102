"""The operations by name: in what unit each is strong, how strong it usually is and may be, and what it draws.

A magnitude of 0 leaves the frame as it is, for every operation that has one; the flips have none. Everything that is random is drawn here, from the
generator that is passed in.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrain.augment.changes import LUMA, Blur, Change, Colour, Contrast, Cover, Filter, Jpeg, Noise, Table, Warp

Floats = NDArray[np.float64]
_FOG: Final = 200.0
"""Grey level of fog, as in the stress gate."""
_KEYS: Final = 2**32


class Range(NamedTuple):
    """Magnitudes from `low` to `high`, drawn uniformly."""

    low: float
    high: float


class Frame(NamedTuple):
    """The size of what is changed, in pixels."""

    width: int
    height: int


Draw = Callable[[float, Frame, np.random.Generator], Change]


@dataclass(frozen=True, slots=True)
class Operation:
    """`usual` magnitudes are drawn where none are declared; those outside `widest` are refused."""

    does: str
    unit: str
    usual: Range
    widest: Range
    draw: Draw


def _crop(m: float, frame: Frame, random: np.random.Generator) -> Warp:
    x, y = random.random(2) * m
    return Warp(_scaled(1 / (1 - m), 1 / (1 - m)) @ _shifted(-x * frame.width, -y * frame.height))


def _flip(_: float, frame: Frame, __: np.random.Generator) -> Warp:
    return Warp(np.array([[-1.0, 0, frame.width], [0, 1, 0], [0, 0, 1]]))


def _flip_vertical(_: float, frame: Frame, __: np.random.Generator) -> Warp:
    return Warp(np.array([[1.0, 0, 0], [0, -1, frame.height], [0, 0, 1]]))


def _rotate(m: float, frame: Frame, _: np.random.Generator) -> Warp:
    sine, cosine = math.sin(math.radians(m)), math.cos(math.radians(m))
    return _centred(np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]), frame)


def _shear(m: float, frame: Frame, random: np.random.Generator) -> Warp:
    x, y = (m, 0.0) if random.random() < 0.5 else (0.0, m)
    return _centred(np.array([[1.0, x, 0], [y, 1, 0], [0, 0, 1]]), frame)


def _translate(m: float, frame: Frame, random: np.random.Generator) -> Warp:
    angle = random.random() * 2 * math.pi
    return Warp(_shifted(m * frame.width * math.cos(angle), m * frame.height * math.sin(angle)))


def _zoom(m: float, frame: Frame, _: np.random.Generator) -> Warp:
    return _centred(_scaled(2.0**m, 2.0**m), frame)


def _perspective(m: float, frame: Frame, random: np.random.Generator) -> Warp:
    """Each corner of a quadrangle, which becomes the frame, is up to `m` of the sides inside of the frame's own. From 0.23 on its horizon could cross the
    frame."""
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * random.random((4, 2)) * m
    corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    unit = _homography(corners + inwards, corners)
    return Warp(_scaled(*frame) @ unit @ _scaled(1 / frame.width, 1 / frame.height))


def _gamma(m: float, _: Frame, __: np.random.Generator) -> Table:
    return _table(lambda v: 255 * (v / 255) ** (2.0**m))


def _brightness(m: float, _: Frame, __: np.random.Generator) -> Table:
    return _table(lambda v: v * 2.0**m)


def _contrast(m: float, _: Frame, __: np.random.Generator) -> Contrast:
    return Contrast(2.0**m)


def _saturation(m: float, _: Frame, __: np.random.Generator) -> Colour:
    return Colour((1 + m) * np.eye(3) - m * LUMA)


def _warmth(m: float, _: Frame, __: np.random.Generator) -> Table:
    return _table(lambda v: v * 2.0 ** np.array([m, 0, -m]))


def _tint(m: float, _: Frame, __: np.random.Generator) -> Table:
    return _table(lambda v: v * 2.0 ** np.array([m / 2, -m, m / 2]))


def _fog(m: float, _: Frame, __: np.random.Generator) -> Table:
    return _table(lambda v: v * (1 - m) + _FOG * m)


def _blur(m: float, frame: Frame, _: np.random.Generator) -> Blur:
    return Blur(_gauss(m / 100 * max(frame), frame))


def _motion_blur(m: float, frame: Frame, random: np.random.Generator) -> Filter:
    """Light gathered along a straight line: its points are shared out to the four pixels around each."""
    length, angle = m / 100 * max(frame), random.random() * math.pi
    radius = _radius(length / 2 + 1, frame)
    along = np.linspace(-0.5, 0.5, 8 * radius + 1) * min(length, 2 * radius - 1)
    x, y = along * math.cos(angle) + radius, along * math.sin(angle) + radius
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    for right, down in ((0, 0), (0, 1), (1, 0), (1, 1)):
        np.add.at(kernel, (row + down, column + right), np.abs(1 - down - (y - row)) * np.abs(1 - right - (x - column)))
    return Filter((kernel / kernel.sum()).astype(np.float32))


def _sharpen(m: float, frame: Frame, _: np.random.Generator) -> Filter:
    """An unsharp mask: what a blur of one pixel takes away is added."""
    soft = _gauss(1.0, frame)
    kernel = -m * np.outer(soft, soft)
    kernel[len(soft) // 2, len(soft) // 2] += 1 + m
    return Filter(kernel.astype(np.float32))


def _noise(m: float, _: Frame, random: np.random.Generator) -> Noise:
    return Noise(m, int(random.integers(_KEYS)))


def _jpeg(m: float, _: Frame, __: np.random.Generator) -> Jpeg:
    return Jpeg(round(100 - m))


def _erase(m: float, frame: Frame, random: np.random.Generator) -> Cover:
    """Zhong et al., Random erasing data augmentation, 2020: sides in a ratio of 0.3 to 3.3, filled with random values."""
    return _cover(m, 0.3 ** random.uniform(-1, 1), frame, random, int(random.integers(_KEYS)))


def _cutout(m: float, frame: Frame, random: np.random.Generator) -> Cover:
    """DeVries and Taylor 2017, with the square kept within the frame."""
    return _cover(m, 1.0, frame, random, None)


def _cover(m: float, ratio: float, frame: Frame, random: np.random.Generator, key: int | None) -> Cover:
    width = min(frame.width, max(1, round(m * frame.width * math.sqrt(ratio))))
    height = min(frame.height, max(1, round(m * frame.height / math.sqrt(ratio))))
    left, top = int(random.integers(frame.width - width + 1)), int(random.integers(frame.height - height + 1))
    return Cover(left, top, left + width, top + height, key)


def _scaled(x: float, y: float) -> Floats:
    return np.diag([x, y, 1.0])


def _shifted(x: float, y: float) -> Floats:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def _centred(matrix: Floats, frame: Frame) -> Warp:
    x, y = frame.width / 2, frame.height / 2
    return Warp(_shifted(x, y) @ matrix @ _shifted(-x, -y))


def _homography(old: Floats, new: Floats) -> Floats:
    """[3, 3] from four points [4, 2] to four points [4, 2], no three of them on a line: eight linear equations, the last entry is 1."""
    rows, values = [], []
    for (x, y), (u, v) in zip(old, new, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def _table(curve: Callable[[Floats], Floats]) -> Table:
    """`curve` takes [256, 1] and answers [256, 1] or [256, 3]."""
    values = np.clip(np.rint(curve(np.arange(256.0)[:, None])), 0, 255).astype(np.uint8)
    return Table(np.ascontiguousarray(np.broadcast_to(values, (256, 3))))


def _radius(reach: float, frame: Frame) -> int:
    """Of a kernel that reaches this far; mirrored borders are never longer than the frame."""
    return max(1, min(math.ceil(reach), min(frame) - 1))


def _gauss(sigma: float, frame: Frame) -> NDArray[np.float32]:
    radius = _radius(3 * sigma, frame)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


_ALWAYS: Final = Range(1, 1)
OPERATIONS: Final[dict[str, Operation]] = {
    "crop": Operation(
        "cuts a part out, anywhere, and enlarges it", "share of the sides cut off", Range(0, 0.3), Range(0, 0.9), _crop
    ),
    "flip": Operation("mirrors left and right", "", _ALWAYS, _ALWAYS, _flip),
    "flip_vertical": Operation("mirrors top and bottom", "", _ALWAYS, _ALWAYS, _flip_vertical),
    "rotate": Operation("turns about the centre, clockwise above 0", "degrees", Range(-30, 30), Range(-180, 180), _rotate),
    "shear": Operation("slants, along either axis", "tangent", Range(-0.2, 0.2), Range(-1, 1), _shear),
    "translate": Operation("moves, in any direction", "share of the sides", Range(0, 0.2), Range(0, 0.9), _translate),
    "zoom": Operation("enlarges or shrinks about the centre", "powers of 2", Range(-0.5, 0.5), Range(-2, 2), _zoom),
    "perspective": Operation("looks from aside", "share of the sides", Range(0, 0.2), Range(0, 0.2), _perspective),
    "gamma": Operation(
        "bends the tone curve; above 0 darker", "powers of 2, of the exponent", Range(-0.7, 0.7), Range(-3, 3), _gamma
    ),
    "brightness": Operation("multiplies all values", "powers of 2", Range(-1, 1), Range(-4, 4), _brightness),
    "contrast": Operation("stretches about the mean luma", "powers of 2", Range(-1, 1), Range(-4, 2), _contrast),
    "saturation": Operation("strengthens colours; -1 is grey", "share", Range(-1, 1), Range(-1, 3), _saturation),
    "warmth": Operation("red up and blue down", "powers of 2", Range(-0.3, 0.3), Range(-2, 2), _warmth),
    "tint": Operation("red and blue up and green down", "powers of 2", Range(-0.3, 0.3), Range(-2, 2), _tint),
    "fog": Operation("lays bright grey over all", "share", Range(0, 0.5), Range(0, 0.95), _fog),
    "blur": Operation("out of focus (Gaussian)", "standard deviation, % of the longer side", Range(0, 1), Range(0, 10), _blur),
    "motion_blur": Operation(
        "a straight movement, in any direction", "length, % of the longer side", Range(0, 5), Range(0, 20), _motion_blur
    ),
    "sharpen": Operation("an unsharp mask of one pixel", "strength", Range(0, 2), Range(0, 10), _sharpen),
    "noise": Operation("adds sensor noise", "standard deviation, grey levels", Range(0, 20), Range(0, 100), _noise),
    "jpeg": Operation("compresses, chroma halved", "100 less the quality", Range(0, 80), Range(0, 99), _jpeg),
    "erase": Operation("paints noise over a rectangle", "share of the sides", Range(0, 0.4), Range(0, 0.9), _erase),
    "cutout": Operation("paints grey over a rectangle", "share of the sides", Range(0, 0.4), Range(0, 0.9), _cutout),
}
