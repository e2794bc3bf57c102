"""Partly covered frames of a material: by camera and domain, beside what was learned from."""

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.manifest import InputSpec
from retrain.gates.facets import COVERED
from retrain.trainer.covers import occlusion_of
from tests.fixed_camera import SIDE, frames

LEARNED, SEALED = 60, 12


def material(covered: set[int], post: bool = False) -> Any:
    """Of each of two cameras 60 learned frames and 12 sealed ones, of which some are `covered`. With a `post` the second camera has something before it in
    every frame."""
    images: list[NDArray[np.uint8]] = [*frames(LEARNED, 1), *frames(SEALED, 2), *frames(LEARNED, 3), *frames(SEALED, 4)]
    each, last = LEARNED + SEALED, [LEARNED + i for i in covered]
    for number, image in enumerate(images):
        if number % each in last or (post and number >= each):
            image[20:50, 20:50] = 30
    sealed = np.flatnonzero(np.arange(2 * each) % each >= LEARNED)
    learning = np.ones(2 * each, np.bool_)
    learning[sealed] = False
    return SimpleNamespace(
        dataset=SimpleNamespace(items=[SimpleNamespace(camera=f"cam-{n // each}") for n in range(2 * each)]),
        new=np.ones(2 * each, np.bool_),
        frames=[cv2.imencode(".png", image[..., ::-1])[1].tobytes() for image in images],
        session=SimpleNamespace(spec=InputSpec("image", SIDE, SIDE, "stretch", "full")),
        sealed=lambda new: sealed if new else sealed[:0],
        learning=lambda: learning,
    )


def test_covered_frames_are_told_by_their_own_camera() -> None:
    said = occlusion_of(material({2, 5}), new=True)
    assert [n for n, name in enumerate(said) if name] == [2, 5, SEALED + 2, SEALED + 5]
    assert set(said) == {"", COVERED}
    assert occlusion_of(material({2}), new=False) == ()


def test_what_is_always_before_a_camera_covers_nothing_there_and_hides_nothing_elsewhere() -> None:
    assert [n for n, name in enumerate(occlusion_of(material({2, 5}, post=True), new=True)) if name] == [2, 5]
