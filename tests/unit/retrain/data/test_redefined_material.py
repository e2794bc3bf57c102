"""Old frames of a class that means something else by now teach nothing and judge nothing; all others stay."""

from pathlib import Path

import numpy as np
import pytest

from contracts.predictions import ClassTruth
from retrain.data.counts import TooLittleError
from retrain.data.frames import Excluded
from retrain.data.material import Material
from tests.small_model import LABELS
from tests.unit.retrain.data.test_material import SINCE, Line

LATER = 2_000.0


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def _as_the_champion_says(line: Line, first: int, start: float, names: dict[str, str]) -> None:
    """Frames whose label is what the champion says of them, by `names` where these say otherwise."""
    before = set(line.labels)
    line.take_many(first, 160, start)
    seen = line.attempt()
    for item, scores in zip(seen.dataset.items, seen.seen.scores, strict=True):
        if item.frame_id not in before:
            said = LABELS[int(scores.argmax())]
            line.correct(item.frame_id, names.get(said, said))


def _after(line: Line, names: dict[str, str], excluded: Excluded) -> Material:
    _as_the_champion_says(line, 0, 0.0, {})
    line.publish(line.attempt())
    _as_the_champion_says(line, 200, LATER, names)
    return line.attempt(excluded, since=SINCE + LATER)


def test_old_frames_of_redefined_classes_are_left_out(line: Line) -> None:
    excluded = Excluded()
    swapped = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
    found = _after(line, swapped, excluded)
    assert {one.label: one.now for one in found.redefined} == swapped
    assert found.new.all()
    assert len(found.dataset.items) == len(found.seen) == len(found.truth) == len(found.frames) == len(found.new)
    assert np.array_equal(found.truth, found.dataset.truth())
    assert found.added == range(len(found.dataset.items))
    assert "of a class that means something else by now" in str(excluded)


def test_a_class_of_which_nothing_is_left_holds_the_job(line: Line) -> None:
    with pytest.raises(TooLittleError, match=f"{LABELS[0]} 0; .* of a class that means something else by now"):
        _after(line, {LABELS[0]: LABELS[1]}, Excluded())


def test_a_class_that_is_called_as_ever_keeps_its_old_frames(line: Line) -> None:
    found = _after(line, {}, Excluded())
    assert found.redefined == ()
    assert {item.truth for item, new in zip(found.dataset.items, found.new, strict=True) if not new} == {
        ClassTruth(label) for label in LABELS[:2]
    }


def test_labels_of_before_do_not_come_back_with_the_next_request(line: Line) -> None:
    swapped = {LABELS[0]: LABELS[1], LABELS[1]: LABELS[0]}
    found = _after(line, swapped, Excluded())
    line.publish(found)
    stale = set(line.labels) - {item.frame_id for item in found.dataset.items}
    line.take_many(160, 40, 2 * LATER)
    line.take_many(360, 40, 2 * LATER + 100)
    for since in (SINCE + 2 * LATER, 0.0):
        excluded = Excluded()
        later = line.attempt(excluded, since=since)
        assert stale.isdisjoint(item.frame_id for item in later.dataset.items)
        assert "of a class that means something else by now" in str(excluded)
