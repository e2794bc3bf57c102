"""The composed photographs: the same each time, and their boxes are where the strokes are."""

import numpy as np

from tests.composed import composed


def test_the_same_arguments_make_the_same_frames() -> None:
    one, other = composed(6, seed=3), composed(6, seed=3)
    assert [frame.boxes for frame in one] == [frame.boxes for frame in other]
    assert all(np.array_equal(mine.image, theirs.image) for mine, theirs in zip(one, other, strict=True))
    assert [frame.boxes for frame in composed(6, seed=4)] != [frame.boxes for frame in one]


def test_boxes_are_inside_and_hold_white_strokes() -> None:
    made = composed(40, seed=1, labels=("digit",))
    assert {len(frame.boxes) for frame in made} == {0, 1, 2, 3, 4}
    for frame in made:
        assert frame.image.shape == (120, 160, 3)
        for box in frame.boxes:
            assert 0 <= box.x1 < box.x2 <= 160
            assert 0 <= box.y1 < box.y2 <= 120
            inside = frame.image[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]
            assert inside.min(axis=2).max() > 140
