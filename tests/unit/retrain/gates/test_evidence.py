"""Judged frames: joined and cut in order."""

import numpy as np

from retrain.gates.evidence import Judged, together


def one(k: int, light: tuple[str, ...] = ()) -> Judged:
    p = np.eye(2)[[k, k]]
    return Judged(np.array([0, 1]), p, p, (f"c{k}", f"c{k}"), (f"r{k}", f"s{k}"), light)


def test_sets_come_together_in_order() -> None:
    both = together(one(0, ("dark", "bright")), one(1, ("dark", "dark")))
    assert len(both) == 4
    assert both.champion_right.tolist() == [True, False, False, True]
    assert both.camera == ("c0", "c0", "c1", "c1")
    assert both.group == ("r0", "s0", "r1", "s1")
    assert both.light == ("dark", "bright", "dark", "dark")
    assert together(one(0, ("dark", "bright")), one(1)).light == ()


def test_some_frames_keep_what_is_theirs() -> None:
    last = one(1, ("dark", "bright")).where(np.array([False, True]))
    assert (last.truth.tolist(), last.camera, last.group, last.light, last.viewpoint) == ([1], ("c1",), ("s1",), ("bright",), ())
