"""Derived event ids: UUIDv7 of the frame's time, one for each thing said."""

from contracts.ids import is_id, new_id, time_of
from serving.scoring.event_ids import derived_id


def test_the_same_gives_the_same_and_another_another() -> None:
    frame_id = new_id(1_767_225_600.5)
    same = {derived_id(frame_id, "1", "champion") for _ in range(3)}
    assert len(same) == 1
    different = {
        derived_id(frame_id, *parts)
        for parts in [("1", "champion"), ("1", "shadow"), ("2", "champion"), ("1champion",), ("1", "", "champion")]
    }
    assert len(different) == 5
    assert derived_id(new_id(1_767_225_600.5), "1", "champion") not in same


def test_it_is_a_uuid_of_the_frames_time() -> None:
    for number in range(200):
        found = derived_id(new_id(1_767_225_600 + number), str(number))
        assert is_id(found)
        assert time_of(found) == 1_767_225_600 + number
