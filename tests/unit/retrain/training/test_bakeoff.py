"""Techniques one after the other: each once over kills, within the budget, and what did not come through says why."""

import os
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.files import Folder
from retrain.augment.spec import OperationSpec, PipelineSpec
from retrain.models.network import Network
from retrain.models.recipe import SMALL_CONV, find
from retrain.request import Technique
from retrain.steps import Steps
from retrain.training import allowance, bakeoff
from retrain.training.bakeoff import Bench, Trial, bake_off
from retrain.training.course import Course
from tests.small_pictures import LABELS, SIDE
from tests.training_material import material

COURSES = {
    "full": Course(epochs=3, batch=12, rate=0.02, seed=0),
    "scratch": Course(epochs=2, batch=16, rate=0.01, seed=0, layer_decay=1.0),
}


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(bakeoff, "COURSES", COURSES)
    monkeypatch.setattr(bakeoff, "_FEW", 0)  # what begins at random has no statistics worth keeping


def build(technique: Technique) -> Network:
    return find(SMALL_CONV).build("classification", LABELS, SIDE, seed=3)


def bench(
    folder: Path, clock: Callable[[], float] | None = None, start: Callable[[Technique], Network] = build, **steps: object
) -> Bench:
    ticks = count(0.0)
    return Bench(
        material(80, 80),
        SMALL_CONV,
        start,
        "key",
        0.25,
        1,
        PipelineSpec((OperationSpec("translate"),)),
        torch.device("cpu"),
        1,
        Folder(str(folder)),
        folder,
        Steps(Path(os.devnull).open("w"), Folder(str(folder)), **steps),  # type: ignore[arg-type]
        clock or (lambda: next(ticks) * 1e-3),
    )


def tried(made: Bench, budget_s: float = 1e6) -> list[Trial]:
    return list(bake_off(made, ("full", "scratch"), budget_s, lambda technique: lambda *_, **__: None).values())


def told(trials: list[Trial]) -> list[tuple[str, float, float, float, str, bytes]]:
    """All of the trials but what they cost."""
    return [(t.row.technique, t.row.new, t.row.old, t.row.harmonic, t.row.why, t.weights) for t in trials]


def test_each_technique_learns_and_leaves_nothing_but_its_step(tmp_path: Path) -> None:
    full, scratch = tried(bench(tmp_path))
    assert full.row.harmonic > full.curve[0].score
    assert scratch.row.recipe == SMALL_CONV
    assert full.row.why == f"best after epoch {full.epoch} of 3"
    assert find(SMALL_CONV).load(full.weights).built.labels == LABELS
    assert full.row.peak_mib > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["steps"]


@pytest.mark.parametrize("die", [4, 23, 41])
def test_killed_anywhere_it_ends_with_the_same_bits(tmp_path: Path, die: int) -> None:
    """Killed twice, at looks at the clock, which are between batches and within them."""
    whole = told(tried(bench(tmp_path / "whole")))
    assert all(trial[4].startswith("best after epoch") for trial in whole)
    for last in (die, 4):
        left = count()
        with pytest.raises(KilledError):
            tried(bench(tmp_path / "killed", lambda left=left, last=last: deadly(next(left), last)))  # type: ignore[misc]
    assert told(tried(bench(tmp_path / "killed"))) == whole


def deadly(look: int, last: int) -> float:
    if look == last:
        raise KilledError
    return 0.0


def test_killed_after_any_write_it_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between and within steps: each in turn of what lies in the folder is the last that the first life wrote."""
    whole = told(tried(bench(tmp_path / "whole")))
    write = Folder.write
    for number in count(1):
        left, died = count(1), False

        def written(folder: Folder, path: str, content: bytes, durable: bool = True, left=left, number=number) -> None:  # type: ignore[no-untyped-def]
            write(folder, path, content, durable)
            if next(left) == number:
                raise KilledError

        with monkeypatch.context() as patched:
            patched.setattr(Folder, "write", written)
            try:
                tried(bench(tmp_path / str(number)))
            except KilledError:
                died = True
        if not died:
            break
        assert told(tried(bench(tmp_path / str(number)))) == whole
    assert number > 8  # a checkpoint an epoch, three files a step


def test_a_finished_technique_is_not_trained_again(tmp_path: Path) -> None:
    first = told(tried(bench(tmp_path)))

    def never(technique: Technique) -> Network:
        raise AssertionError(technique)

    assert told(tried(bench(tmp_path, start=never))) == first


def test_what_does_not_fit_the_budget_says_so_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the clock costs ten seconds here."""
    ticks = count(0.0, 10.0)
    monkeypatch.setattr(allowance, "LOOK", 2)
    monkeypatch.setitem(COURSES, "full", Course(epochs=100, batch=12, rate=0.02, seed=0))
    full, scratch = tried(bench(tmp_path, lambda: next(ticks)), budget_s=2000.0)
    assert full.weights == b""
    assert re.fullmatch(r"given up: \d+ ms a step make \d+ s, 2000 s of the training budget were left", full.row.why)
    assert (scratch.weights != b"", scratch.row.seconds > 0) == (True, True)
    assert [trial.row.why for trial in tried(bench(tmp_path / "none"), 0.0)] == ["not tried: the training budget is spent"] * 2
    again = tried(bench(tmp_path, lambda: 0.0), budget_s=2000.0)
    assert told(again) == told([full, scratch]), "a decision stands, however fast the machine is the next time"


def test_a_technique_that_diverges_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(technique: Technique) -> Network:
        network = build(technique)
        if technique == "full":
            with torch.no_grad():
                next(network.parameters()).fill_(float("nan"))
        return network

    full, scratch = tried(bench(tmp_path, start=broken))
    assert full.row.why.startswith("given up: the loss is nan")
    assert scratch.row.harmonic > 0


def test_a_silent_process_reads_what_another_finished_and_writes_nothing(tmp_path: Path) -> None:
    first = told(tried(bench(tmp_path)))
    before = sorted(path.name for path in (tmp_path / "steps").iterdir())
    assert told(tried(bench(tmp_path, silent=True))) == first
    assert sorted(path.name for path in (tmp_path / "steps").iterdir()) == before


def test_frames_to_judge_on_are_whole_and_in_order(tmp_path: Path) -> None:
    made = bench(tmp_path)
    rows = np.array([5, 3, 100])
    shown = bakeoff._prepared(made, rows)
    assert [frame.mean() for frame in shown] == pytest.approx(
        [bakeoff._prepared(made, rows[i : i + 1])[0].mean() for i in range(3)]
    )
