"""The retrain service as a real process over the embedded log, from a request to a stable champion, killed on the way, and refusing what is bad."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.events import Approve, IncidentOpened, JobAdvanced, ModelPublished, Promote, Rollback, RolloutAdvanced
from contracts.ids import new_id
from tests.retrain_house import CAMERAS, MODEL, House

MakeHouse = Callable[..., House]


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[MakeHouse]:
    houses: list[House] = []

    def make(**settings: str) -> House:
        houses.append(House(tmp_path, **settings))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


def jobs(house: House) -> list[tuple[str, str]]:
    """Each job event's state and step or detail, without repeats of the same event."""
    seen = {event.event_id: event for event in house.events if isinstance(event, JobAdvanced)}
    return [(event.state, event.step) for event in seen.values()]


def details(house: House, state: str) -> list[str]:
    return [event.detail for event in house.events if isinstance(event, JobAdvanced) and event.state == state]


def rollout(house: House) -> list[str]:
    return [event.state for event in house.events if isinstance(event, RolloutAdvanced)]


def last(house: House) -> RolloutAdvanced:
    return [event for event in house.events if isinstance(event, RolloutAdvanced)][-1]


def published(house: House) -> list[str]:
    return [event.version for event in house.events if isinstance(event, ModelPublished)]


def ask(house: House, labels: int = 20) -> None:
    since = time.time()
    house.publish(house.request(since), *(house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(labels)))


def test_from_a_request_to_a_stable_champion(make_house: MakeHouse) -> None:
    house = make_house(shadow_previous_after_stable="true")
    house.start()
    ask(house, labels=8)
    house.until(lambda: any("8 of 20" in detail for detail in details(house, "held")), "the wait for labels")
    since = time.time()
    house.publish(*(house.label(since + i * 0.001) for i in range(12)))
    house.until(lambda: "stable" in rollout(house), "a stable champion")
    channels = house.repository.channels(MODEL)
    assert (channels.champion, channels.previous, channels.candidate, channels.shadow) == ("2", "1", None, "1")
    assert rollout(house)[0] == "shadow"
    assert [state for state in rollout(house) if state != "canary"] == ["shadow", "champion", "watch", "stable"]
    assert published(house) == ["2"]
    assert [step for state, step in jobs(house) if state == "running" and step] == ["data", "train", "package"]
    assert jobs(house)[-1][0] == "succeeded"
    metrics = house.metrics()
    assert 'keepsight_retrain_runs_total{outcome="published",trigger="monitor"} 1.0' in metrics
    assert 'keepsight_rollout_state{state="stable"} 1.0' in metrics
    assert house.stop() == 0


def test_killed_in_the_job_and_in_the_canary_it_resumes_with_each_step_told_once(make_house: MakeHouse) -> None:
    house = make_house(canary_frames="200")
    (house.gates / "wait").touch()
    house.start()
    ask(house)
    house.until(lambda: ("running", "train") in jobs(house), "the training process at work")
    house.kill()
    (house.gates / "wait").unlink()  # the training process outlives the service, and the next service finds what it left
    house.start()
    house.until(lambda: "canary" in rollout(house), "the canary")
    house.kill()
    before = house.repository.channels(MODEL)
    house.start()
    house.until(lambda: "stable" in rollout(house), "a stable champion")
    assert before.candidate == "2"
    assert house.stop() == 0
    assert (house.gates / "starts").read_text().count("\n") == 1
    assert published(house) == ["2"]
    steps = [event for event in house.events if isinstance(event, RolloutAdvanced)]
    assert len({event.event_id for event in steps}) == len({(event.state, event.share) for event in steps})
    assert [step for state, step in jobs(house) if state == "running" and step] == ["data", "train", "package"]
    shares = [channels.share for channels in house.repository.history(MODEL) if channels.candidate]
    assert shares == sorted(set(shares))


def test_stopped_in_the_job_it_ends_its_child_and_resumes_the_same_attempt(make_house: MakeHouse) -> None:
    house = make_house()
    (house.gates / "wait").touch()
    house.start()
    ask(house)
    house.until(lambda: ("running", "train") in jobs(house), "the training process at work")
    assert house.stop() == 0
    house.start()
    house.until(lambda: (house.gates / "starts").read_text().count("\n") == 2, "the second start")
    (house.gates / "wait").unlink()
    house.until(lambda: published(house), "the version")
    assert {event.attempt for event in house.events if isinstance(event, JobAdvanced)} == {1}
    assert published(house) == ["2"]


