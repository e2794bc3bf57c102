"""Who goes when there are too many connections, or one takes too long."""

import pytest

from contracts.connections import MOST, WAIT_S, WHOLE_S, Connections, network


def test_a_stranger_with_all_the_places_pushes_out_itself() -> None:
    open_ones: Connections[str] = Connections()
    assert open_ones.opened("probe", "10.0.0.1", 0.0) is None
    for number in range(MOST - 1):
        assert open_ones.opened(f"stranger {number}", "10.6.6.6", 1.0 + number) is None
    for number in range(3 * MOST):
        gone = open_ones.opened(f"more {number}", "10.6.6.6", 100.0 + number)
        assert gone is not None
        assert "probe" not in gone  # though it is the oldest of all
    assert open_ones.opened("scraper", "10.0.0.2", 500.0) is not None
    assert open_ones.opened("another", "10.6.6.6", 501.0) != "scraper"


def test_who_was_let_in_goes_last() -> None:
    open_ones: Connections[int] = Connections()
    for number in range(MOST):
        open_ones.opened(number, "10.0.0.1", float(number))
        if number != 40:
            open_ones.let_in(number)
    assert open_ones.opened(MOST, "10.0.0.2", 99.0) == 40
    assert open_ones.opened(MOST + 1, "10.0.0.3", 99.0) == MOST  # it has not been let in yet
    open_ones.let_in(MOST + 1)
    assert open_ones.opened(MOST + 2, "10.0.0.4", 99.0) == 0  # of those let in, the oldest of who has the most


def test_late_ones_are_told_once() -> None:
    open_ones: Connections[str] = Connections()
    for name in ("asking", "answered", "over"):
        open_ones.opened(name, "10.0.0.1", 0.0)
    open_ones.let_in("answered")
    open_ones.let_in("never opened")
    open_ones.ended("over")
    assert open_ones.late(WAIT_S) == []
    assert open_ones.late(WAIT_S + 0.1) == ["asking"]
    assert open_ones.late(WHOLE_S) == []
    assert open_ones.late(WHOLE_S + 0.1) == ["answered"]
    assert open_ones.late(1e9) == []


@pytest.mark.parametrize(
    ("address", "taken_for"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no address", "no address"),
    ],
)
def test_a_household_is_one(address: str, taken_for: str) -> None:
    assert network(address) == taken_for
