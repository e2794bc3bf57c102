"""The changes carried out on one frame by OpenCV and NumPy, most of it without the interpreter's lock, so that threads share the work."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels
from retrain.augment.changes import FILL, LUMA, Blur, Change, Colour, Contrast, Cover, Filter, Jpeg, Noise, Table, Warp

FOUR_BYTES: Final = (510.0, 147.8)
"""Mean and standard deviation of the sum of four random bytes: 4 x 127.5, and sqrt(4 (256^2 - 1) / 12)."""
_HALF: Final = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])


def carried_out(changes: Sequence[Change], image: Pixels) -> Pixels:
    """The changed frame, a new array; `image` [height, width, 3] stays as it is."""
    changed = image.copy() if not changes else image
    for change in changes:
        changed = _apply(change, changed)
    return changed


def _apply(change: Change, image: Pixels) -> Pixels:
    match change:
        case Warp():
            return _warp(image, change.matrix)
        case Table():
            return np.asarray(cv2.LUT(image, change.values[None]), dtype=np.uint8)
        case Contrast():
            return np.asarray(cv2.LUT(image, contrast_table(cv2.mean(image)[:3], change.factor)), dtype=np.uint8)
        case Colour():
            return np.asarray(cv2.transform(image, change.matrix), dtype=np.uint8)
        case Blur():
            return np.asarray(
                cv2.sepFilter2D(image, -1, change.kernel, change.kernel, borderType=cv2.BORDER_REFLECT_101), dtype=np.uint8
            )
        case Filter():
            return np.asarray(cv2.filter2D(image, -1, change.kernel, borderType=cv2.BORDER_REFLECT_101), dtype=np.uint8)
        case Noise():
            mean, spread = FOUR_BYTES
            added = (four_bytes(image.shape[0] * image.shape[1], change.key) - np.float32(mean)) * np.float32(
                change.deviation / spread
            )
            return np.clip(np.rint(image + added.reshape(*image.shape[:2], 1)), 0, 255).astype(np.uint8)
        case Jpeg():
            content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, change.quality])[1]
            return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
        case Cover():
            return _cover(image, change)


def contrast_table(means: Sequence[float], factor: float) -> NDArray[np.uint8]:
    """[256]: values of a frame with these channel means, their distance to its luma multiplied."""
    luma = float(np.dot(LUMA, means))
    return np.clip(np.rint(luma + (np.arange(256.0) - luma) * factor), 0, 255).astype(np.uint8)


def four_bytes(count: int, key: int) -> NDArray[np.float32]:
    """[count] sums of the four bytes of a hash of (key, number): nearly normal, bounded at 3.45 deviations, the same on every device.

    The hash is lowbias32 (Wellons 2018), two multiplications of 32 bits a value.
    """
    x = np.arange(count, dtype=np.uint32)
    x *= np.uint32(0x9E3779B1)
    x += np.uint32(key)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(16)
    pairs = (x & np.uint32(0x00FF00FF)) + (x >> np.uint32(8) & np.uint32(0x00FF00FF))
    return ((pairs & np.uint32(0xFFFF)) + (pairs >> np.uint32(16))).astype(np.float32)


def _warp(image: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """OpenCV counts from the middle of the first pixel, we from its corner."""
    height, width = image.shape[:2]
    centred = np.linalg.inv(_HALF) @ matrix @ _HALF
    straight = np.array_equal(centred[2], (0, 0, 1))
    warp, by = (cv2.warpAffine, centred[:2]) if straight else (cv2.warpPerspective, centred)
    moved = warp(image, by, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(FILL, FILL, FILL))
    return np.asarray(moved, dtype=np.uint8)


def _cover(image: Pixels, change: Cover) -> Pixels:
    covered = image.copy()
    part = covered[change.top : change.bottom, change.left : change.right]
    part[...] = FILL if change.key is None else paint(part.shape[0] * part.shape[1], change.key).reshape(*part.shape[:2], 1)
    return covered


def paint(count: int, key: int) -> NDArray[np.uint8]:
    """[count] values of noise about mid-grey."""
    values = (four_bytes(count, key) - np.float32(FOUR_BYTES[0])) * np.float32(0.25) + np.float32(128)
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
