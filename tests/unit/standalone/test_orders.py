"""What a person orders of a house, on a real log and a real repository."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from contracts.events import (
    COMMANDS,
    Acknowledge,
    AnyEvent,
    Approve,
    Decided,
    IncidentClosed,
    IncidentOpened,
    MarkFalseAlarm,
    Promote,
    RequestRetrain,
    Rollback,
    RolloutAdvanced,
    decode,
)
from contracts.ids import new_id
from contracts.ports import Bus
from standalone.orders import answer
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
    assert run(house, "approve", "2", "--by", "ann", "--reason", "looked at its gates", "--wait", "0") == 0
    (event,) = ordered(bus)
    assert isinstance(event, Approve)
    assert (event.version, event.by, event.reason) == ("2", "ann", "looked at its gates")


def test_an_approval_that_nothing_waits_for_is_refused(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house, "approve", "2", "--wait", "0") == 2
    assert "there was no rollout yet" in capsys.readouterr().err
    tell(bus, rollout("awaiting_approval"))
    assert run(house, "approve", "3", "--wait", "0") == 2
    assert "there is nothing to approve in version '3': the last rollout is version 2, awaiting approval" in capsys.readouterr().err
    tell(bus, rollout("stable"))
    assert run(house, "approve", "2", "--wait", "0") == 2
    assert "the last rollout is version 2, stable" in capsys.readouterr().err
    assert ordered(bus) == []


def test_a_rollback_needs_somewhere_to_go(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(house, "rollback", "--wait", "0") == 2
    assert "no version on its way and no previous one to go back to" in capsys.readouterr().err
    repository = f"{house.parent}/repository"
    publish_small_version(repository, "model", "1")
    publish_small_version(repository, "model", "2")
    set_channels(repository, "model", champion="2", previous="1")
    assert run(house, "rollback", "--by", "ann", "--wait", "0") == 0
    assert [type(event) for event in ordered(bus)] == [Rollback]


def test_a_first_version_on_its_way_can_be_rolled_back_though_there_is_no_previous_one(house: Path, bus: Bus) -> None:
    repository = f"{house.parent}/repository"
    publish_small_version(repository, "model", "1")
    set_channels(repository, "model", champion="1")
    tell(bus, rollout("canary"))
    assert run(house, "rollback", "--wait", "0") == 0
    assert [type(event) for event in ordered(bus)] == [Rollback]


def decided(kind: str, **facts: object) -> Decided:
    body = msgspec.json.encode({"by": "ann", "state": "shadow", "version": "3", "why": "it knew this light", **facts}).decode()
    return Decided(event_id=new_id(AT), occurred_at=AT, model="model", sequence=1, kind=kind, body=body, hash="")


PROMOTE = Promote(event_id="o", occurred_at=AT, model="model", version="3", by="ann", reason="it knew this light")
ROLLBACK = Rollback(event_id="o", occurred_at=AT, model="model", by="ann")


@pytest.mark.parametrize(
    ("order", "event", "said"),
    [
        (PROMOTE, decided("rollout_advanced"), (True, "version 3 is in state shadow: it knew this light")),
        (PROMOTE, decided("rollout_advanced", by="retrain"), None),
        (PROMOTE, decided("rollout_advanced", version="4"), None),
        (PROMOTE, decided("command_refused", order="o", why="no gates"), (False, "no gates")),
        (PROMOTE, decided("command_refused", order="another", why="no gates"), None),
        (PROMOTE, decided("job_advanced"), None),
        (PROMOTE, rollout("shadow", "3"), None),
        (
            ROLLBACK,
            decided("rollout_advanced", state="rolling_back"),
            (True, "version 3 is in state rolling back: it knew this light"),
        ),
        (RequestRetrain(event_id="o", occurred_at=AT, model="model", by="ann"), decided("command_refused", order="o"), None),
    ],
)
def test_what_answers_an_order(order: AnyEvent, event: AnyEvent, said: tuple[bool, str] | None) -> None:
    assert answer(order, event) == said


@pytest.mark.parametrize(
    ("kind", "status", "line"), [("rollout_advanced", 0, "in state shadow"), ("command_refused", 1, "refused: ")]
)
def test_the_answer_to_an_order_is_waited_for_and_told(
    house: Path, bus: Bus, capsys: pytest.CaptureFixture[str], kind: str, status: int, line: str
) -> None:
    for version in ("1", "2"):
        publish_small_version(f"{house.parent}/repository", "model", version, champion=version == "1")
    tell(bus, decided("rollout_advanced", version="2"))  # of another day

    def retrain() -> None:
        reader = bus.reader(None, [COMMANDS])
        found: list[AnyEvent] = []
        while not found:
            found = [decode(record) for record in reader.poll(1.0)]
        reader.close()
        tell(bus, decided(kind, version="2", order=found[0].event_id))

    with ThreadPoolExecutor(1) as beside:
        answering = beside.submit(retrain)
        assert run(house, "promote", "2", "--by", "ann", "--reason", "it knew this light", "--wait", "60") == status
        answering.result()
    said = capsys.readouterr().out.splitlines()
    assert line in said[1]
    assert len(said) == 2


def test_an_order_that_nobody_answers_is_on_the_log_and_says_so(house: Path, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    tell(bus, rollout("canary"))
    assert run(house, "rollback", "--wait", "0.01") == 0
    assert "nobody has answered yet" in capsys.readouterr().out
    assert len(ordered(bus)) == 1


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
    assert run(house, "promote", "2", "--force", "--by", "ann", "--reason", "the line stands still", "--wait", "0") == 0
    tell(bus, rollout("rolled_back"))
    assert run(house, "promote", "3", "--by", "ann", "--reason", "it knew this light", "--wait", "0") == 0
    forced, walked = ordered(bus)
    assert isinstance(forced, Promote)
    assert isinstance(walked, Promote)
    assert (forced.version, forced.by, forced.reason, forced.force) == ("2", "ann", "the line stands still", True)
    assert (walked.version, walked.force) == ("3", False)


def test_an_incident_is_acknowledged_with_what_was_said_of_it(house: Path, bus: Bus) -> None:
    tell(bus, incident(IncidentOpened))
    assert run(house, "acknowledge", "0199aaaa", "--by", "ann", "--reason", "on my way to line 3") == 0
    (event,) = ordered(bus)
    assert isinstance(event, Acknowledge)
    assert (event.incident_id, event.by, event.reason) == (INCIDENT.incident_id, "ann", "on my way to line 3")


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
