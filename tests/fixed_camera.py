"""Frames of a camera that stands still: one crop of a real photograph, other digits on it in every frame, noise of a sensor."""

import numpy as np
from numpy.typing import NDArray

from tests.composed import load_digits, load_pictures

SIDE = 96


def frames(count: int, seed: int) -> list[NDArray[np.uint8]]:
    """`count` frames [SIDE, SIDE, 3] of a temple, RGB; the same for the same arguments."""
    random, strokes = np.random.default_rng(seed), load_digits()[0]
    scene = load_pictures()[0][150 : 150 + SIDE, 250 : 250 + SIDE].astype(np.float32)
    found = []
    for _ in range(count):
        image = scene * random.uniform(0.8, 1.1)
        x, y = random.integers(0, SIDE - 28, 2)
        share = (strokes[random.integers(len(strokes))].astype(np.float32) / 255)[..., None]
        place = image[y : y + 28, x : x + 28]
        place += share * (255 - place)
        found.append(np.clip(image + random.normal(0, 2, image.shape), 0, 255).astype(np.uint8))
    return found
