"""The picture of a run."""

import cv2
import numpy as np

from retrain.training.curve import Point, picture

CURVE = [Point(0, None, 0.1, 0.0, 0.0)] + [Point(e, 2.0 / e, 0.9 - 0.5 / e, 0.1, e * 3.0) for e in range(1, 8)]


def test_a_png_of_its_stated_size_the_same_each_time() -> None:
    content = picture(CURVE, "lens 1: $5_000 LP-FT")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (480, 800, 3)
    assert picture(CURVE, "lens 1: $5_000 LP-FT") == content


def test_both_lines_are_drawn() -> None:
    def pixels(points: list[Point], rgb: tuple[int, int, int]) -> int:
        image = cv2.imdecode(np.frombuffer(picture(points, ""), np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return int((image == np.array(rgb[::-1])).all(axis=2).sum())

    for colour in ((0xB7, 0x41, 0x0E), (0x0B, 0x72, 0x85)):
        assert pixels(CURVE, colour) > pixels([], colour) + 200


def test_a_run_that_ended_before_its_first_epoch_has_a_picture() -> None:
    assert picture(CURVE[:1], "x")[:4] == picture([], "x")[:4] == b"\x89PNG"
