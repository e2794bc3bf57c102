"""Boxes after warps and covers: nothing that stays in the frame leaves its box, and what is hidden is dropped."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.augment.changes import Cover, Warp
from retrain.augment.geometry import area, cut, followed, projected
from retrain.augment.operations import OPERATIONS, Frame

WIDTH, HEIGHT = 80, 60
SPATIAL = ("crop", "flip", "flip_vertical", "rotate", "shear", "translate", "zoom", "perspective")
SHIFT = Warp(np.array([[1.0, 0, 30], [0, 1, 0], [0, 0, 1]]))


def boxes(*corners: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(corners, dtype=np.float32)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    names=st.lists(st.sampled_from(SPATIAL), min_size=1, max_size=3),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_a_point_of_an_object_stays_in_its_box(seed: int, names: list[str], x: float, y: float) -> None:
    random = np.random.default_rng(seed)
    changes = [OPERATIONS[n].draw(random.uniform(*OPERATIONS[n].usual), Frame(WIDTH, HEIGHT), random) for n in names]
    left, top = random.uniform(0, (WIDTH - 10, HEIGHT - 10))
    right, bottom = left + random.uniform(4, WIDTH - left), top + random.uniform(4, HEIGHT - top)
    point = np.array([[left + x * (right - left), top + y * (bottom - top)]])
    moved, kept = followed(changes, boxes((left, top, right, bottom)), WIDTH, HEIGHT, 0.0)
    point = np.clip(point, 0, (WIDTH, HEIGHT))
    for change in changes:
        assert isinstance(change, Warp)
        point = projected(change.matrix, point)
        if not ((point >= 0).all() and (point <= (WIDTH, HEIGHT)).all()):
            return
    if len(kept):  # a box that came out under two pixels is dropped, however much of it is seen
        assert (point >= moved[0, :2] - 1e-3).all()
        assert (point <= moved[0, 2:] + 1e-3).all()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), names=st.lists(st.sampled_from((*SPATIAL, "erase", "cutout")), max_size=3))
def test_boxes_lie_in_the_frame_and_are_never_thin(seed: int, names: list[str]) -> None:
    random = np.random.default_rng(seed)
    changes = [OPERATIONS[n].draw(random.uniform(*OPERATIONS[n].usual), Frame(WIDTH, HEIGHT), random) for n in names]
    corners = np.sort(random.uniform(-20, 100, (5, 2, 2)), axis=1).reshape(5, 4).astype(np.float32)
    moved, kept = followed(changes, corners, WIDTH, HEIGHT, 0.3)
    assert len(moved) == len(kept)
    assert (moved[:, :2] >= -1e-3).all()
    assert (moved[:, 2:] <= np.array([WIDTH, HEIGHT]) + 1e-3).all()
    assert (moved[:, 2:] - moved[:, :2] >= 1.99).all()


def test_a_quarter_turn_and_its_return_give_the_box_back() -> None:
    turn = OPERATIONS["rotate"].draw(45, Frame(60, 60), np.random.default_rng(0))
    back = OPERATIONS["rotate"].draw(-45, Frame(60, 60), np.random.default_rng(0))
    moved, _ = followed([turn, back], boxes((25, 25, 35, 35)), 60, 60, 0.3)
    assert moved == pytest.approx(boxes((25, 25, 35, 35)), abs=1e-3)


def test_what_is_pushed_over_the_border_does_not_come_back() -> None:
    back = Warp(np.linalg.inv(SHIFT.matrix))
    moved, _ = followed([SHIFT, back], boxes((30, 10, 70, 20)), WIDTH, HEIGHT, 0.3)
    assert moved.tolist() == [[30, 10, 50, 20]]


@pytest.mark.parametrize(("least", "left"), [(0.51, []), (0.49, [0])])
def test_half_a_box_is_left(least: float, left: list[int]) -> None:
    moved, kept = followed([SHIFT], boxes((30, 10, 70, 20)), WIDTH, HEIGHT, least)
    assert kept.tolist() == left
    assert moved.tolist() == [[60, 10, 80, 20]] * len(left)


@pytest.mark.parametrize(("least", "left"), [(0.26, [1]), (0.24, [0, 1])])
def test_shares_of_covers_and_borders_multiply(least: float, left: list[int]) -> None:
    covered = Cover(60, 0, 80, 15, None)  # the upper half of what the shift left of the first
    moved, kept = followed([SHIFT, covered], boxes((30, 10, 70, 20), (5, 30, 25, 50)), WIDTH, HEIGHT, least)
    assert kept.tolist() == left
    assert moved[-1].tolist() == [35, 30, 55, 50]


def test_what_lay_outside_before_was_never_seen() -> None:
    moved, _ = followed([], boxes((-30, 10, 10, 20), (90, 10, 99, 20)), WIDTH, HEIGHT, 0.9)
    assert moved.tolist() == [[0, 10, 10, 20]]


def test_no_boxes() -> None:
    moved, kept = followed([SHIFT], boxes().reshape(0, 4), WIDTH, HEIGHT, 0.3)
    assert moved.shape == (0, 4)
    assert kept.shape == (0,)


def test_what_a_perspective_sends_behind_the_viewer_is_cut_off() -> None:
    """x / (1 - x / 40): the plane x = 40 goes to infinity, and what lies beyond would come back from the left."""
    away = Warp(np.array([[1.0, 0, 0], [0, 1, 0], [-1 / 40, 0, 1]]))
    moved, kept = followed([away], boxes((20, 10, 60, 20), (45, 10, 75, 20)), WIDTH, HEIGHT, 0.0)
    assert kept.tolist() == [0]
    assert moved[0] == pytest.approx(np.array([40, 20, 80, 60]), abs=1e-3)
    for least, left in ((0.16, [0]), (0.17, [])):  # a sixth of it, from 20 to 26.7, comes out within the frame
        assert followed([away], boxes((20, 10, 60, 20)), WIDTH, HEIGHT, least)[1].tolist() == left


def test_no_perspective_has_its_horizon_in_the_frame() -> None:
    class Corners:
        """Instead of a generator: each corner at one of its ends."""

        def __init__(self, ends: tuple[int, ...]) -> None:
            self._ends = ends

        def random(self, shape: tuple[int, int]) -> np.ndarray:
            return np.array(self._ends, dtype=float).reshape(shape)

    perspective = OPERATIONS["perspective"]
    frame = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
    for ends in product((0, 1), repeat=8):
        warp = perspective.draw(perspective.widest.high, Frame(1, 1), Corners(ends))  # type: ignore[arg-type]
        assert isinstance(warp, Warp)
        assert (frame @ warp.matrix[2] > 0.05).all(), ends


def test_a_triangle_is_cut() -> None:
    triangle = np.array([[0.0, 0], [10, 0], [0, 10]])
    assert area(triangle) == 50
    assert area(cut(triangle, 0, 0, 5, 20)) == 37.5
    assert len(cut(triangle, 20, 0, 30, 10)) == 0
