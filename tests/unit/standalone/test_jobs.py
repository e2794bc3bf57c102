"""`keepsight jobs` on a real log: what is shown of jobs, and orders about them."""

import json
from pathlib import Path

import pytest

from contracts.events import (
    COMMANDS,
    CancelJob,
    Decided,
    GateResult,
    JobAdvanced,
    ModelPublished,
    OverrideCounts,
    RetrainRequested,
    RolloutAdvanced,
    TrialRow,
    decode,
)
from contracts.ids import new_id
from contracts.ports import Bus
from standalone import job_history
from standalone.job_history import Seen
from tests.unit.standalone.parts import AT, run, tell

MINUTE = 60.0
FIRST, SECOND = "0199aaaa-0000-7000-8000-00000000aaaa", "0199aaaa-0001-7000-8000-00000000bbbb"
GATE = GateResult("gain", "pass", 0.1, 0.0, "12 more right than wrong")
TRIAL = TrialRow("lite0", "lp_ft", 0.91, 0.93, 0.92, 41.0, 41.0, 512.0, 3.25, True, "better than its runner-up by 0.02")


def moved(job: str, at: float, state: str, **fields: object) -> JobAdvanced:
    given = {"request_key": f"key of {job[-4:]}", "trigger": "monitor", **fields}
    return JobAdvanced(event_id=new_id(AT + at), occurred_at=AT + at, model="model", job_id=job, state=state, **given)  # type: ignore[arg-type]


def story() -> list[JobAdvanced | ModelPublished | RolloutAdvanced | RetrainRequested]:
    """One job that made a version, and one that waits."""
    return [
        RetrainRequested(
            event_id=new_id(AT), occurred_at=AT, model="model", request_key="key of aaaa", version="1", reason="accuracy fell",
            cause="concept_drift", drift_type="sudden", cameras=("cam-1",), since=AT - 600,
        ),
        moved(FIRST, 1, "queued", detail="accuracy fell"),
        moved(FIRST, 2, "held", hold="labels", detail="waiting for labels: 3 of 200"),
        moved(FIRST, 3, "held", hold="labels", detail="waiting for labels: 80 of 200"),
        moved(FIRST, 4, "running", detail="200 new labels: training begins"),
        moved(FIRST, 5, "running", step="train:lp_ft", progress=0.5, detail="50% epoch 3", metrics={"loss": 0.25}),
        moved(FIRST, 6, "succeeded", version="2", technique="lp_ft", trials=(TRIAL,), detail="all gates passed"),
        ModelPublished(
            event_id=new_id(AT + 6), occurred_at=AT + 6, model="model", version="2", parent="1", digest="d", gates=(GATE,), page="p.html"
        ),
        RolloutAdvanced(
            event_id=new_id(AT + 7), occurred_at=AT + 7, model="model", version="2", parent="1", state="shadow", share=0.0, reason="gated"
        ),
        moved(SECOND, 8, "held", hold="data", detail="too few of class defect", trigger="operator", by="ada"),
    ]  # fmt: skip


