"""What incidents say: every cause and every fault has its own words, times carry their day, and nothing is claimed beyond the evidence."""

from typing import get_args

import pytest
from msgspec.structs import replace

from contracts.incidents import Cause, Evidence
from monitor.health import WORDS
from monitor.incidents import wording

AT = 1_750_000_000.0
LEAD = Evidence("image statistics", "luma_mean", "cam-1", 1.44, 96.0, 160.0)


def headline(cause: Cause, lead: Evidence = LEAD, mixed: bool = False) -> str:
    return wording.drift_headline("hall", cause, "3", AT, ("cam-1", "cam-2"), 3, lead, ", suddenly", mixed)


@pytest.mark.parametrize("cause", get_args(Cause))
def test_every_cause_says_what_to_do(cause: Cause) -> None:
    assert wording.ACTIONS[cause].endswith(".")


def test_a_headline_says_what_where_since_when_how_and_how_much() -> None:
    assert headline("environment_change") == (
        "Hall sends pictures of another light or quality than version 3's reference since 2025-06-15 15:06:40 UTC on cam-1, cam-2 (2 of 3 cameras), "
        "suddenly; image statistics (luma_mean down) at 1.4 times its limit"
    )


@pytest.mark.parametrize("feature", ["embedding axis 16", "kernel feature 5", "image statistics"])
def test_features_without_a_meaning_are_not_named(feature: str) -> None:
    assert "; image statistics at 1.4 times" in headline("environment_change", replace(LEAD, feature=feature))


def test_another_mix_is_told_only_where_it_explains_the_movement() -> None:
    assert "another mix of the classes that version 3 knows" in headline("population_change", mixed=True)
    assert "objects unlike version 3's reference" in headline("population_change")
    assert wording.drift_action("population_change", mixed=True) == wording.MIX
    assert wording.drift_action("new_class", mixed=True) == wording.ACTIONS["new_class"]


@pytest.mark.parametrize("fault", sorted(WORDS))
def test_every_fault_has_its_own_advice_for_one_camera_and_one_for_a_whole_site(fault: str) -> None:
    alone = wording.fault_action("camera_fault", fault, whole_site=False)
    assert alone == f"{wording.FAULTS[fault]} {wording.ASIDE}"
    assert wording.fault_action("camera_fault", fault, whole_site=True).startswith(wording.SITE_FAULT)
    assert wording.fault_action("pipeline_change", fault, whole_site=True) == wording.ACTIONS["pipeline_change"]


def test_several_cameras_are_told_in_the_singular_of_each() -> None:
    one, two = (wording.fault_headline(names, "silent", AT, "hall") for names in (("cam-1",), ("cam-1", "cam-2")))
    assert one == "cam-1 has stopped sending since 2025-06-15 15:06:40 UTC (Hall)"
    assert two.startswith("Each of cam-1, cam-2 has stopped sending")
