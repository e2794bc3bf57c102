"""The pipeline of a retraining has what answers its drift, and nothing where there is no drift to see."""

import pytest
import torch

from contracts.errors import SettingsError
from retrain.augment.spec import MATCHED, OperationSpec, PipelineSpec, parse
from retrain.models.recipe import SMALL_CONV, find
from retrain.training.augmented import for_drift, place_of
from tests.small_pictures import LABELS, SIDE, pictures
from tests.training_material import material


def names(spec: PipelineSpec) -> list[str]:
    return [entry.name for entry in spec.operations if isinstance(entry, OperationSpec)]


def test_what_moved_the_new_frames_moves_the_old_ones_in_training() -> None:
    whole = material(60, 60, darker=0.35)
    found = for_drift(parse(""), whole)
    added = set(names(found)) - {"crop", "flip", "erase"}
    assert added
    assert MATCHED not in added
    assert {entry.p for entry in found.operations if isinstance(entry, OperationSpec) and entry.name in added} == {0.3}
    assert for_drift(parse(""), whole) == found


def test_without_a_drift_without_old_frames_or_without_a_place_for_it_nothing_is_added() -> None:
    assert names(for_drift(parse(""), material(60, 60, darker=1.0))) == ["crop", "flip", "erase"]
    assert names(for_drift(parse(""), material(0, 60))) == ["crop", "flip", "erase"]
    declared = parse('[[operations]]\nname = "flip"')
    assert for_drift(declared, material(60, 60)) is declared


def test_without_an_accelerator_threads_augment() -> None:
    network = find(SMALL_CONV).build("classification", LABELS, SIDE)
    shown = pictures()[0][:4]
    assert not place_of(PipelineSpec(), network, shown, torch.device("cpu"), 1, lambda: 0.0)
    with pytest.raises(SettingsError, match="torch finds none here"):
        place_of(PipelineSpec(device="gpu"), network, shown, torch.device("cpu"), 1, lambda: 0.0)
