"""The state file: all or nothing, and everything comes back."""

from pathlib import Path

import msgspec
import pytest

from contracts.errors import SettingsError
from contracts.ports import Outgoing, Place
from contracts.repository import ModelRepository
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standards
from monitor.store import Store
from tests.monitor_line import MODEL, Line, black, other, usual

POLICY = Policy(block_frames=16, confirm_blocks=3)
PLACE = Place("keepsight.frames", 3)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """A memory with every kind of part in it."""
    line, memory = Line(tmp_path), Memory()
    judge = Judge(MODEL, POLICY, memory, Standards(ModelRepository(line.url), MODEL, POLICY))
    for pool, each in ((usual(), 40), (other(), 64)):
        for frame in line.pass_by(("cam-1", "cam-2"), each, pool):
            judge.apply(frame, line.now)
            judge.apply(line.label(frame, right=True), line.now)
    for frame in line.pass_by(("cam-1",), 20, black()):
        judge.apply(frame, line.now)
    return memory


def parts(memory: Memory) -> dict[str, bytes]:
    every = [*memory.cameras.values(), *memory.watches.values(), *memory.labels.values(), *memory.cases.values(), memory.rollout]
    return {f"{type(p).__name__}{i}": msgspec.msgpack.encode(p) for i, p in enumerate(every)}


def test_what_is_saved_is_loaded(tmp_path: Path, memory: Memory) -> None:
    assert {case.kind for case in memory.cases.values()} == {"drift", "fault"}
    letter = Outgoing("keepsight.incidents", "k", b"{}", {"ce_id": "1"})
    store = Store(tmp_path / "s" / "state.sqlite", "block_frames=16")
    store.save(memory, {PLACE: 7}, [letter])
    assert not memory.dirty
    store.close()
    again = Store(tmp_path / "s" / "state.sqlite", "block_frames=16")
    loaded = again.load()
    assert sorted(parts(loaded).values()) == sorted(parts(memory).values())
    assert [c.name for c in loaded.active("hall", memory.rollout.watermark)] == ["cam-1", "cam-2"]
    assert again.offsets() == {PLACE: 7}
    assert again.unsent() == ([letter], 1)
    again.sent(1)
    assert again.unsent() == ([], 0)
    again.close()


def test_a_save_that_fails_changes_nothing(tmp_path: Path, memory: Memory) -> None:
    store = Store(tmp_path / "state.sqlite", "x")
    store.save(memory, {PLACE: 7}, [])
    memory.mark("rollout", "")
    memory.rollout.champion = "9"
    bad = Outgoing("t", "k", object(), {})  # type: ignore[arg-type]  # what SQLite cannot hold
    with pytest.raises(Exception, match=r"type|supported|binding"):
        store.save(memory, {PLACE: 8}, [bad])
    assert store.offsets() == {PLACE: 7}
    assert store.load().rollout.champion == "1"
    assert ("rollout", "") in memory.dirty
    store.close()


def test_a_part_that_is_gone_is_removed(tmp_path: Path, memory: Memory) -> None:
    store = Store(tmp_path / "state.sqlite", "x")
    store.save(memory, {}, [])
    for number in list(memory.cases):
        del memory.cases[number]
        memory.mark("case", number)
    store.save(memory, {}, [])
    assert store.load().cases == {}
    store.close()


def test_state_of_another_block_length_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "state.sqlite", "block_frames=16").close()
    with pytest.raises(SettingsError, match="move the file away"):
        Store(tmp_path / "state.sqlite", "block_frames=64")
