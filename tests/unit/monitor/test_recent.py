"""Ids seen: exact for the newest, never twice for the rest."""

import msgspec
import pytest

from monitor.identity import derived_id
from monitor.recent import KEPT_FRAMES, WIDTH, Recent


def ids(n: int) -> list[str]:
    return [derived_id(1_750_000_000 + i, i) for i in range(n)]


def test_a_repeat_is_told_from_a_new_one_in_any_order() -> None:
    recent, (first, second) = Recent(), ids(2)
    assert [recent.see(one) for one in (second, first, second, first)] == ["new", "new", "repeat", "repeat"]


def test_what_is_older_than_the_memory_is_late_and_never_new() -> None:
    recent, stream = Recent(), ids(KEPT_FRAMES + 20)
    assert {recent.see(one) for one in stream} == {"new"}
    assert {recent.see(one) for one in stream[:20]} == {"late"}
    assert {recent.see(one) for one in stream[20:]} == {"repeat"}
    assert len(recent.ids) == KEPT_FRAMES * WIDTH


def test_many_ids_of_one_millisecond_are_all_new() -> None:
    recent = Recent()
    assert {recent.see(derived_id(1.0, i)) for i in range(3 * KEPT_FRAMES)} == {"new"}


def test_all_that_ever_came_may_come_again_and_nothing_counts_twice() -> None:
    recent, stream = Recent(), ids(3 * KEPT_FRAMES)
    for one in stream:
        recent.see(one)
    for _ in range(2):
        assert "new" not in {recent.see(one) for one in stream}
    assert recent.see(derived_id(1_760_000_000, 0)) == "new"


def test_a_batch_of_one_millisecond_that_comes_again_counts_once() -> None:
    recent, batches = (
        Recent(),
        [[derived_id(1_750_000_000 + batch, batch, i) for i in range(8)] for batch in range(3 * KEPT_FRAMES // 8)],
    )
    assert {recent.see(one) for batch in batches for one in batch} == {"new"}
    assert "new" not in {recent.see(one) for batch in batches for one in batch}


def test_a_clock_that_is_set_back_makes_nothing_late() -> None:
    recent = Recent()
    before, ahead, after = ([derived_id(1_750_000_000 + since + i, i) for i in range(3 * KEPT_FRAMES)] for since in (0, 3600, 1000))
    for stream in (before, ahead[:20], after):
        assert {recent.see(one) for one in stream} == {"new"}
    assert "new" not in {recent.see(one) for one in (*before, *after)}


def test_an_id_that_only_bridges_two_others_is_new() -> None:
    """The ids lie one after another: what reads like an id across their border is none."""
    recent = Recent()
    for tail in ("00000000aaaa", "00000000bbbb"):
        assert recent.see(f"aaaabbbb-cccc-7000-8000-{tail}") == "new"
    across = recent.ids[5 : 5 + WIDTH].hex()
    assert recent.see(f"{across[:12]}70008000{'0' * 4}{across[12:]}") == "new"


def test_it_survives_saving() -> None:
    recent = Recent()
    for one in ids(KEPT_FRAMES + 5):
        recent.see(one)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(recent), type=Recent)
    assert again == recent


@pytest.mark.parametrize("bad", ["", "no", "0197-zz", "01" * 20])
def test_what_is_no_id_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="expected a UUIDv7"):
        Recent().see(bad)
