"""Who is judged: the best on validation, and where a gate refuses it the head alone."""

import io
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from contracts.events import GateResult
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, CandidateRequest, Technique
from retrain.trainer import candidate as module
from retrain.trainer.techniques import Contest
from retrain.training.bakeoff import Trial, no_trial

ASKED: dict[str, Any] = {
    "job_id": "j", "request_key": "k", "model": "m", "parent": "1", "repository": "", "frame_store": "", "since": 0.0, "labels": (), "seed": 1,
}  # fmt: skip
SCORES: dict[Technique, float] = {"head_only": 0.6, "lp_ft": 0.7, "full": 0.9}


def contest() -> Contest:
    trials = {
        name: Trial(msgspec.structs.replace(no_trial("r", name, "tried"), harmonic=score), epoch=1)
        for name, score in SCORES.items()
    }
    return Contest(None, None, trials)  # type: ignore[arg-type]  # no head is made here


def judged(monkeypatch: pytest.MonkeyPatch, failing: dict[str, str]) -> tuple[list[str], str, Contest, tuple[str, ...]]:
    """What was judged in turn, what came out of it, the contest as it ended, the recordings that judged; `failing` names the gate that refuses a technique."""
    asked: list[str] = []
    uses = Counter({"r1": 4})

    def made(_shop: object, tried: Contest) -> tuple[Any, Contest]:
        return SimpleNamespace(technique=tried.winner()), tried

    def looked(request: Any, _parent: object, _material: object, rework: Any, *_: object) -> Any:
        assert request.verdicts == uses
        asked.append(rework.technique)
        gate = failing.get(rework.technique)
        results = (GateResult(gate or "gain", "fail" if gate else "pass", 0.0, 0.0, ""),)
        judged_on = () if gate == "export parity" else ("r1", "r2")
        uses.update(judged_on)
        return SimpleNamespace(results=results, judged_on=judged_on)

    monkeypatch.setattr(module, "candidate", made)
    monkeypatch.setattr(module, "judge", looked)
    request = CandidateRequest(**ASKED, verdicts={"r1": 4})
    nothing: Any = SimpleNamespace(steps=lambda *_: None, request=request, parent=None, material=None, folder=None)
    rework, tried, _, judged_on = module._judged(nothing, contest())
    return asked, rework.technique, tried, judged_on


def test_the_best_is_judged_and_nothing_else_where_no_gate_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, {})[:2] == (["full"], "full")


def test_where_a_gate_refuses_the_best_the_head_alone_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, came, tried, _ = judged(monkeypatch, {"full": "negative flips"})
    assert (asked, came) == (["full", "head_only"], "head_only")
    rows = {row.technique: row for row in tried.table()}
    assert [name for name, row in rows.items() if row.chosen] == ["head_only"]
    assert rows["full"].why == "tried; refused by negative flips"
    assert rows["lp_ft"].why == "tried; not judged"


def test_where_both_are_refused_the_best_stands_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, came, tried, _ = judged(monkeypatch, {"full": "gain", "head_only": "gain"})
    assert (asked, came) == (["full", "head_only"], "full")
    rows = {row.technique: row for row in tried.table()}
    assert [name for name, row in rows.items() if row.chosen] == ["full"]
    assert rows["head_only"].why == "tried; refused by gain, too"


def test_no_technique_mends_what_the_data_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, {"full": "data"})[0] == ["full"]


@pytest.mark.parametrize(
    ("failing", "looks"),
    [
        ({}, 1),
        ({"full": "gain"}, 2),
        ({"full": "gain", "head_only": "gain"}, 2),
        ({"full": "export parity", "head_only": "gain"}, 1),
    ],
)
def test_each_look_at_the_sealed_frames_wears_them(monkeypatch: pytest.MonkeyPatch, failing: dict[str, str], looks: int) -> None:
    assert judged(monkeypatch, failing)[3] == ("r1", "r2") * looks


def test_an_outcome_with_a_figure_that_is_no_number_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / REQUEST).write_bytes(msgspec.json.encode(CandidateRequest(**ASKED)))
    gates = (GateResult("stress", "fail", float("inf"), 1.05, ""),)
    monkeypatch.setattr(module, "_make", lambda *_: CandidateOutcome(verdict="rejected", reason="", gates=gates))
    module.run(tmp_path, io.StringIO())
    assert msgspec.json.decode((tmp_path / OUTCOME).read_bytes(), type=CandidateOutcome).gates[0].value == 1e12
