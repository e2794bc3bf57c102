"""Boxes come back to where they were in the frame as sent, whatever way it came; rows that make no sense are no answer."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contracts import frames
from contracts.detections import FLOOR, MOST_BOXES, Way, detections, way
from contracts.frame_header import Header
from contracts.manifest import InputSpec
from contracts.predictions import Box

LABELS = ("bolt", "nut")
PLAIN = InputSpec("image", 64, 64)
HEADER = Header("png", 64, 64)


def rows(*boxes: tuple[float, ...], most: int = 4) -> NDArray[np.float32]:
    found = np.zeros((most, 6), np.float32)
    found[: len(boxes)] = boxes
    return found


def boxes(found: NDArray[np.float32], header: Header = HEADER, spec: InputSpec = PLAIN) -> tuple[Box, ...]:
    read = detections(found, LABELS, way(header, spec))
    assert read is not None
    return read.boxes


def spots(way_: Way, *places: tuple[float, float]) -> NDArray[np.uint8]:
    """A dark frame with soft bright spots, two pixels wide (standard deviation) here and in the model's input, so that nothing is lost when it is sampled."""
    width, height = (round(side) for side in way_.most[:2])
    lines = [(np.arange(side) + 0.5, scale) for side, scale in ((width, way_.scale[0]), (height, way_.scale[1]))]
    image = np.full((height, width), 20.0)
    for place in places:
        across, down = (
            np.exp(-0.5 * ((line - at) * min(1, scale) / 2) ** 2) for (line, scale), at in zip(lines, place, strict=True)
        )
        image += 200 * down[:, None] * across
    return np.repeat(image.clip(0, 255).round().astype(np.uint8)[..., None], 3, axis=2)


def centre(luma: NDArray[np.float64]) -> tuple[float, float]:
    """A spot's centre of mass, x and y."""
    weight = np.maximum(0, luma - 30)
    height, width = weight.shape
    return (
        float(weight.sum(axis=0) @ (np.arange(width) + 0.5) / weight.sum()),
        float(weight.sum(axis=1) @ (np.arange(height) + 0.5) / weight.sum()),
    )


@given(
    st.integers(96, 1100), st.floats(0.4, 2.5), st.sampled_from(["stretch", "letterbox"]), st.sampled_from(["full", "reduced"]), st.booleans(),
    st.lists(st.floats(0.16, 0.34), min_size=4, max_size=4),
)  # fmt: skip
@example(641, 0.75, "letterbox", "reduced", True, [0.2, 0.2, 0.16, 0.16])
@example(1025, 0.99, "stretch", "reduced", True, [0.2, 0.2, 0.16, 0.16])
def test_what_is_seen_goes_back_to_where_it_was(
    width: int, shape: float, fit: str, decode: str, is_jpeg: bool, places: list[float]
) -> None:
    """Two spots mark a box's corners in a frame that is encoded and seen as a model sees it. Found there, they come back to within a pixel."""
    height, spec = round(width * shape), InputSpec("image", 192, 256, fit, decode)  # type: ignore[arg-type]  # sampled from what it may be
    its = way(Header("jpeg" if is_jpeg else "png", width, height), spec)
    x1, y1, x2, y2 = places[0] * width, places[1] * height, (1 - places[2]) * width, (1 - places[3]) * height
    image = spots(its, (x1, y1), (x2, y2))
    content = cv2.imencode(".jpg" if is_jpeg else ".png", image, [cv2.IMWRITE_JPEG_QUALITY, 95] if is_jpeg else [])[1].tobytes()
    header = frames.inspect(content)
    assert its is way(header, spec)
    seen = frames.see(content, spec, header).astype(np.float64).mean(axis=2)
    left, top = (int(side) for side in its.offset[:2])
    seen[:, :left] = seen[:, 256 - left - 1 :] = seen[:top] = seen[192 - top - 1 :] = 0  # the grey bars, if there are any
    first, second = seen.copy(), seen.copy()
    first[96:], second[:96] = 0, 0
    (found,) = boxes(rows((*centre(first), *centre(second), 0.9, 0)), header, spec)
    assert (found.x1, found.y1, found.x2, found.y2) == pytest.approx((x1, y1, x2, y2), abs=1)


def test_a_reduced_frame_stands_for_its_rounded_up_size() -> None:
    """641 x 481 at an eighth are 81 x 61 pixels, which stand for 648 x 488."""
    spec = InputSpec("image", 61, 81, decode="reduced")
    assert frames.reduction(Header("jpeg", 641, 481), spec) == 4
    spec = InputSpec("image", 60, 80, decode="reduced")
    (found,) = boxes(rows((8, 6, 79, 59, 0.9, 1)), Header("jpeg", 641, 481), spec)
    assert (found.x1, found.x2) == pytest.approx((8 * 648 / 80, 79 * 648 / 80), abs=0.01)
    assert (found.y1, found.y2) == pytest.approx((6 * 488 / 60, 59 * 488 / 60), abs=0.01)


def test_boxes_are_named_best_first_and_rounded() -> None:
    found = boxes(rows((1, 2, 3, 4, 0.25, 0), (5.1239, 6, 7, 8, 0.123456789, 1), (9, 9, 12, 12, 1.00005, 1)))
    assert found == (
        Box("nut", 9, 9, 12, 12, 1),
        Box("bolt", 1, 2, 3, 4, 0.25),
        Box("nut", 5.12, 6, 7, 8, 0.123457),
    )


def test_what_lies_outside_is_cut_off_and_what_is_left_of_nothing_is_left_out() -> None:
    inside_out, outside, point = (30, 30, 20, 40, 0.9, 0), (70, 10, 80, 20, 0.8, 0), (5, 5, 5, 5, 0.7, 0)
    assert boxes(rows((-10, 50, 10, 90, 0.95, 0), inside_out, outside, point)) == (Box("bolt", 0, 50, 10, 64, 0.95),)
    bars = InputSpec("image", 64, 64, "letterbox")
    assert boxes(rows((10, 0, 50, 14, 0.9, 0)), Header("png", 64, 32), bars) == ()  # in the upper bar


def test_scores_at_the_floor_are_no_boxes_and_the_best_hundred_are_kept() -> None:
    assert boxes(rows((1, 1, 2, 2, FLOOR, 0), (float("nan"),) * 4 + (0.01, -7))) == ()
    many = rows(*((1, 1, 2 + k, 2, 0.1 + k / 1000, 0) for k in range(150)), most=200)
    found = boxes(many, Header("png", 640, 640))
    assert [len(found), found[0].score, found[-1].score] == [MOST_BOXES, pytest.approx(0.249), pytest.approx(0.15)]


@pytest.mark.parametrize(
    "row",
    [
        (1, 1, 5, 5, float("nan"), 0),
        (1, 1, 5, 5, float("inf"), 0),
        (1, 1, 5, 5, -0.1, 0),
        (1, 1, 5, 5, 1.1, 0),
        (float("nan"), 1, 5, 5, 0.9, 0),
        (1, 1, float("inf"), 5, 0.9, 0),
        (1, 1, 5, 5, 0.9, 2),
        (1, 1, 5, 5, 0.9, -1),
        (1, 1, 5, 5, 0.9, 0.5),
        (1, 1, 5, 5, 0.9, float("nan")),
    ],
)
def test_rows_that_make_no_sense_are_no_answer(row: tuple[float, ...]) -> None:
    assert detections(rows(row), LABELS, way(HEADER, PLAIN)) is None
