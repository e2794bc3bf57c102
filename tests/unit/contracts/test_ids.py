"""Ids sort by time, hold it, and names that would become a path elsewhere are refused."""

import subprocess
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import checked_name, derived_id, is_id, new_id, time_of

MOMENTS = st.floats(0, 4_000_000_000)


@given(MOMENTS)
def test_an_id_is_a_uuid7_that_holds_its_millisecond(now: float) -> None:
    made = new_id(now)
    assert uuid.UUID(made).version == 7
    assert uuid.UUID(made).variant == uuid.RFC_4122
    assert is_id(made)
    assert time_of(made) == pytest.approx(now, abs=0.001001)


@given(MOMENTS, st.floats(0.002, 1e6))
def test_ids_sort_by_time(now: float, later: float) -> None:
    assert new_id(now) < new_id(now + later)


_FORKS = """
import os
from contracts.ids import new_id
new_id(1.0)
for _ in range(3):
    if os.fork() == 0:
        print(new_id(1.0), flush=True)
        os._exit(0)
    os.wait()
print(new_id(1.0))
"""


def test_a_forked_process_makes_other_ids() -> None:
    # In a process of its own: a fork of this one, with the threads of other tests, could wait for ever for a lock that one of them held.
    made = subprocess.run([sys.executable, "-c", _FORKS], capture_output=True, text=True, check=True).stdout.split()
    assert len(made) == len(set(made)) == 4


def test_ids_of_one_millisecond_differ() -> None:
    assert len({new_id(1_700_000_000.0) for _ in range(10_000)}) == 10_000


@given(st.text(max_size=40))
def test_other_text_is_no_id(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(ValueError, match="not a frame id"):
        time_of(text)


@pytest.mark.parametrize("version", ["1", "4", "6", "8"])
def test_uuids_of_other_versions_are_no_ids(version: str) -> None:
    made = new_id(1_700_000_000.0)
    assert not is_id(made[:14] + version + made[15:])
    assert not is_id(made.upper().replace("-", "_"))


@pytest.mark.parametrize("name", ["a", "line-3", "solar_cells.v2", "0", "A" * 64])
def test_names(name: str) -> None:
    assert checked_name("camera", name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "../etc", "a/b", "a b", "-a", "ä", "a\n", "a\0", "A" * 65])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match=r"camera .* is not a name: use 1 to 64 letters"):
        checked_name("camera", name)


def test_a_derived_id_is_of_its_frames_time_and_of_what_is_said() -> None:
    frame_id = "0199aaaa-0000-7000-8000-000000000001"
    assert derived_id(frame_id, "label", "x") == "0199aaaa-0000-7658-a4e9-820cd9b0cf65"
    assert time_of(derived_id(frame_id, "label", "x")) == time_of(frame_id)
    said = {derived_id(frame_id, *parts) for parts in (("label", "x"), ("label", "y"), ("labelx",), ("label", "", "x"))}
    assert len(said | {derived_id(new_id(1.0), "label", "x")}) == 5
