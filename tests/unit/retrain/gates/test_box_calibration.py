"""The gate "calibration" of a detector: scores that mean what they say pass, others do not."""

import numpy as np

from contracts.predictions import Box
from retrain.gates.box_calibration import calibration
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.policy import SMALL_SETS, STRICT

HERE, ELSEWHERE = Box("bolt", 0, 0, 10, 10), (50.0, 50.0, 60.0, 60.0)


def scored(count: int, offset: float, seed: int = 1) -> JudgedBoxes:
    """One box a frame, right as often as its score less `offset` says; the champion's are honest."""
    random = np.random.default_rng(seed)
    score = random.uniform(0.3, 0.95, count)
    sides = []
    for off in (0.0, offset):
        hit = random.random(count) < score - off
        sides.append(
            tuple((Box("bolt", *((0.0, 0.0, 10.0, 10.0) if h else ELSEWHERE), float(s)),) for h, s in zip(hit, score, strict=True))
        )
    names = tuple(map(str, range(count)))
    return JudgedBoxes(((HERE,),) * count, sides[0], sides[1], ("cam",) * count, names, 0.5)


def test_honest_scores_pass_and_others_fail() -> None:
    nothing = scored(0, 0)
    assert calibration(scored(4000, 0.0), nothing, 1, STRICT).verdict == "pass"
    assert calibration(scored(4000, 0.25), nothing, 1, STRICT).verdict == "fail"
    assert calibration(scored(4000, 0.25), nothing, 1, SMALL_SETS).verdict == "fail"


def test_few_boxes_cannot_tell() -> None:
    few, nothing = scored(40, 0.0, seed=3), scored(0, 0)
    assert calibration(few, nothing, 1, STRICT).verdict in ("pass", "inconclusive")
    assert calibration(few, nothing, 1, SMALL_SETS).verdict == "pass"


def test_a_candidate_that_finds_nothing_tells_nothing() -> None:
    silent = JudgedBoxes(((HERE,),), ((HERE,),), ((),), ("cam",), ("r",), 0.5)
    found = calibration(silent, scored(0, 0), 1, STRICT)
    assert (found.verdict, "finds no box" in found.detail) == ("inconclusive", True)