def test_three_deaths_open_an_incident_and_leave_the_champion(make_house: MakeHouse) -> None:
    house = make_house()
    (house.gates / "die").touch()
    house.start()
    ask(house)
    house.until(lambda: any(isinstance(event, IncidentOpened) for event in house.events), "the incident")
    incident = next(event for event in house.events if isinstance(event, IncidentOpened)).incident
    assert incident.cause == "job_failed"
    assert "keepsight retrain" in incident.action
    assert "killed by signal 9" in details(house, "failed")[0]
    assert "no more memory" in details(house, "failed")[0]
    assert (house.gates / "starts").read_text().count("\n") == 3
    assert published(house) == []
    assert house.repository.channels(MODEL).champion == "1"


def test_a_refused_candidate_says_which_gate_and_waits_out_the_cooldown(make_house: MakeHouse) -> None:
    house = make_house()
    gate = {"gate": "forgetting", "verdict": "fail", "value": -0.2, "limit": -0.01, "detail": "20 points lost on the old cells"}
    (house.gates / "verdict").write_text(json.dumps({"verdict": "rejected", "reason": "a gate failed", "gates": [gate]}))
    house.start()
    ask(house)
    house.until(lambda: details(house, "rejected"), "the refusal")
    assert "forgetting: 20 points lost on the old cells" in details(house, "rejected")[0]
    house.publish(house.request(time.time(), key="the next episode"))
    house.until(lambda: any("cooldown" in detail for detail in details(house, "held")), "the cooldown")
    assert (house.gates / "starts").read_text().count("\n") == 1


def test_frames_of_a_faulty_camera_are_not_waited_for_nor_trained_on(make_house: MakeHouse) -> None:
    house = make_house()
    house.start()
    since = time.time()
    house.publish(house.fault("line-3", since), house.request(since, key="the faulty one", cameras=("line-3",)))
    house.until(
        lambda: any("since the change began: line-3" in detail for detail in details(house, "held")), "the hold for the fault"
    )
    house.publish(house.request(since, excluded_cameras=("line-2",)))
    house.publish(*(house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(54)))
    house.publish(*(house.label(since + i * 0.001, audit=True) for i in range(5)))
    house.until(lambda: any("18 of 20" in detail for detail in details(house, "held")), "the wait for labels")
    house.publish(*(house.label(since + 1 + i, "line-1") for i in range(2)))
    house.until(lambda: published(house), "the version")
    request = json.loads(next((house.folder / "state").glob("retrain/jobs/*/1/request.json")).read_text())
    assert {label["camera"] for label in request["labels"]} == {"line-1"}
    assert len(request["labels"]) == 20


def test_a_candidate_that_is_unsure_in_the_canary_goes_back_by_itself(make_house: MakeHouse) -> None:
    house = make_house(canary_frames="100000")
    house.confidence = 0.55
    house.start()
    ask(house)
    house.until(lambda: "rolled_back" in rollout(house), "the rollback")
    assert [state for state in rollout(house) if state != "canary"] == ["shadow", "rolling_back", "rolled_back"]
    reason = next(event.reason for event in house.events if isinstance(event, RolloutAdvanced) and event.state == "rolling_back")
    assert "low_confidence" in reason
    channels = house.repository.channels(MODEL)
    assert (channels.champion, channels.candidate, channels.shadow) == ("1", None, None)


def test_a_candidate_that_contradicts_everything_never_answers(make_house: MakeHouse) -> None:
    house = make_house(shadow_frames="100000")
    house.agree = False
    house.start()
    ask(house)
    house.until(lambda: "rolled_back" in rollout(house), "the rollback")
    assert rollout(house) == ["shadow", "rolling_back", "rolled_back"]
    assert all(channels.champion == "1" and not channels.candidate for channels in house.repository.history(MODEL))