def test_the_newest_jobs_with_what_a_person_can_do(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    tell(bus, *story())
    assert run(house, "jobs") == 0
    _, first, second, hint = capsys.readouterr().out.splitlines()
    assert first.split() == [
        "…0000aaaa",
        *["2026-09-21", "14:13:26Z", "monitor", "succeeded", "lp_ft", "version", "2:", "all", "gates", "passed"],
    ]
    assert second.startswith("…0000bbbb")
    assert second.split()[3] == "ada"
    assert "held: data" in second
    assert f"keepsight jobs override {SECOND} --by NAME --reason TEXT" in hint


def test_a_job_that_trains_shows_how_far_it_is(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    tell(bus, *story()[:6])
    run(house, "jobs")
    assert "[##########----------]  50% train:lp_ft (loss 0.25)" in capsys.readouterr().out


@pytest.mark.parametrize("name", [FIRST, FIRST[:13], "aaaa"])
def test_one_job_in_full(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str], name: str) -> None:
    tell(bus, *story())
    assert run(house, "jobs", name) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == f"job {FIRST} succeeded"
    for wanted in (
        "reason accuracy fell",
        "cause concept drift sudden",
        "cameras cam-1",
        "rollout version 2 shadow: gated",
        "verdict p.html",
        "2026-09-21 14:13:22Z held (labels): waiting for labels: 3 of 200",
        "> lp_ft 0.910 0.930 0.920 41.0 512 3.25 better than its runner-up by 0.02",
        "pass gain 12 more right than wrong",
    ):
        assert wanted in lines
    assert not any("80 of 200" in line for line in lines)  # it went on waiting for the same


def test_the_same_as_json(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    tell(bus, *story())
    assert run(house, "jobs", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [job["last"]["state"] for job in told["jobs"]] == ["succeeded", "held"]
    assert told["jobs"][0]["gates"][0]["gate"] == "gain"
    assert "decisions" not in told


def test_every_decision_or_those_about_a_job(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    bodies = [f'{{"hold":"","job":"{FIRST}","why":"more of it"}}', '{"by":"ada","why":"there is no previous version"}']
    kinds = ("request_joined", "command_refused")
    tell(
        bus,
        *story(),
        *(
            Decided(event_id=new_id(AT + i), occurred_at=AT + i, model="model", sequence=i + 1, kind=kind, body=body, hash="h")
            for i, (kind, body) in enumerate(zip(kinds, bodies, strict=True))
        ),
    )
    run(house, "jobs", "--decisions")
    joined, refused = capsys.readouterr().out.splitlines()
    assert joined == f"2026-09-21 14:13:20Z       1  request_joined     job {FIRST}; why more of it"
    assert refused.endswith("by ada; why there is no previous version")
    run(house, "jobs", "aaaa", "--decisions")
    assert capsys.readouterr().out.splitlines() == [joined]
    run(house, "jobs", "bbbb", "--decisions", "--json")
    assert json.loads(capsys.readouterr().out)["decisions"] == []


def test_followed_until_it_is_over(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    tell(bus, *story()[:-1])
    assert run(house, "jobs", "aaaa", "--follow") == 0
    assert "succeeded" in capsys.readouterr().out


@pytest.mark.parametrize(("order", "kind"), [("override", OverrideCounts), ("cancel", CancelJob)])
def test_orders_about_a_job(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str], order: str, kind: type) -> None:
    tell(bus, *story())
    assert run(house, "jobs", order, "bbbb", "--by", "ada", "--reason", "the line waits") == 0
    assert f"{order} is on the log as {kind.__name__}" in capsys.readouterr().out
    reader = bus.reader(None, [COMMANDS])
    (event,) = [decode(record) for record in reader.poll(1.0)]
    reader.close()
    assert isinstance(event, OverrideCounts | CancelJob)
    assert (type(event), event.job_id, event.by, event.reason) == (kind, SECOND, "ada", "the line waits")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("override", "bbbb"), "to override a job needs --reason TEXT"),
        (("override", "aaaa", "--reason", "x"), f"job {FIRST} is over: succeeded"),
        (("cancel", "zzz", "--reason", "x"), "no job begins or ends with 'zzz'; the newest: …0000aaaa, …0000bbbb"),
        (("0199",), "2 jobs begin or end with '0199'"),
    ],
)
def test_a_mistake_is_told_at_once(
    house: Path, bus: Bus, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    tell(bus, *story())
    assert run(house, "jobs", *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_house_without_jobs_says_how_to_ask(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    run(house, "jobs")
    assert "`keepsight retrain --reason TEXT` asks for one" in capsys.readouterr().out


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_history, "KEPT", 3)
    seen = Seen()
    seen.take(moved(f"job {i}", i, "queued", detail=f"\x1b[31m{i}") for i in range(9))
    assert list(seen.jobs) == ["job 6", "job 7", "job 8"]
    for i in range(300):
        seen.take([moved("job 8", i, ("queued", "held")[i % 2])])
    assert len(seen.jobs["job 8"].moments) == 100
