"""What a person sees of a house and orders in it, on a real log and a real repository."""

from pathlib import Path

import msgspec
import pytest

from contracts.channels import Channels
from contracts.events import (
    COMMANDS,
    TOPICS,
    AnyEvent,
    Approve,
    IncidentClosed,
    IncidentOpened,
    MarkFalseAlarm,
    Rollback,
    RolloutAdvanced,
    decode,
    encode,
)
from contracts.ids import new_id
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.ports import Bus
from standalone import __main__ as keepsight
from standalone.orders import State, told
from standalone.settings_file import write_house
from tests.small_model import publish_small_version, set_channels

AT = 1_790_000_000.0
INCIDENT = Incident(
    incident_id="0199aaaa-0000-7000-8000-000000000001",
    cause="environment_change",
    severity="page",
    headline="Line 3 sees something else",
    action="Look at the photographs.",
    site="line-3",
    cameras=("cam-1",),
    version="1",
    since=AT,
    opened_at=AT,
)


def rollout(state: str, version: str = "2") -> RolloutAdvanced:
    about = {"event_id": new_id(AT), "occurred_at": AT, "model": "model", "version": version, "parent": "1"}
    return RolloutAdvanced(**about, state=state, share=0.0, reason="every version needs a person's approval here")  # type: ignore[arg-type]


def incident(kind: type[IncidentOpened] | type[IncidentClosed]) -> AnyEvent:
    more = {"resolution": "over"} if kind is IncidentClosed else {}
    return kind(event_id=new_id(AT), occurred_at=AT, model="model", incident=INCIDENT, **more)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return write_house(tmp_path / "house")


@pytest.fixture
def bus(house: Path) -> Bus:
    log = open_bus(f"embedded://{house.parent}/log")
    log.ensure_topics(TOPICS)
    return log


def tell(bus: Bus, *events: AnyEvent) -> None:
    bus.publish([encode(event, "test") for event in events])


def ordered(bus: Bus) -> list[AnyEvent]:
    reader = bus.reader(None, [COMMANDS])
    try:
        return [decode(record) for record in reader.poll(5.0)]
    finally:
        reader.close()


def run(house: Path, *arguments: str) -> int:
    return keepsight.main([*arguments, "--settings", str(house)])


def test_a_waiting_version_is_shown_and_approved(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    repository = f"{house.parent}/repository"
    publish_small_version(repository, "model", "1")
    set_channels(repository, "model", champion="1")
    tell(bus, rollout("awaiting_approval"))
    assert run(house, "status") == 0
    said = capsys.readouterr().out
    assert "model: version 1 answers since" in said
    assert "keepsight approve 2, or keepsight reject 2" in said
    assert run(house, "approve", "2", "--by", "ann", "--reason", "looked at its gates") == 0
    (event,) = ordered(bus)
    assert isinstance(event, Approve)
    assert (event.version, event.by, event.reason) == ("2", "ann", "looked at its gates")


def test_an_approval_that_nothing_waits_for_is_refused(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house, "approve", "2") == 2
    assert "there was no rollout yet" in capsys.readouterr().err
    tell(bus, rollout("awaiting_approval"))
    assert run(house, "approve", "3") == 2
    assert "version '3' waits for no approve: the last rollout is version 2, awaiting approval" in capsys.readouterr().err
    tell(bus, rollout("stable"))
    assert run(house, "approve", "2") == 2
    assert "the last rollout is version 2, stable" in capsys.readouterr().err
    assert ordered(bus) == []


def test_a_rollback_needs_somewhere_to_go(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house, "rollback") == 2
    assert "no previous version" in capsys.readouterr().err
    repository = f"{house.parent}/repository"
    publish_small_version(repository, "model", "1")
    publish_small_version(repository, "model", "2")
    set_channels(repository, "model", champion="2", previous="1")
    assert run(house, "rollback", "--by", "ann") == 0
    assert [type(event) for event in ordered(bus)] == [Rollback]


def test_an_incident_is_named_by_its_beginning_while_it_is_open(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    tell(bus, incident(IncidentOpened))
    assert run(house, "status") == 0
    said = capsys.readouterr().out
    assert "1 open incident\n" in said
    assert "Line 3 sees something else" in said
    assert run(house, "false-alarm", "0199aaaa", "--by", "ann") == 0
    (event,) = ordered(bus)
    assert isinstance(event, MarkFalseAlarm)
    assert event.incident_id == INCIDENT.incident_id
    tell(bus, incident(IncidentClosed))
    assert run(house, "acknowledge", "0199aaaa") == 2
    assert "open: none" in capsys.readouterr().err
    assert run(house, "false-alarm", "0199aaaa", "--by", "ann") == 0  # the morning after
    assert len(ordered(bus)) == 2
    assert run(house, "false-alarm", "0199bbbb") == 2


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
    assert "  canary    version 2 answers 25% of the cameras" in told("model", State(channels=channels))
