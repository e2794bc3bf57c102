"""What cameras do to frames, on purpose: seven corruptions at three severities, seeded, on frames as prepared for the model.

After Hendrycks and Dietterich 2019 (ImageNet-C), reduced to what happens to a fixed camera. The gate asks whether a candidate bears them no worse than
the champion, not whether either bears them well.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import cv2
import numpy as np

from contracts.frames import Pixels

Corruption = Callable[[Pixels, int, np.random.Generator], Pixels]
SEVERITIES: Final = (0, 1, 2)


def _dark(image: Pixels, severity: int, _: np.random.Generator) -> Pixels:
    return _clipped(image.astype(np.float32) * (0.7, 0.5, 0.3)[severity])


def _bright(image: Pixels, severity: int, _: np.random.Generator) -> Pixels:
    return _clipped(image.astype(np.float32) * (1.3, 1.6, 2.0)[severity])


def _blur(image: Pixels, severity: int, _: np.random.Generator) -> Pixels:
    sigma = (0.004, 0.008, 0.015)[severity] * max(image.shape[:2])
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def _noise(image: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    return _clipped(image + random.normal(0.0, (5.0, 10.0, 20.0)[severity], image.shape).astype(np.float32))


def _fog(image: Pixels, severity: int, _: np.random.Generator) -> Pixels:
    density = (0.2, 0.35, 0.5)[severity]
    return _clipped(image * (1.0 - density) + 200.0 * density)


def _jpeg(image: Pixels, severity: int, _: np.random.Generator) -> Pixels:
    content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, (60, 35, 15)[severity]])[1]
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), dtype=np.uint8)


def _occlusion(image: Pixels, severity: int, random: np.random.Generator) -> Pixels:
    height, width = image.shape[:2]
    side = (0.15, 0.25, 0.4)[severity]
    h, w = max(1, round(height * side)), max(1, round(width * side))
    top, left = random.integers(height - h + 1), random.integers(width - w + 1)
    covered = image.copy()
    covered[top : top + h, left : left + w] = 0
    return covered


def _clipped(values: object) -> Pixels:
    return np.asarray(np.clip(np.rint(np.asarray(values)), 0, 255), dtype=np.uint8)


CORRUPTIONS: Final[dict[str, Corruption]] = {
    "dark": _dark,
    "bright": _bright,
    "blur": _blur,
    "noise": _noise,
    "fog": _fog,
    "jpeg": _jpeg,
    "occlusion": _occlusion,
}


def corrupted(images: Iterable[Pixels], seed: int) -> Iterator[Pixels]:
    """Every image under every corruption, image by image in the order of CORRUPTIONS, one at a time. Same seed, same pixels.

    The severity goes round from image to image: what decides how surely two models can be told apart is the number of images, not of their variants.
    """
    random = np.random.default_rng(seed)
    for number, image in enumerate(images):
        for apply in CORRUPTIONS.values():
            yield apply(image, SEVERITIES[number % len(SEVERITIES)], random)
