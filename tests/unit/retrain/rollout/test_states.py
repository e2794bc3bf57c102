"""The rollout's states: every way through them, and what may never happen on any."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.channels import Channels
from contracts.events import GateResult, ServingReported, VersionServed
from contracts.predictions import Variant
from retrain.rollout import orders
from retrain.rollout.replicas import Standing
from retrain.rollout.states import ENDED, GUARDED, Approval, Plan, Rollout, advance, assigned, begin, channels_of, roll_back, scored

PLAN = Plan(
    shadow_frames=10,
    shadow_s=5,
    shares=(0.01, 0.05, 0.25, 0.5),
    canary_frames=10,
    canary_s=5,
    watch_frames=10,
    watch_s=5,
    rollback_deadline_s=60,
)
CHANNELS = Channels(champion="1", previous="0", sequence=3)
FLEET = [f"camera-{i}" for i in range(400)]
PASS = GateResult("gain", "pass", 1, 0, "")
OPEN = GateResult("gain", "inconclusive", 1, 0, "")


NOBODY = Standing((), ())


def servers(*versions: str, sequence: int = 9, silent: tuple[str, ...] = ()) -> Standing:
    """Servers a, b, c ... that answer with these versions as champion, and those that fell silent."""
    reports = [
        ServingReported(
            event_id="e",
            occurred_at=0.0,
            model="m",
            replica=name,
            sequence=sequence,
            versions=(VersionServed(version, f"digest {version}", "champion", "CPUExecutionProvider"),),
            started_at=0.0,
        )
        for name, version in zip("abcdefgh", versions, strict=False)
    ]
    return Standing(tuple(reports), tuple((name, 99.0) for name in silent))


def begun(approval: Approval = "auto", gates: Sequence[GateResult] = (PASS,), channels: Channels = CHANNELS) -> Rollout:
    rollout = begin("2", channels, "1", ("a", "b"), gates, approval, 0.0)
    return msgspec.structs.replace(rollout, applied=True, digest="digest 2", parent_digest="digest 1", sequence=9)


def fed(rollout: Rollout, frames: int, variant: Variant, version: str = "2") -> Rollout:
    for _ in range(frames):
        rollout = scored(rollout, version, variant)
    return rollout


def role(rollout: Rollout) -> Variant:
    return {"shadow": "shadow", "canary": "candidate"}.get(rollout.state, "champion")  # type: ignore[return-value]


def walk(live: Sequence[str], plan: Plan = PLAN) -> list[Rollout]:
    """Every state on the way when evidence always comes."""
    rollout, now, found = begun(), 0.0, []
    while not rollout.ended:
        found.append(rollout)
        now += 10
        rollout = advance(fed(rollout, 20, role(rollout)), plan, now, live, servers("2", "2"))
        assert rollout is not found[-1], f"stuck in {rollout.state}"
    return [*found, rollout]


def test_a_large_fleet_takes_every_step() -> None:
    steps = walk(FLEET)
    assert [step.state for step in steps] == ["shadow", *["canary"] * 4, "champion", "watch", "stable"]
    assert [step.share for step in steps] == [0.0, 0.01, 0.05, 0.25, 0.5, 1.0, 1.0, 1.0]
    assert "20 frames in 10 s" in steps[1].reason


@pytest.mark.parametrize("approval", ["auto", "on_inconclusive", "always"])
@pytest.mark.parametrize("gates", [(PASS,), (PASS, OPEN)])
def test_who_is_asked(approval: Approval, gates: tuple[GateResult, ...]) -> None:
    asks = approval == "always" or OPEN in gates  # what is not known never rolls itself out
    rollout = begun(approval, gates)
    assert rollout.state == ("awaiting_approval" if asks else "shadow")
    if asks:
        assert advance(rollout, PLAN, 1e6, FLEET, NOBODY) is rollout
        assert orders.approve(rollout, 1.0, "ada", "fine").state == "shadow"
        assert orders.reject(rollout, 1.0, "ada", "").state == "rejected"
        assert channels_of(rollout, PLAN) is None


def test_a_champion_that_changed_meanwhile_refuses_the_version() -> None:
    rollout = begun(channels=Channels(champion="7"))
    assert rollout.state == "rejected"
    assert "the champion is 7" in rollout.reason


@pytest.mark.parametrize("frames", [1, 9])
def test_too_few_frames_hold_however_long_one_waits(frames: int) -> None:
    for step in walk(FLEET)[:-1]:
        if step.state == "champion":
            continue
        held = fed(step, frames, role(step))
        assert advance(held, PLAN, 1e9, FLEET, NOBODY) is held


def test_a_version_that_scores_no_frame_names_the_servers_that_do_not_hold_it() -> None:
    """They could not load it, or score no shadows: else nobody would know why nothing moves."""
    for step in walk(FLEET)[:-3]:
        assert advance(step, PLAN, step.entered_at + 60, FLEET, servers("1")) is step
        late = advance(step, PLAN, step.entered_at + 61, FLEET, servers("1"))
        wanted = {"shadow": "shadow", "canary": "candidate"}[step.state]
        assert (late.state, late.share, late.waits_for) == (step.state, step.share, f"a (version none as {wanted}, channels 9)")
        assert advance(late, PLAN, step.entered_at + 99, FLEET, servers("1")) is late
        assert advance(late, PLAN, step.entered_at + 99, FLEET, NOBODY).waits_for == "frames"
        some = advance(fed(late, 1, role(late)), PLAN, step.entered_at + 99, FLEET, servers("1"))
        assert (some.state, some.frames, some.waits_for) == (step.state, 1, "")


def test_frames_alone_do_not_pass_before_the_time() -> None:
    for step in walk(FLEET)[:-1]:
        if step.state == "champion":
            continue
        held = fed(step, 1000, role(step))
        assert advance(held, PLAN, held.entered_at + 4.9, FLEET, NOBODY) is held


def test_frames_of_another_role_or_version_are_no_evidence() -> None:
    rollout = begun()
    for version, variant in [("1", "champion"), ("2", "candidate"), ("2", "champion"), ("3", "shadow"), ("1", "shadow")]:
        assert scored(rollout, version, variant).frames == 0  # type: ignore[arg-type]


def test_steps_without_a_camera_are_skipped_and_said() -> None:
    few = FLEET[:3]
    shares = [step for step in walk(few, msgspec_plan(shares=(0.01, 0.5, 1.0))) if step.state == "canary"]
    assert all(assigned(step, step.share, few) for step in shares)
    assert "skipped 1%" in shares[0].reason


def msgspec_plan(**changes: object) -> Plan:
    return Plan(**{**{name: getattr(PLAN, name) for name in Plan.__dataclass_fields__}, **changes})  # type: ignore[arg-type]


def test_a_canary_that_can_hold_no_camera_rests_on_the_shadow() -> None:
    lone = next([camera] for camera in FLEET if not assigned(begun(), 0.5, [camera]))
    rollout = advance(fed(begun(), 20, "shadow"), PLAN, 10, lone, NOBODY)
    assert (rollout.state, rollout.share) == ("canary", 0.5)
    assert "none of 1 live cameras falls into 50%" in rollout.reason
    assert advance(rollout, PLAN, 1e9, lone, NOBODY).state == "canary"
    after = advance(fed(rollout, 20, "shadow"), PLAN, 1e9, lone, NOBODY)
    assert after.state == "champion"
    assert "20 frames in the shadow" in after.reason


def test_no_live_camera_holds_everything_but_a_rollback() -> None:
    shadow = fed(begun(), 100, "shadow")
    assert advance(shadow, PLAN, 1e9, [], NOBODY) is shadow
    canary = advance(shadow, PLAN, 1e9, FLEET, NOBODY)
    assert advance(fed(canary, 100, "shadow"), PLAN, 1e10, [], NOBODY).state == "canary"
    assert advance(shadow, PLAN, 1e9, [], NOBODY, "harm").state == "rolling_back"


def test_an_alarm_takes_back_from_every_guarded_state() -> None:
    for step in walk(FLEET):
        back = advance(step, PLAN, step.entered_at, FLEET, NOBODY, "it hurts")
        assert back.state == ("rolling_back" if step.state in GUARDED else step.state)


def test_a_person_takes_back_from_every_state_and_every_server_must_say_so() -> None:
    for step in walk(FLEET):
        back = roll_back(step, 100.0, "ada asked", "ada")
        assert back.state == "rolling_back"
        wanted = channels_of(back, PLAN)
        assert wanted is not None
        assert (wanted["champion"], wanted["candidate"], wanted["shadow"], wanted["previous"]) == ("1", None, None, "0")
        for some in (NOBODY, servers("2"), servers("1", "2"), servers("1", sequence=8), servers("1", silent=("b",))):
            assert advance(back, PLAN, 160.0, FLEET, some) is back
        done = advance(back, PLAN, 102, FLEET, servers("1", "1"))
        assert done.state == "rolled_back"
        assert done.reason.startswith("2 servers answer with version 1 again: ada asked")
        assert roll_back(done, 200.0, "again", "ada") is done


@pytest.mark.parametrize("state", ["champion", "watch"])
def test_a_champion_is_none_and_never_stable_before_every_server_answers_with_it(state: str) -> None:
    step = next(step for step in walk(FLEET) if step.state == state)
    ready = fed(step, 20, "champion")
    for some in (NOBODY, servers("1"), servers("2", "1"), servers("2", sequence=8), servers("2", silent=("b",))):
        assert advance(ready, PLAN, step.entered_at + 60, FLEET, some) is ready
    late = advance(ready, PLAN, step.entered_at + 61, FLEET, servers("2", "1", silent=("z",)))
    assert (late.state, late.waits_for) == (state, "b (version 1 as champion, channels 9), z (silent)")
    assert advance(late, PLAN, step.entered_at + 62, FLEET, servers("2", "1", silent=("z",))) is late
    done = advance(late, PLAN, step.entered_at + 63, FLEET, servers("2", "2"))
    assert (done.state, done.waits_for) == ({"champion": "watch", "watch": "stable"}[state], "")
    assert "2 servers answer with it" in done.reason


def test_a_rollback_past_its_deadline_names_the_servers_it_waits_for_once() -> None:
    back = roll_back(begun(), 100.0, "ada asked", "ada")
    late = advance(back, PLAN, 161.0, FLEET, servers("1", "2", silent=("z",)))
    assert (late.state, late.entered_at, late.waits_for) == (
        "rolling_back",
        100.0,
        "b (version 2 as champion, channels 9), z (silent)",
    )
    assert advance(late, PLAN, 500.0, FLEET, servers("1", "2", silent=("z",))) is late
    fewer = advance(late, PLAN, 500.0, FLEET, servers("1", "1", silent=("z",)))
    assert fewer.waits_for == "z (silent)"
    assert advance(fewer, PLAN, 500.0, FLEET, NOBODY).waits_for == "any server's report"
    done = advance(fewer, PLAN, 501.0, FLEET, servers("1", "1"))
    assert (done.state, done.waits_for) == ("rolled_back", "")


def test_what_the_channels_are_in_each_state() -> None:
    found = [(step.state, channels_of(step, PLAN)) for step in walk(FLEET)]
    assert found[0][1] == {"champion": "1", "candidate": None, "share": 0.0, "shadow": "2", "previous": "0"}
    assert found[1][1] == {"champion": "1", "candidate": "2", "share": 0.01, "shadow": "2", "previous": "0"}
    assert found[5][1] == {"champion": "2", "candidate": None, "share": 0.0, "shadow": "1", "previous": "1"}
    assert found[-1][1] == {"champion": "2", "candidate": None, "share": 0.0, "shadow": None, "previous": "1"}
    kept = channels_of(walk(FLEET)[-1], msgspec_plan(shadow_previous=True))
    assert kept is not None
    assert kept["shadow"] == "1"


Move = tuple[str, int, float, int, bool]
moves = st.lists(
    st.tuples(
        st.sampled_from(["frames", "tick", "alarm", "rollback", "approve", "reject"]),
        st.integers(0, 30),
        st.floats(0, 20),
        st.integers(0, 400),
        st.booleans(),
    ),
    max_size=60,
)


@given(moves, st.sampled_from(["auto", "always"]))
def test_whatever_happens_the_shadow_comes_first_and_shares_only_rise(script: list[Move], approval: Approval) -> None:
    rollout, now, seen = begun(approval), 0.0, []
    for what, frames, seconds, live, shadow in script:
        now += seconds
        before = rollout
        match what:
            case "frames":
                rollout = fed(rollout, frames, "shadow" if shadow else role(rollout))
            case "tick":
                rollout = advance(rollout, PLAN, now, FLEET[:live], NOBODY)
            case "alarm":
                rollout = advance(rollout, PLAN, now, FLEET[:live], NOBODY, "harm")
            case "rollback":
                rollout = roll_back(rollout, now, "asked", "ada")
            case "approve":
                rollout = orders.approve(rollout, now, "ada", "")
            case "reject":
                rollout = orders.reject(rollout, now, "ada", "")
        if rollout.state != before.state:
            seen.append(rollout.state)
        if before.state in ("rolled_back", "rejected"):
            assert rollout is before
        if before.state == "canary" == rollout.state:
            assert rollout.share >= before.share
        if rollout.state == "champion" and before.state != "champion":
            assert before.state == "canary"
            assert before.frames + before.shadow_frames >= PLAN.canary_frames
        assert msgspec.json.decode(msgspec.json.encode(rollout), type=Rollout) == rollout
    order = ["awaiting_approval", "shadow", "canary", "champion", "watch", "stable"]
    forward = [order.index(state) for state in seen if state in order]
    assert forward == sorted(forward)
    if "canary" in seen:
        assert "shadow" in [begun(approval).state, *seen[: seen.index("canary")]]


def test_the_ended_states_are_the_ends() -> None:
    assert walk(FLEET)[-1].state in ENDED
