"""What a person orders of a house, on a real log and a real repository."""

from pathlib import Path

import pytest

from contracts.events import (
    COMMANDS,
    AnyEvent,
    Approve,
    IncidentClosed,
    IncidentOpened,
    MarkFalseAlarm,
    Promote,
    Rollback,
    RolloutAdvanced,
    decode,
)
from contracts.ids import new_id
from contracts.ports import Bus
from tests.small_model import publish_small_version, set_channels
from tests.unit.standalone.parts import AT, INCIDENT, run, tell


def rollout(state: str, version: str = "2") -> RolloutAdvanced:
    about = {"event_id": new_id(AT), "occurred_at": AT, "model": "model", "version": version, "parent": "1"}
    return RolloutAdvanced(**about, state=state, share=0.0, reason="every version needs a person's approval here")  # type: ignore[arg-type]


def incident(kind: type[IncidentOpened] | type[IncidentClosed]) -> AnyEvent:
    more = {"resolution": "over"} if kind is IncidentClosed else {}
    return kind(event_id=new_id(AT), occurred_at=AT, model="model", incident=INCIDENT, **more)


def ordered(bus: Bus) -> list[AnyEvent]:
    reader = bus.reader(None, [COMMANDS])
    try:
        return [decode(record) for record in reader.poll(5.0)]
    finally:
        reader.close()


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


def test_a_version_is_promoted_with_a_reason(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    repository = f"{house.parent}/repository"
    for version in ("1", "2", "3"):
        publish_small_version(repository, "model", version, champion=version == "1")

    def refusal(*arguments: str) -> str:
        assert run(house, "promote", *arguments) == 2
        return capsys.readouterr().err

    assert "needs --reason TEXT" in refusal("2")
    assert "no version '7'; finished: 1, 2, 3" in refusal("7", "--reason", "why not")
    assert "it is the champion" in refusal("1", "--reason", "why not")
    tell(bus, rollout("canary"))
    assert "version '2' is on its way (canary): reject it, or wait" in refusal("3", "--force", "--reason", "why not")
    assert "only --force changes that" in refusal("2", "--reason", "why not")
    assert run(house, "promote", "2", "--force", "--by", "ann", "--reason", "the line stands still") == 0
    tell(bus, rollout("rolled_back"))
    assert run(house, "promote", "3", "--by", "ann", "--reason", "it knew this light") == 0
    forced, walked = ordered(bus)
    assert isinstance(forced, Promote)
    assert isinstance(walked, Promote)
    assert (forced.version, forced.by, forced.reason, forced.force) == ("2", "ann", "the line stands still", True)
    assert (walked.version, walked.force) == ("3", False)


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
