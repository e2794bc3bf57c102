"""What a drift incident tells of itself, through the judge: type, regimes that come back, contributions, frames from before."""

from pathlib import Path

import numpy as np
import pytest

from contracts.events import AnyEvent, IncidentClosed, IncidentOpened
from contracts.incidents import Incident
from tests.monitor_house import CAMERAS, House
from tests.monitor_line import Line, black, other, smeared, usual


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(Line(tmp_path))


def last(said: list[AnyEvent]) -> Incident:
    """The incident as it was told last."""
    return said[-1].incident  # type: ignore[union-attr]  # incidents only


def test_a_step_is_told_as_sudden_with_its_evidence_and_lands_in_the_headline(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 320, usual()))
    told = last(house.see(house.line.pass_by(CAMERAS, 400, other())))
    assert told.drift_type == "sudden"
    assert ", suddenly; " in told.headline
    (evidence,) = (e for e in told.evidence if e.channel == "drift type")
    assert evidence.detail.startswith("BIC: a step ")
    assert {e.feature for e in told.evidence if e.channel == "triage"} == {
        "class mix",
        "mixture",
        "image over embedding",
        "entropy",
    }


def test_the_type_waits_for_evidence(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 320, usual()))
    (opened,) = (word for word in house.see(house.line.pass_by(CAMERAS, 64, other())) if isinstance(word, IncidentOpened))
    assert opened.incident.drift_type is None


def test_frames_from_before_stand_beside_those_that_show_it(house: House) -> None:
    before = list(house.line.pass_by(CAMERAS, 160, usual()))
    house.see(before)
    told = last(house.see(house.line.pass_by(CAMERAS, 160, other())))
    assert told.reference_examples
    assert set(told.reference_examples) <= {frame.stored for frame in before}
    assert not set(told.reference_examples) & set(told.examples)


def test_a_faulty_camera_s_frames_from_before_are_shown_too(house: House) -> None:
    before = list(house.line.pass_by(CAMERAS, 64, usual()))
    house.see(before)
    told = last(house.see(house.line.pass_by(("cam-2",), 20, black())))
    assert told.cause == "camera_fault"
    assert told.reference_examples
    assert set(told.reference_examples) <= {frame.stored for frame in before if frame.camera == "cam-2"}


def test_contributions_name_features_classes_and_cameras(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 160, usual()))
    told = last(house.see(house.line.pass_by(CAMERAS, 160, other())))
    for kind in ("feature", "camera"):
        shares = [c.share for c in told.contributions if c.kind == kind]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1 + 1e-3
    assert {c.name for c in told.contributions if c.kind == "camera"} == set(CAMERAS)


def test_a_regime_that_comes_back_names_the_version_that_served_it(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 160, usual()))
    assert last(house.see(line.pass_by(CAMERAS, 160, other()))).recurs == ""
    assert isinstance(house.see(line.pass_by(CAMERAS, 400, usual()))[-1], IncidentClosed)
    told = last(house.see(line.pass_by(CAMERAS, 160, other())))
    assert (told.drift_type, told.recurs) == ("recurring", "1")
    assert "version 1 served this regime until" in told.headline
    assert "went away by itself" in told.action


def test_what_the_old_version_was_made_for_comes_back_under_the_new_one(house: House) -> None:
    line = house.line
    line.publish("2", (smeared(), np.arange(len(smeared())) % 2))
    house.see(line.pass_by(CAMERAS, 160, usual()))
    house.advance("2", "champion")
    house.see(line.pass_by(CAMERAS, 160, smeared(), "2"))
    told = last(house.see(line.pass_by(CAMERAS, 160, usual(), "2")))
    assert (told.drift_type, told.recurs) == ("recurring", "1")
    assert "keepsight rollback" in told.action
