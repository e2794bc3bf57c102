"""By what a slice is cut besides class and camera: the light that a frame was taken in, what its recording looks at, and what hides a part of it.

Something before the lens is told by the picture: cameras have a fixed focus, so that what covers a part of it is flat or out of focus there, and the
detail that this place always shows is gone. What is sharp and far (a person in the way) is not seen, nor anything where no place always shows something.
Objects that are hidden from one another, or cut off by the frame's edge, are told by their boxes.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels
from contracts.predictions import Box

LIGHTS: Final = ("dark", "medium", "bright")
VIEWPOINTS: Final = 4
RECORDINGS_EACH: Final = 3
"""Recordings to a viewpoint, at least on average: one of a single recording would be that recording."""
_ROUNDS: Final = 20
COVERED: Final = "partly covered"
MIN_REFERENCE: Final = 50
"""Frames of a camera that say what it usually shows."""
_BLOCKS: Final = 16
"""To a side."""
_SMOOTH: Final = 0.01
"""Of the longer side: the texture that a slight blur or the sensor's noise changes is left out."""
_SHOWS: Final = 0.2
"""Detail that a place shows always, or it tells nothing: sky has none to lose."""
_FLAT: Final = 0.5
"""A block is flat where its detail is less than this share of the least (its hundredth) that the reference shows there."""
_NEIGHBOURS: Final = 4
"""Flat blocks that touch, from which a frame is partly covered: single ones are chance. Measured at 96 and 128 pixels on solar cells and on a temple, seen by
a camera that stands still: of clean, dark, blurred and noisy frames 0 to 8 % are called so, with a black or blurred square on a sixth of the picture 89
to 100 %, on a sixteenth 41 to 94 %. Where every frame has another background nothing is."""
_EDGE: Final = 0.005
"""Share of the frame's side within which a box touches its edge: people do not draw to the pixel."""
_OVERLAPPED: Final = 0.3
"""Share of an object's box that lies in another's."""


def light_of(luma: NDArray[np.float32], reference: NDArray[np.float32]) -> tuple[str, ...]:
    """Which third of the training set's light each frame's mean luma [N] falls into; () where there is no reference."""
    if not len(reference):
        return ()
    return tuple(LIGHTS[i] for i in np.searchsorted(np.quantile(reference, (1 / 3, 2 / 3)), luma))


def viewpoint_of(embedding: NDArray[np.float32], recordings: Sequence[str]) -> tuple[str, ...]:
    """Which of up to VIEWPOINTS alike-looking clusters each frame's recording is in, by its mean embedding; () for too few recordings to part.

    Lloyd's k-means from centres that lie farthest apart (Gonzalez 1985): no seed, the same frames in any order give the same clusters.
    """
    names, member = np.unique(np.asarray(recordings, dtype=np.str_), return_inverse=True)
    clusters = min(VIEWPOINTS, len(names) // RECORDINGS_EACH)
    if clusters < 2:
        return ()
    means = np.zeros((len(names), embedding.shape[1]), dtype=np.float64)
    np.add.at(means, member, embedding)
    means /= np.bincount(member)[:, None]
    centres = means[[int(_distances(means, means.mean(axis=0, keepdims=True))[:, 0].argmax())]]
    while len(centres) < clusters:
        centres = np.concatenate([centres, means[[int(_distances(means, centres).min(axis=1).argmax())]]])
    for _ in range(_ROUNDS):
        nearest = _distances(means, centres).argmin(axis=1)
        centres = np.stack([means[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k] for k in range(clusters)])
    return tuple(f"view {nearest[group] + 1}" for group in member)


def detail(frame: Pixels) -> NDArray[np.float32]:
    """How much each block of a prepared frame shows [_BLOCKS x _BLOCKS]: its mean gradient over that of the frame's middling block."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), _SMOOTH * max(grey.shape))
    slope = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    each = cv2.resize(slope, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA).ravel()
    return np.asarray(each / max(float(np.median(each)), 1e-6), dtype=np.float32)


def covered(frames: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which frames [N] have neighbouring blocks without the detail that the same camera's `reference` always shows there; both are rows of `detail`.

    None where the reference has fewer than MIN_REFERENCE frames. After the tamper detection of Aksay, Temizel and Cetin 2007, block by block.
    """
    if len(reference) < MIN_REFERENCE:
        return np.zeros(len(frames), dtype=np.bool_)
    least = np.quantile(reference, 0.01, axis=0)
    flat = (frames < _FLAT * least) & (least > _SHOWS)
    return np.array([_largest(one.reshape(_BLOCKS, _BLOCKS)) >= _NEIGHBOURS for one in flat], dtype=np.bool_)


def partly_hidden(boxes: Sequence[Box], width: int, height: int) -> tuple[bool, ...]:
    """Of each of a frame's true objects, whether the frame's edge cuts it off or another object's box lies on it. Who of two is in front boxes do not say:
    both count, each by its own share. `width` and `height` are the frame's, in pixels."""
    found = []
    for one in boxes:
        cut = min(one.x1, width - one.x2) <= _EDGE * width or min(one.y1, height - one.y2) <= _EDGE * height
        area = max((one.x2 - one.x1) * (one.y2 - one.y1), 1e-9)
        found.append(cut or any(_common(one, other) > _OVERLAPPED * area for other in boxes if other is not one))
    return tuple(found)


def _largest(flat_HW: NDArray[np.bool_]) -> int:
    """Blocks of the largest group that touch by a side."""
    _, _, table, _ = cv2.connectedComponentsWithStats(flat_HW.astype(np.uint8), connectivity=4)
    return int(table[1:, cv2.CC_STAT_AREA].max(initial=0))


def _common(one: Box, other: Box) -> float:
    return max(0.0, min(one.x2, other.x2) - max(one.x1, other.x1)) * max(0.0, min(one.y2, other.y2) - max(one.y1, other.y1))


def _distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared Euclidean distances [n, m]."""
    return np.asarray((first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2.0 * first @ second.T)