@pytest.mark.parametrize(("share", "until"), [(0.3, "shadow"), (1.0, "canary")])
def test_a_candidate_that_fails_on_frames_goes_back_by_itself(make_house: MakeHouse, share: float, until: str) -> None:
    """What fails leaves no event, and would be waited for. The state holds whatever comes, so that only the guard ends it."""
    more = "100000"
    house = make_house(shadow_frames=more if until == "shadow" else "60", canary_frames=more, canary_shares="1.0")
    house.fails_on = share if until == "shadow" else 0.0
    house.start()
    ask(house)
    house.until(lambda: until in rollout(house), until)
    house.fails_on = share
    house.until(lambda: "rolling_back" in rollout(house), "the way back")
    reason = next(event.reason for event in house.events if isinstance(event, RolloutAdvanced) and event.state == "rolling_back")
    assert "hard limit: it failed on" in reason or "guard errors" in reason
    assert f"in state {until}" in reason
    house.until(lambda: "rolled_back" in rollout(house), "the rollback")
    assert house.repository.channels(MODEL).champion == "1"


def test_a_server_that_does_not_report_holds_the_rollback_open_and_is_named(make_house: MakeHouse) -> None:
    house = make_house(shadow_frames="100000", rollback_deadline_s="0.5")
    house.servers = ["hall:1", "hall:2"]
    house.start()
    ask(house)
    house.until(lambda: "shadow" in rollout(house), "the shadow")
    house.pump()
    house.servers = ["hall:1"]
    now = time.time()
    house.publish(Rollback(event_id=new_id(now), occurred_at=now, model=MODEL, by="ada", reason="it hums"))
    house.until(lambda: "waits for hall:2" in last(house).reason, "the server that is waited for")
    assert "keepsight_rollout_rollback_overdue 1.0" in house.metrics()
    assert last(house).state == "rolling_back"
    house.publish(house.report("hall:2", leaving=True))
    house.until(lambda: last(house).state == "rolled_back", "the rollback")
    assert "1 server answers with version 1 again" in last(house).reason
    house.until(lambda: "keepsight_rollout_rollback_overdue 0.0" in house.metrics(), "the end of the alarm")


def test_a_person_promotes_an_archived_version_and_forces_it(make_house: MakeHouse) -> None:
    house = make_house()
    house.start()
    ask(house)
    house.until(lambda: "stable" in rollout(house), "a stable champion")
    now = time.time()
    house.publish(
        Promote(event_id=new_id(now), occurred_at=now, model=MODEL, version="1", by="ada", reason="the old light is back")
    )
    house.until(lambda: (last(house).version, last(house).state) == ("1", "stable"), "version 1 as champion")
    states = [event.state for event in house.events if isinstance(event, RolloutAdvanced) and event.version == "1"]
    assert list(dict.fromkeys(states)) == ["shadow", "canary", "champion", "watch", "stable"]
    now = time.time()
    house.publish(
        Promote(event_id=new_id(now), occurred_at=now, model=MODEL, version="2", by="ada", reason="no, it is not", force=True)
    )
    house.until(lambda: (last(house).version, last(house).state) == ("2", "stable"), "version 2 as champion")
    forced = [event for event in house.events if isinstance(event, RolloutAdvanced) and event.version == "2"][-3:]
    assert [event.state for event in forced] == ["champion", "watch", "stable"]
    assert "forced by ada: no, it is not" in forced[0].reason


def test_a_person_approves_and_later_takes_it_back(make_house: MakeHouse) -> None:
    house = make_house(approval="always", watch_frames="100000")
    house.start()
    ask(house)
    house.until(lambda: rollout(house) == ["awaiting_approval"], "the wait for approval")
    assert house.repository.channels(MODEL).shadow is None
    now = time.time()
    house.publish(Approve(event_id=new_id(now), occurred_at=now, model=MODEL, version="2", by="ada"))
    house.until(lambda: "watch" in rollout(house), "the watch")
    assert house.repository.channels(MODEL).champion == "2"
    now = time.time()
    house.publish(Rollback(event_id=new_id(now), occurred_at=now, model=MODEL, by="ada", reason="a customer called"))
    house.until(lambda: rollout(house)[-1] == "rolled_back", "the old version back")
    assert house.repository.channels(MODEL).champion == "1"
    assert "a customer called" in house.repository.channels(MODEL).reason
