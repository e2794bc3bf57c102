"""What the monitor remembers: one watch a camera but for the first block after a swap, and a memory that can be exchanged under its holders."""

from monitor.camera import Camera
from monitor.memory import Memory


def fleet(*names: str) -> tuple[Memory, list[Camera]]:
    memory = Memory()
    return memory, [memory.camera(name, "hall", False) for name in names]


def versions(memory: Memory, camera: str) -> list[str]:
    return sorted(watch.version for watch in memory.watches_of(camera))


def test_the_watch_of_the_version_before_rests_until_the_new_one_has_judged_a_block() -> None:
    memory, (camera, other) = fleet("cam-1", "cam-2")
    memory.watch(other, "1")
    old = memory.watch(camera, "1")
    old.blocks, old.pending, old.sums, old.folded = 7, bytearray(b"rows"), b"sums", 8
    new = memory.watch(camera, "2")
    assert versions(memory, "cam-1") == ["1", "2"]
    assert (old.blocks, old.pending, old.sums, old.folded) == (7, b"", b"", 0)
    new.blocks = 1
    assert memory.watch(camera, "2") is new
    assert versions(memory, "cam-1") == ["2"]
    assert set(memory.watches) == {("cam-1", "2"), ("cam-2", "1")}
    assert memory.part("watch", "cam-1\x1f1") is None
    assert ("watch", "cam-1\x1f1") in memory.dirty


def test_two_versions_that_answer_in_turn_keep_the_settled_watch() -> None:
    """One of two servers did not swap: the camera is judged by the version that has blocks, and state does not grow."""
    memory, (camera,) = fleet("cam-1")
    settled = memory.watch(camera, "1")
    settled.blocks = 3
    for version in ("2", "1", "3", "1", "2", "3"):
        memory.watch(camera, version)
        assert len(versions(memory, "cam-1")) <= 2
        assert memory.watches[("cam-1", "1")] is settled


def test_what_was_saved_takes_the_place_of_what_was_not() -> None:
    memory, (camera,) = fleet("cam-1")
    memory.watch(camera, "1")
    saved, (known,) = fleet("cam-9")
    saved.restore(known)
    memory.become(saved)
    assert list(memory.cameras) == ["cam-9"]
    assert memory.watches_of("cam-1") == []
    assert memory.dirty == saved.dirty
