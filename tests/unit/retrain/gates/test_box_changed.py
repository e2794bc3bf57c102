"""Frames whose boxes got better or worse, and what is drawn of them."""

import numpy as np

from contracts.predictions import Box
from retrain.gates.box_changed import DRAWN, box_changed, box_grid
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.changed import Cell, Outline
from retrain.gates.corruptions import CORRUPTIONS


def box(label: str, x: float, score: float = 1.0) -> Box:
    return Box(label, x, 0.0, x + 10.0, 10.0, score)


def judged(*frames: tuple[tuple[Box, ...], tuple[Box, ...], tuple[Box, ...]]) -> JudgedBoxes:
    """Truth, champion and candidate of each frame."""
    truth, champion, candidate = zip(*frames, strict=True)
    names = tuple(f"cam-{i}" for i in range(len(frames)))
    return JudgedBoxes(truth, champion, candidate, names, names, threshold=0.5, candidate_threshold=0.3)


def test_frames_are_told_by_what_their_f1_moved_the_most_first() -> None:
    scratch, dent = box("scratch", 0), box("dent", 50)
    found = box_changed(
        judged(
            ((scratch, dent), (scratch,), (scratch, dent)),  # F1 from 2/3 to 1
            ((scratch,), (), (box("scratch", 0, 0.4),)),  # from 0 to 1, by the candidate's own threshold
            ((scratch,), (scratch,), (scratch,)),
            ((), (), (dent,)),  # from 1 to 0
        ),
        np.arange(4) + 10,
        "old",
    )
    assert [one.row for one in found.better] == [11, 10]
    assert [(one.row, one.truth, one.before, one.after) for one in found.worse] == [(13, "nothing", "nothing", "1 dent")]
    assert found.better[1].after == "1 dent, 1 scratch"
    assert found.better[0].outlines == (Outline("truth", 0, 0, 10, 10), Outline("after", 0, 0, 10, 10))
    assert abs(found.worse[0].lead + 1.0) < 1e-9


def test_boxes_that_nobody_acts_on_are_not_drawn_and_no_more_than_a_person_sees() -> None:
    many = tuple(box("scratch", 20.0 * i, 0.9 - i / 1000) for i in range(60))
    found = box_changed(judged((many[:1], (*many[:1], box("dent", 0, 0.4)), many)), np.array([0]), "new")
    kinds = [one.of for one in found.worse[0].outlines]
    assert (kinds.count("truth"), kinds.count("before"), kinds.count("after")) == (1, 1, DRAWN)


def test_the_grid_has_the_mean_loss_of_each_class_under_each_corruption() -> None:
    """Two images: under blur the candidate loses the scratch of one of them, in noise the champion that of both; dents are found always."""
    scratch, dent = box("scratch", 0), box("dent", 50)
    frames = []
    for image in (((scratch, dent)), ((scratch,))):
        for kind in CORRUPTIONS:
            champion = tuple(one for one in image if kind != "noise" or one is dent)
            candidate = tuple(one for one in image if kind != "blur" or one is dent or len(image) == 2)
            frames.append((image, champion, candidate))
    found = box_grid(judged(*frames), ("scratch", "dent", "never seen"))
    assert list(found) == ["scratch", "dent"]
    at = dict(zip(CORRUPTIONS, found["scratch"], strict=True))
    assert (at["blur"], at["noise"], at["fog"]) == (Cell(0.0, 0.5, 2), Cell(1.0, 0.0, 2), Cell(0.0, 0.0, 2))
    assert set(found["dent"]) == {Cell(0.0, 0.0, 1)}
