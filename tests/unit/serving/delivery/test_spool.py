"""The spool: order, restarts, torn tails, its bound, and a disk that lies."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import SettingsError
from contracts.ports import Outgoing
from serving.delivery.spool import Spool

MIB = 1 << 20


def _record(number: int, size: int = 10) -> Outgoing:
    return Outgoing("topic", f"key-{number % 3}", str(number).encode().rjust(size, b"."), {"ce_id": str(number)})


def _drain(spool: Spool, batch: int = 7) -> list[Outgoing]:
    found = []
    while (read := spool.read(batch, 0)) is not None:
        found += read.records
        spool.acknowledge(read.end)
    return found


def test_what_goes_in_comes_out_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    records = [_record(number) for number in range(100)]
    for start in range(0, 100, 9):
        assert spool.append(records[start : start + 9])
    assert spool.pending_bytes > 0
    assert _drain(spool) == records
    assert spool.pending_bytes == 0
    assert spool.read(1, 0) is None


def test_what_is_read_and_not_acknowledged_is_read_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    spool.append([_record(0), _record(1)])
    first = spool.read(1, 0)
    assert first == spool.read(1, 0)
    assert first is not None
    spool.acknowledge(first.end)
    again = spool.read(5, 0)
    assert again is not None
    assert again.records == [_record(1)]


@given(st.lists(st.tuples(st.sampled_from(["append", "drain", "some", "restart"]), st.integers(1, 40)), max_size=30))
def test_nothing_is_lost_doubled_or_reordered_over_restarts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder, 8000)  # segments of 2000 bytes
    appended: list[Outgoing] = []
    read: list[Outgoing] = []
    number = 0
    for step, count in steps:
        if step == "append":
            batch = [_record(number + index, 50) for index in range(count)]
            if spool.append(batch):
                appended += batch
                number += count
        elif step == "drain":
            read += _drain(spool, count)
        elif step == "some" and (found := spool.read(count, 0)) is not None:
            read += found.records
            spool.acknowledge(found.end)
        elif step == "restart":
            spool.close()
            spool = Spool(folder, 8000)
    read += _drain(spool)
    assert read == appended
    assert spool.pending_bytes == 0
    assert sum(path.stat().st_size for path in folder.glob("*.spool")) <= 4000
    spool.close()


def test_a_torn_tail_ends_its_segment_and_loses_only_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    records = [_record(number) for number in range(5)]
    spool.append(records)
    spool.close()
    (segment,) = tmp_path.glob("*.spool")
    with segment.open("ab") as file:
        file.write(segment.read_bytes()[:25])  # a frame cut by a kill
    spool = Spool(tmp_path, MIB)
    assert spool.torn_bytes == 25
    spool.append([_record(5)])
    assert _drain(spool) == [*records, _record(5)]
    spool.close()


def test_a_frame_changed_on_disk_ends_its_segment_and_the_next_goes_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 4000)
    taken = [number for number in range(12) if spool.append([_record(number, 400)])]
    first, *rest = sorted(tmp_path.glob("*.spool"))
    assert rest
    content = bytearray(first.read_bytes())
    content[40] ^= 0xFF
    first.write_bytes(content)
    found = [int(record.value.strip(b".")) for record in _drain(spool)]
    assert found == taken[taken.index(found[0]) :]
    assert found[0] > 0
    assert spool.torn_bytes > 0


def test_a_full_spool_takes_nothing_until_there_is_room_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 4000)
    taken = 0
    while spool.append([_record(taken, 200)]):
        taken += 1
    assert 8 < taken < 20
    assert sum(path.stat().st_size for path in tmp_path.glob("*.spool")) <= 4000
    assert len(_drain(spool)) == taken
    assert spool.append([_record(taken)])
    assert _drain(spool) == [_record(taken)]


def test_a_disk_that_takes_half_a_record_has_taken_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, MIB)
    spool.append([_record(0)])
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[: len(content) * 2 // 3]))
    assert not spool.append([_record(1), _record(2)])
    monkeypatch.setattr(os, "write", lambda file, content: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert not spool.append([_record(2)])
    monkeypatch.undo()
    assert spool.append([_record(3)])
    spool.close()
    spool = Spool(tmp_path, MIB)
    assert _drain(spool) == [_record(0), _record(3)]
    spool.close()


def test_a_disk_that_was_full_repeats_nothing_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, MIB)
    assert spool.append([_record(0)])
    assert _drain(spool) == [_record(0)]
    with monkeypatch.context() as full:
        full.setattr(os, "write", _no_room)
        assert not any(spool.append([_record(number)]) for number in range(1, 100))
    assert len(list(tmp_path.glob("*.spool"))) <= 1
    assert spool.append([_record(100)])
    assert _drain(spool) == [_record(100)]


def _no_room(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_damaged_position_is_read_as_none_and_repeats_rather_than_loses(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    spool.append([_record(0), _record(1)])
    first = spool.read(1, 0)
    assert first is not None
    spool.acknowledge(first.end)
    spool.close()
    (tmp_path / "position").write_bytes(b"x" * 20)
    spool = Spool(tmp_path, MIB)
    assert _drain(spool) == [_record(0), _record(1)]
    spool.close()


def test_records_after_a_drained_restart_are_not_taken_for_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    spool.append([_record(number) for number in range(20)])
    _drain(spool)
    spool.close()
    for path in tmp_path.glob("*.spool"):
        path.unlink()
    spool = Spool(tmp_path, MIB)
    spool.append([_record(20)])
    assert _drain(spool) == [_record(20)]
    spool.close()


def test_the_oldest_record_has_an_age(tmp_path: Path) -> None:
    now = [100.0]
    spool = Spool(tmp_path, MIB, clock=lambda: now[0])
    assert spool.oldest_age_s == 0
    spool.append([_record(0)])
    now[0] = 130.0
    spool.append([_record(1)])
    assert spool.oldest_age_s == 30
    first = spool.read(1, 0)
    assert first is not None
    spool.acknowledge(first.end)
    assert spool.oldest_age_s == 0
    now[0] = 150.0
    spool.close()
    assert Spool(tmp_path, MIB, clock=lambda: now[0]).oldest_age_s == 20


def test_one_process_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MIB)
    with pytest.raises(SettingsError, match="another serving process uses"):
        Spool(tmp_path, MIB)
    spool.close()
    Spool(tmp_path, MIB).close()


def test_a_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used"):
        Spool(tmp_path / "file" / "spool", MIB)
