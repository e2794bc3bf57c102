"""How often the monitor saves: a slow store takes a bounded share of its time, and a killed process has a bounded stretch to judge again."""

import pytest

from monitor.service import MOST_UNSAVED_S, QUIET_SHARE, SAVING_SHARE, pause_s


@pytest.mark.parametrize("saving_s", [0.001, 0.02, 0.2])
@pytest.mark.parametrize(("said", "share"), [(True, SAVING_SHARE), (False, QUIET_SHARE)])
def test_saving_takes_no_more_than_its_share_of_the_time(saving_s: float, said: bool, share: float) -> None:
    assert saving_s / pause_s(saving_s, 0.0, said) <= share * 1.000001


def test_verdicts_go_at_once_and_quiet_times_are_saved_as_often_as_set() -> None:
    assert pause_s(0.0, 0.5, said=True) == 0
    assert pause_s(0.001, 0.5, said=False) == 0.5


@pytest.mark.parametrize("said", [True, False])
def test_however_slow_the_store_what_is_judged_is_saved_within_a_bound(said: bool) -> None:
    assert pause_s(60.0, 0.5, said) == MOST_UNSAVED_S
