"""Which version answers which camera: sticky, monotone in the share, and fair over cameras."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.channels import Channels

CAMERAS = [f"cam-{i}" for i in range(1000)]
NAMES = st.text(alphabet="abcdefgh0123456789-", min_size=1, max_size=12)
SHARES = st.floats(0, 1)


def on_candidate(share: float, candidate: str = "2") -> set[str]:
    channels = Channels(champion="1", candidate=candidate, share=share)
    return {camera for camera in CAMERAS if channels.answering(camera) == (candidate, "candidate")}


@given(NAMES, SHARES)
def test_a_camera_is_answered_by_one_version_for_ever(camera: str, share: float) -> None:
    channels = Channels(champion="1", candidate="2", share=share)
    assert channels.answering(camera) == channels.answering(camera)
    assert channels.answering(camera) in {("1", "champion"), ("2", "candidate")}


@given(NAMES, SHARES, SHARES)
def test_as_the_share_grows_cameras_only_move_to_the_candidate(camera: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    variants = [Channels(champion="1", candidate="2", share=share).answering(camera)[1] for share in (low, high)]
    assert variants != ["candidate", "champion"]


def test_share_zero_is_nobody_and_one_is_everybody() -> None:
    assert on_candidate(0.0) == set()
    assert on_candidate(1.0) == set(CAMERAS)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5, 0.9])
def test_the_share_of_cameras_is_the_share(share: float) -> None:
    assert len(on_candidate(share)) / len(CAMERAS) == pytest.approx(share, abs=0.04)


def test_another_candidate_begins_with_other_cameras() -> None:
    first, second = on_candidate(0.1, "2"), on_candidate(0.1, "3")
    assert len(first & second) < 0.5 * len(first)


def test_without_a_candidate_the_champion_answers_whatever_the_share() -> None:
    assert Channels(champion="1", share=1.0).answering("cam-1") == ("1", "champion")


def test_a_shadow_answers_nobody() -> None:
    channels = Channels(champion="1", shadow="3", candidate="2", share=0.5)
    assert {channels.answering(camera)[0] for camera in CAMERAS} == {"1", "2"}


@pytest.mark.parametrize(
    ("channels", "held"),
    [
        (Channels(champion="1"), ("1",)),
        (Channels(champion="1", previous="0"), ("1",)),
        (Channels(champion="1", candidate="2", shadow="3"), ("1", "2", "3")),
        (Channels(champion="2", candidate="2", shadow="2"), ("2",)),
    ],
)
def test_versions_to_hold_ready(channels: Channels, held: tuple[str, ...]) -> None:
    assert channels.versions() == held


@pytest.mark.parametrize("share", ["-0.1", "1.1", '"half"', "null"])
def test_a_share_outside_0_to_1_is_refused(share: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="share"):
        msgspec.json.decode(f'{{"champion": "1", "share": {share}}}', type=Channels)
