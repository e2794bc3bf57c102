"""Derived ids are UUIDv7 and follow from what they name."""

from contracts.ids import is_id, time_of
from monitor.identity import derived_id, request_key


def test_derived_ids_are_valid_sort_by_time_and_differ_by_parts() -> None:
    first, again, other, later = derived_id(5.0, "a", 1), derived_id(5.0, "a", 1), derived_id(5.0, "a", 2), derived_id(6.0, "a", 1)
    assert first == again
    assert len({first, other, later}) == 3
    assert is_id(first)
    assert time_of(first) == 5.0
    assert first < later
    assert derived_id(5.0, "ab", "c") != derived_id(5.0, "a", "bc")


def test_a_request_key_joins_an_episode_and_parts_episodes() -> None:
    assert request_key("m", "1", 1) == request_key("m", "1", 1)
    assert len({request_key("m", "1", 1), request_key("m", "1", 2), request_key("m", "2", 1), request_key("n", "1", 1)}) == 4
