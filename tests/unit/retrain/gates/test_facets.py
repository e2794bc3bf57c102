"""Light and viewpoint: named by the training set's light and by what recordings look like, in whatever order they come. Occlusion: what hides a part."""

import cv2
import numpy as np
import pytest

from contracts.predictions import Box
from retrain.gates.facets import covered, detail, light_of, partly_hidden, viewpoint_of
from tests.composed import composed
from tests.fixed_camera import frames


def test_light_is_told_by_the_training_set() -> None:
    reference = np.arange(90, dtype=np.float32)
    assert light_of(np.array([5, 45, 89], dtype=np.float32), reference) == ("dark", "medium", "bright")
    assert light_of(np.array([5], dtype=np.float32), np.zeros(0, dtype=np.float32)) == ()


def test_recordings_that_look_alike_share_a_viewpoint() -> None:
    random = np.random.default_rng(0)
    scene = np.repeat([0, 1, 2, 3], 30)
    embedding = (np.eye(8)[scene] * 10 + random.normal(0, 0.3, (120, 8))).astype(np.float32)
    recordings = [f"cam#{i // 5}" for i in range(120)]
    views = viewpoint_of(embedding, recordings)
    assert len(set(views)) == 4
    assert all(len({views[i] for i in np.flatnonzero(scene == k)}) == 1 for k in range(4))
    order = random.permutation(120)
    again = viewpoint_of(embedding[order], [recordings[i] for i in order])
    assert again == tuple(views[i] for i in order)


def test_few_recordings_have_no_viewpoints() -> None:
    assert viewpoint_of(np.zeros((50, 4), dtype=np.float32), [f"r{i // 10}" for i in range(50)]) == ()


def details(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([detail(image) for image in images])


def test_a_leaf_before_the_lens_is_seen_and_darkness_and_blur_are_not() -> None:
    usual, clean = details(frames(60, 1)), frames(40, 2)
    assert not covered(details(clean), usual).any()
    for hidden in (0, 1):  # black tape, or something out of focus
        under = [image.copy() for image in clean]
        for image in under:
            image[10:34, 20:44] = 0 if hidden == 0 else cv2.GaussianBlur(image, (0, 0), 9)[10:34, 20:44]
        assert covered(details(under), usual).mean() > 0.9
    for changed in ([image // 4 for image in clean], [cv2.GaussianBlur(image, (0, 0), 1.5) for image in clean]):
        assert not covered(details(changed), usual).any()


def test_where_no_place_always_shows_something_nothing_is_covered() -> None:
    """Every frame has a background of its own; in the dark more of it is flat."""
    made = [one.image for one in composed(260, 3)]
    assert not covered(details([image // 4 for image in made[200:]]), details(made[:200])).any()


def test_few_frames_of_a_camera_do_not_say_what_it_shows() -> None:
    black = details([np.zeros((96, 96, 3), np.uint8)] * 3)
    assert not covered(black, details(frames(49, 1))).any()


@pytest.mark.parametrize(
    ("box", "hidden"),
    [
        (Box("bolt", 100, 100, 140, 140), False),
        (Box("bolt", 0, 100, 40, 140), True),
        (Box("bolt", 3, 100, 43, 140), True),
        (Box("bolt", 4, 100, 44, 140), False),
        (Box("bolt", 100, 440, 140, 479), True),
        (Box("bolt", 320, 320, 360, 360), True),
        (Box("bolt", 270, 320, 310, 360), False),
    ],
)
def test_objects_at_the_edge_and_under_others_are_hidden(box: Box, hidden: bool) -> None:
    """A large nut lies at 300; a quarter of the last bolt's box lies in its."""
    nut = Box("nut", 300, 300, 400, 400)
    assert partly_hidden((box, nut), 640, 480) == (hidden, False)
