"""Turns: fair between cameras, bounded for each, and only the newest frame of a camera that wants it so."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from serving.queueing.frame import Frame
from serving.queueing.turns import Turns
from tests.small_model import photographs
from tests.unit.serving import parts

(JPEG,), _ = photographs(1)


def _put(turns: Turns, camera: str, *numbers: int) -> list[Frame]:
    """Queue frames of a camera, captured at these seconds; those whose place they took."""
    superseded: list[Frame] = []
    for number in numbers:
        assert turns.reserve(camera)
        superseded += turns.put([parts.frame(JPEG, camera, number=number)])
    return superseded


def _seconds(frames: list[Frame]) -> list[float]:
    return [frame.captured_at - parts.NOW for frame in frames]


def _order(turns: Turns) -> str:
    return "".join(turns.pop().camera_name for _ in range(len(turns)))


def test_cameras_are_served_in_turn() -> None:
    turns = Turns(limit=64)
    _put(turns, "a", *range(6))
    _put(turns, "b", 0, 1)
    _put(turns, "c", 0)
    assert _order(turns) == "abcabaaaa"


def test_a_camera_that_comes_back_waits_for_its_turn() -> None:
    turns = Turns(limit=64)
    _put(turns, "a", 0)
    _put(turns, "b", 0, 1)
    assert turns.pop().camera_name == "a"
    _put(turns, "a", 1)
    assert _order(turns) == "bab"


def test_the_frames_of_a_camera_keep_their_order() -> None:
    turns = Turns(limit=64)
    _put(turns, "a", 3, 1, 2)
    _put(turns, "b", 9)
    assert _seconds([turns.pop() for _ in range(4)]) == [3, 9, 1, 2]


def test_a_camera_holds_no_more_than_is_free_and_others_find_room() -> None:
    turns = Turns(limit=16)
    held = Counter[str]()
    for camera in ("mad", "madder", "calm"):
        while turns.reserve(camera):
            held[camera] += 1
    assert held == {"mad": 8, "madder": 4, "calm": 2}
    turns.release("mad", 3)
    assert turns.reserve("other")


def test_a_queue_of_one_takes_one() -> None:
    turns = Turns(limit=1)
    assert turns.reserve("a")
    assert not turns.reserve("a")
    assert not turns.reserve("b")


def test_the_newest_frame_takes_the_place_and_the_turn_of_the_one_that_waits() -> None:
    turns = Turns(limit=16, newest_wins={"live"})
    assert not _put(turns, "live", 1)
    _put(turns, "file", 1, 2)
    assert _seconds(_put(turns, "live", 2)) == [1]
    assert _seconds(_put(turns, "live", 5)) == [2]
    assert (len(turns), turns.slots) == (3, 3)
    assert _seconds([turns.pop() for _ in range(3)]) == [5, 1, 2]


def test_a_frame_that_was_overtaken_on_its_way_is_not_queued() -> None:
    turns = Turns(limit=16, newest_wins={"live"})
    _put(turns, "live", 7)
    assert _seconds(_put(turns, "live", 6)) == [6]
    assert _seconds([turns.pop()]) == [7]
    assert (len(turns), turns.slots) == (0, 0)


def test_frames_that_came_together_wait_together() -> None:
    turns = Turns(limit=16, newest_wins={"live"})
    for _ in range(3):
        assert turns.reserve("live")
    together = [parts.frame(JPEG, "live", number=number) for number in (1, 2, 3)]
    assert not turns.put(together)
    assert _put(turns, "live", 4) == together
    assert _seconds([turns.pop()]) == [4]


def test_in_overload_a_newer_frame_may_come_for_the_one_that_waits() -> None:
    turns = Turns(limit=2, newest_wins={"live"})
    _put(turns, "live", 1)
    _put(turns, "other", 1)
    assert not turns.reserve("third")
    assert turns.reserve("live")
    assert not turns.reserve("live")  # one at a time
    assert _seconds(list(turns.put([parts.frame(JPEG, "live", number=2)]))) == [1]
    assert turns.slots == 2


def test_a_frame_is_removed_only_while_it_waits() -> None:
    turns = Turns(limit=16)
    _put(turns, "a", 1, 2)
    first = turns.pop()
    assert not turns.remove(first)
    stranger = parts.frame(JPEG, "a", number=2)
    assert not turns.remove(stranger)
    (second,) = [turns.pop()]
    assert turns.reserve("a")
    turns.put([second])
    assert turns.remove(second)
    assert (len(turns), turns.slots) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["reserve", "release", "put", "pop", "remove"])), max_size=80))
def test_slots_and_depth_are_what_is_held_whatever_comes(steps: list[tuple[str, str]]) -> None:
    turns = Turns(limit=6, newest_wins={"a", "b"})
    on_their_way, waiting = Counter[str](), list[Frame]()
    for number, (camera, step) in enumerate(steps):
        if step == "reserve" and turns.reserve(camera):
            on_their_way[camera] += 1
        elif step == "release" and on_their_way[camera]:
            turns.release(camera)
            on_their_way[camera] -= 1
        elif step == "put" and on_their_way[camera]:
            frame = parts.frame(JPEG, camera, number=number)
            on_their_way[camera] -= 1
            superseded = turns.put([frame])
            waiting = [one for one in [*waiting, frame] if one not in superseded]
        elif step == "pop" and waiting:
            waiting.remove(turns.pop())
        elif step == "remove" and waiting:
            assert turns.remove(waiting.pop())
        assert len(turns) == len(waiting)
        assert turns.slots == len(waiting) + on_their_way.total() <= 2 * 6
        assert all(sum(one.camera_name == camera for one in waiting) <= 1 for camera in "ab")
