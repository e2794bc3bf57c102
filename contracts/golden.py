"""Golden frames: `golden.npz` of a version, a few frames with what the version answered to them where it was made.

Whoever loads the version, on whatever hardware and in whatever precision, must get the same answers before a camera gets one. The pixels are prepared
ones (frames.prepare): it is the model that is checked, and another release of an image decoder refuses no version.
"""

import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.arrays import arrays
from contracts.errors import VersionError

_NAMES: Final = ("pixels", "probabilities", "embedding", "boxes")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Golden:
    """G frames: `pixels` uint8 [G, height, width, 3], `probabilities` [G, K] after temperature, `embedding` [G, A] on the baseline's axes.

    Of a detector K is 0, and `boxes` [G, M, 6] are what its graph answered (see contracts/detections.py); of a classifier there are none.
    """

    pixels: NDArray[np.uint8]
    probabilities: Floats
    embedding: Floats
    boxes: Floats | None = None

    def __len__(self) -> int:
        return len(self.pixels)


def encode(golden: Golden) -> bytes:
    """The bytes of golden.npz. No pickle inside."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **{name: array for name in _NAMES if (array := getattr(golden, name)) is not None})
    return stream.getvalue()


def decode(content: bytes, where: str) -> Golden:
    """Read golden.npz. Raises VersionError naming `where` and what is wrong."""
    try:
        found = arrays(content)
        pixels, probabilities, embedding = (found[name] for name in _NAMES[:3])
        boxes = found.get("boxes")
    except Exception as error:  # see arrays: ten kinds
        raise VersionError(f"{where}/golden.npz cannot be read: {error!r}") from error
    floats = [(probabilities, 2), (embedding, 2), *([(boxes, 3)] if boxes is not None else [])]
    fits = pixels.dtype == np.uint8 and pixels.ndim == 4 and len(pixels) >= 1
    fits &= all(one.dtype == np.float32 and one.shape[:1] == pixels.shape[:1] and one.ndim == ndim for one, ndim in floats)
    if not (fits and all(np.isfinite(one).all() for one, _ in floats)):
        raise VersionError(
            f"{where}/golden.npz holds {', '.join(_told(one) for one, _ in [(pixels, 4), *floats])}; expected uint8 [G, height, width, 3], "
            "float32 [G, K], float32 [G, A] and, of a detector, float32 [G, M, 6], all finite"
        )
    return Golden(pixels, probabilities, embedding, boxes)


def _told(array: Any) -> str:
    return f"{array.dtype} {list(array.shape)}"
