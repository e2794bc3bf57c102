"""What a person sees of a house, on a real log and a real repository."""

from pathlib import Path

import msgspec
import pytest

from contracts.channels import Channels
from contracts.events import ServingReported, VersionServed
from contracts.ids import new_id
from contracts.ports import Bus
from contracts.repository import ModelRepository
from standalone.status import State, opened, read, told
from tests.unit.standalone.parts import AT, INCIDENT, run, tell


def test_an_incident_s_type_labels_report_and_who_has_seen_it_are_told() -> None:
    whole = msgspec.structs.replace(
        INCIDENT,
        drift_type="recurring",
        recurs="3",
        labels_wanted=200,
        labels_have=40,
        report="/v1/reports/x.html",
        acknowledged_by="ann",
    )
    lines = told("model", State(incidents={whole.incident_id: whole}))
    assert (
        lines[-1]
        == "        recurring drift, as version 3 knew it; 40 of 200 labels wanted; report /v1/reports/x.html; seen by ann"
    )
    lines = told("model", State(incidents={INCIDENT.incident_id: INCIDENT}))
    assert lines[-1] == f"        {INCIDENT.action}"


def test_a_house_without_a_version_says_what_to_do(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house, "status") == 0
    assert "keepsight import-model" in capsys.readouterr().out


def test_a_house_that_never_ran_says_so(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house, "status") == 2
    assert "`keepsight up` makes it" in capsys.readouterr().err


def test_a_canary_is_told() -> None:
    channels = Channels(
        champion="1", candidate="2", share=0.25, shadow="2", sequence=3, changed_at=AT, by="retrain", reason="gated"
    )
    lines = told("model", State(channels=channels))
    assert "  canary    version 2 answers 25% of the cameras" in lines
    assert "  servers   none: serving is stopped, or has not reported yet" in lines


def report(server: str, at: float, version: str = "1", leaving: bool = False) -> ServingReported:
    served = VersionServed(version, "digest", "champion", "CPUExecutionProvider")
    return ServingReported(
        event_id=new_id(at),
        occurred_at=at,
        model="model",
        replica=server,
        sequence=1,
        versions=(served,),
        started_at=AT,
        leaving=leaving,
    )


def test_servers_are_told_with_what_they_answer_with_and_the_silent_ones_apart(house: Path, bus: Bus) -> None:
    tell(bus, report("c", AT), report("b", AT), report("a", AT, "2"), report("d", AT), report("d", AT, leaving=True))
    log = opened(bus, "model")
    state = read(log, ModelRepository(f"{house.parent}/repository"), "model")
    log.close()
    assert sorted(state.servers) == ["a", "b", "c"]
    now = {name: msgspec.structs.replace(one, occurred_at=AT + (60 if name != "c" else 0)) for name, one in state.servers.items()}
    lines = told("model", State(servers=now, read_at=AT + 61))
    assert "  servers   a with version 2, b with version 1" in lines
    assert "  silent    c since 2026-09-21 14:13:20 UTC" in lines
