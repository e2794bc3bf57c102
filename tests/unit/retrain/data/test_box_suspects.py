"""Doubted boxes: what was overlooked, drawn beside its object or given another class is found; what the detector misses or is unsure of is no doubt."""

import numpy as np

from contracts.predictions import Box
from retrain.data.box_suspects import doubted
from tests.judged_boxes import judged

BOLT, NUT = Box("bolt", 10, 10, 50, 50), Box("nut", 100, 100, 140, 140)
USUAL = 0.8
"""Mean score of the boxes that meet a labelled one."""


def said(*boxes: tuple[Box, float]) -> tuple[Box, ...]:
    return tuple(Box(box.label, box.x1, box.y1, box.x2, box.y2, score) for box, score in boxes)


def one(truth: tuple[Box, ...], *boxes: tuple[Box, float]) -> tuple[bool, str]:
    """Whether the detector is sure of something in a frame, and what of it speaks against the label; two others say how sure it usually is."""
    others = [said((BOLT, USUAL + 0.05), (NUT, USUAL)), said((BOLT, USUAL - 0.05), (NUT, USUAL))]
    found = doubted([truth, (BOLT, NUT), (BOLT, NUT)], [said(*boxes), *others])
    assert found.doubts[1:] == (None, None)
    return found.sure[0], found.doubts[0].likely if found.doubts[0] else ""


def test_each_kind_of_error_is_named() -> None:
    beside = Box("bolt", 36, 10, 76, 50)
    assert one((), (BOLT, 0.9)) == (True, "a bolt at 10, 10 to 50, 50, not labelled")
    assert one((beside,), (BOLT, 0.9)) == (True, "the bolt at 10, 10 to 50, 50, labelled beside it")
    assert one((Box("nut", 10, 10, 50, 50),), (BOLT, 0.9)) == (True, "a bolt at 10, 10 to 50, 50, labelled nut")


def test_what_the_detector_misses_or_is_unsure_of_is_no_doubt() -> None:
    assert one((BOLT,)) == (False, "")
    assert one((), (BOLT, 0.7)) == (False, "")
    assert one((BOLT,), (BOLT, 0.9)) == (True, "")
    assert one((BOLT,), (BOLT, 0.95), (Box("bolt", 12, 10, 52, 50), 0.9)) == (True, "")  # said twice: the detector's fault
    assert one((BOLT,), (Box("bolt", 26, 10, 66, 50), 0.9)) == (True, "")  # a little off
    assert one((), (Box("washer", 0, 0, 9, 9), 0.99)) == (False, "")  # of a class that it never was right in


def test_the_surest_contradiction_counts() -> None:
    far = Box("nut", 300, 300, 340, 340)
    found = doubted([(), (BOLT, NUT)], [said((BOLT, 0.85), (far, 0.97)), said((BOLT, 0.8), (NUT, 0.8))])
    assert found.doubts[0] is not None
    assert (found.doubts[0].score, found.doubts[0].likely) == (0.97, "a nut at 300, 300 to 340, 340, not labelled")
    assert doubted([], []) == ((), ())


def test_more_errors_are_found_than_by_objectlab_and_nothing_else() -> None:
    """cleanlab's judgement (Tkachenko et al. 2023) of the same frames."""
    from cleanlab.object_detection.filter import find_label_issues

    made, random = judged(200, 0.9, 0.9, 5, invents=0.0), np.random.default_rng(0)
    truth = [list(boxes) for boxes in made.truth]
    wrong = [n for n in range(0, 200, 4) if truth[n] and len(made.candidate[n]) == len(truth[n])]
    for place, number in enumerate(wrong):
        if place % 3 == 0:
            truth[number].pop(int(random.integers(len(truth[number]))))
        else:
            box = truth[number].pop(0)
            off = 0.65 * (box.x2 - box.x1) if place % 3 == 1 else 0.0
            label = box.label if off else {"bolt": "nut", "nut": "bolt"}[box.label]
            truth[number].insert(0, Box(label, box.x1 + off, box.y1, box.x2 + off, box.y2))
    found = [number for number, doubt in enumerate(doubted(truth, made.candidate).doubts) if doubt]
    assert set(found) <= set(wrong)
    assert len(found) >= 0.5 * len(wrong)
    labels = ("bolt", "nut")
    given = [
        {"bboxes": np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes]).reshape(-1, 4), "labels": np.array([labels.index(b.label) for b in boxes], int)}
        for boxes in truth
    ]  # fmt: skip
    answers = [
        np.array([np.array([(b.x1, b.y1, b.x2, b.y2, b.score) for b in boxes if b.label == label]).reshape(-1, 5) for label in labels] + [None], object)[:-1]
        for boxes in made.candidate
    ]  # fmt: skip
    theirs = np.flatnonzero(find_label_issues(given, answers)).tolist()
    assert len(found) >= len(set(theirs) & set(wrong)) > 0
