"""Who is judged: the best on validation, and where a gate refuses it the head alone."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from contracts.events import GateResult
from retrain.request import Technique
from retrain.trainer import candidate as module
from retrain.trainer.techniques import Contest
from retrain.training.bakeoff import Trial, no_trial

SCORES: dict[Technique, float] = {"head_only": 0.6, "lp_ft": 0.7, "full": 0.9}


def contest() -> Contest:
    trials = {
        name: Trial(msgspec.structs.replace(no_trial("r", name, "tried"), harmonic=score), epoch=1)
        for name, score in SCORES.items()
    }
    return Contest(None, None, trials)  # type: ignore[arg-type]  # no head is made here


def judged(monkeypatch: pytest.MonkeyPatch, failing: dict[str, str]) -> tuple[list[str], str, Contest]:
    """What was judged in turn, what came out of it and the contest as it ended; `failing` names the gate that refuses a technique."""
    asked: list[str] = []

    def made(_shop: object, tried: Contest) -> tuple[Any, Contest]:
        return SimpleNamespace(technique=tried.winner()), tried

    def looked(_request: object, _parent: object, _material: object, rework: Any, *_: object) -> Any:
        asked.append(rework.technique)
        gate = failing.get(rework.technique)
        return SimpleNamespace(results=(GateResult(gate or "gain", "fail" if gate else "pass", 0.0, 0.0, ""),))

    monkeypatch.setattr(module, "candidate", made)
    monkeypatch.setattr(module, "judge", looked)
    nothing: Any = SimpleNamespace(steps=lambda *_: None, request=None, parent=None, material=None, folder=None)
    rework, tried, _ = module._judged(nothing, contest())
    return asked, rework.technique, tried


def test_the_best_is_judged_and_nothing_else_where_no_gate_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, {})[:2] == (["full"], "full")


def test_where_a_gate_refuses_the_best_the_head_alone_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, came, tried = judged(monkeypatch, {"full": "negative flips"})
    assert (asked, came) == (["full", "head_only"], "head_only")
    rows = {row.technique: row for row in tried.table()}
    assert [name for name, row in rows.items() if row.chosen] == ["head_only"]
    assert rows["full"].why == "tried; refused by negative flips"
    assert rows["lp_ft"].why == "tried; not judged"


def test_where_both_are_refused_the_best_stands_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, came, tried = judged(monkeypatch, {"full": "gain", "head_only": "gain"})
    assert (asked, came) == (["full", "head_only"], "full")
    assert next(row for row in tried.table() if row.chosen).technique == "full"


def test_no_technique_mends_what_the_data_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, {"full": "data"})[0] == ["full"]
