"""What a person's order makes of a rollout in every state, and of a version that has none."""

import msgspec
import pytest

from contracts.channels import Channels
from contracts.events import RolloutState
from retrain.rollout.orders import approve, forced, promoted, reject
from retrain.rollout.states import GUARDED, Rollout, fresh

CHANNELS = Channels(champion="1", previous="0", sequence=3)
STATES: tuple[RolloutState, ...] = (
    "awaiting_approval",
    "shadow",
    "canary",
    "champion",
    "watch",
    "stable",
    "rolling_back",
    "rolled_back",
    "rejected",
)


def in_state(state: RolloutState) -> Rollout:
    return msgspec.structs.replace(fresh("2", CHANNELS, "1", ("a", "b"), 0.0), state=state, frames=7, applied=True)


@pytest.mark.parametrize("state", STATES)
def test_force_lifts_what_is_on_its_way_up_and_nothing_else(state: RolloutState) -> None:
    before = in_state(state)
    after = forced(before, 5.0, "ada", "the line stands still")
    if state in ("awaiting_approval", "shadow", "canary"):
        assert (after.state, after.share, after.frames, after.applied, after.by) == ("champion", 1.0, 0, False, "ada")
        assert after.reason == "forced by ada: the line stands still"
    else:
        assert after is before


@pytest.mark.parametrize("state", STATES)
def test_approval_and_refusal(state: RolloutState) -> None:
    before = in_state(state)
    approved, refused = approve(before, 5.0, "ada", ""), reject(before, 5.0, "ada", "no")
    assert (approved.state == "shadow") if state == "awaiting_approval" else approved is before
    if state == "awaiting_approval":
        assert refused.state == "rejected"
    elif state in GUARDED:
        assert refused.state == "rolling_back"
        assert refused.reason.startswith("rejected by ada: no; in state ")
    else:
        assert refused is before


def test_a_promoted_version_is_held_against_the_champion_of_the_hour() -> None:
    walked = promoted("7", CHANNELS, ("a", "b"), 5.0, "ada", "it knew this light", force=False)
    assert (walked.version, walked.parent, walked.previous, walked.state, walked.by) == ("7", "1", "0", "shadow", "ada")
    assert walked.reason.startswith("ada asked: it knew this light; ")
    at_once = promoted("7", CHANNELS, ("a", "b"), 5.0, "ada", "it knew this light", force=True)
    assert (at_once.state, at_once.share, at_once.parent, at_once.entered_at) == ("champion", 1.0, "1", 5.0)
