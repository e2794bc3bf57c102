"""The journal between the answers and the log: events are on disk before a camera hears its answer, and leave it when the log has them.

Segments `<number>.spool` hold frames of `<length u32, crc32 u32, time f64>` and a msgpack payload, appended with write(2): they survive `kill -9` of
the process, not a power cut (the log's own fsync covers what it acknowledged). `position` holds how far the log has acknowledged. One process
appends (a lock on the folder holds others off), one thread reads. A tail torn by a kill or a full disk ends its segment.
"""

import fcntl
import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from contracts.errors import SettingsError
from contracts.ports import Outgoing

_HEAD: Final = struct.Struct("<IId")
_POSITION: Final = struct.Struct("<QQI")
MAX_SEGMENT_BYTES: Final = 4 << 20
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[str, str, bytes, dict[str, str]])


class Position(NamedTuple):
    """A place in the spool: the segment's number and the byte offset in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to publish, in order, and the position after them, to be acknowledged when the log has them."""

    records: list[Outgoing]
    end: Position


@dataclass(slots=True)
class _Segment:
    number: int
    size: int
    """Whole frames only: what a reader may read."""


class Spool:
    """A bounded queue of records on disk. `clock` gives Unix seconds. Raises SettingsError when another process uses the folder."""

    def __init__(self, folder: Path, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._folder, self.max_bytes, self._clock = folder, max_bytes, clock
        self._segment_bytes = min(MAX_SEGMENT_BYTES, max(1, max_bytes // 4))
        self._changed = threading.Condition()
        self._lock = _locked(folder)
        self._segments: deque[_Segment] = deque()
        self._file: int | None = None
        self._next = 0
        self._oldest_s: float | None = None
        self.torn_bytes = 0
        """Bytes found unreadable at the ends of segments when the spool was opened."""
        self._position_file = os.open(folder / "position", os.O_RDWR | os.O_CREAT, 0o644)
        with self._changed:
            self._recover()

    @property
    def pending_bytes(self) -> int:
        """Bytes not yet acknowledged."""
        with self._changed:
            return sum(segment.size for segment in self._segments) - self._acknowledged.offset

    @property
    def oldest_age_s(self) -> float:
        """Seconds since the oldest record that is not acknowledged was appended; 0 when there is none."""
        with self._changed:
            return 0.0 if self._oldest_s is None else max(0.0, self._clock() - self._oldest_s)

    def append(self, records: Sequence[Outgoing]) -> bool:
        """Journal all or none. False when the spool is full or its disk refuses: the caller counts them as dropped."""
        now = self._clock()
        content = b"".join(_framed(record, now) for record in records)
        with self._changed:
            if sum(segment.size for segment in self._segments) + len(content) > self.max_bytes:
                return False
            if not self._write(content):
                return False
            if self._oldest_s is None:
                self._oldest_s = now
            self._changed.notify_all()
        return True

    def read(self, max_records: int, timeout_s: float) -> Batch | None:
        """The oldest records not acknowledged, waiting up to `timeout_s` for the first; None when there are none."""
        with self._changed:
            self._changed.wait_for(lambda: self._unread() is not None, timeout_s)
            found = self._unread()
        if found is None:
            return None
        segment, start = found
        with (self._folder / _name(segment.number)).open("rb") as file:
            file.seek(start)
            content = file.read(min(segment.size - start, max(1 << 20, max_records << 11)))
            if (head := _HEAD.unpack_from(content)[0] + _HEAD.size) > len(content):
                content += file.read(head - len(content))
        records: list[Outgoing] = []
        end = start
        for payload, after in islice(_frames(content), max_records):
            records.append(Outgoing(*_DECODER.decode(payload)))
            end = start + after
        if not records:  # the disk changed what was written: nothing more can be found in this segment
            self.torn_bytes += segment.size - start
            end = segment.size
        return Batch(records, Position(segment.number, end))

    def acknowledge(self, end: Position) -> None:
        """The log has everything before `end`: forget it, and remove the segments that are done."""
        with self._changed:
            self._acknowledged = end
            content = struct.pack("<QQ", *end)
            os.pwrite(self._position_file, content + struct.pack("<I", zlib.crc32(content)), 0)
            self._drop_finished()
            self._oldest_s = self._time_of_first()

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until all is acknowledged; False when it was not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._unread() is None, timeout_s)

    def wake(self) -> None:
        """Let a waiting reader look again."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Close the files. What is not acknowledged stays on disk."""
        with self._changed:
            self._close_segment()
            os.close(self._position_file)
            os.close(self._lock)

    def _write(self, content: bytes) -> bool:
        try:
            if self._file is None or self._segments[-1].size >= self._segment_bytes:
                self._open_segment()
            file, segment = self._file, self._segments[-1]
            assert file is not None
            written = os.write(file, content)
            if written != len(content):
                os.ftruncate(file, segment.size)  # refused whole: no record of it may come back with a restart
                self._refused()
                return False
        except OSError:
            self._refused()
            return False
        segment.size += written
        return True

    def _refused(self) -> None:
        """Whatever was half written ends this segment, and the next append opens another; one that holds nothing goes, or a full disk fills the folder."""
        self._close_segment()
        if self._segments and not self._segments[-1].size:
            (self._folder / _name(self._segments.pop().number)).unlink(missing_ok=True)

    def _open_segment(self) -> None:
        self._close_segment()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(self._folder / _name(self._next), flags, 0o644)
        self._segments.append(_Segment(self._next, 0))
        self._next += 1

    def _close_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _unread(self) -> tuple[_Segment, int] | None:
        """The first segment with records not acknowledged, and where in it they begin."""
        for segment in self._segments:
            start = self._acknowledged.offset if segment.number == self._acknowledged.segment else 0
            if start < segment.size:
                return segment, start
        return None

    def _drop_finished(self) -> None:
        while self._segments:
            first = self._segments[0]
            done = self._acknowledged >= Position(first.number, first.size)
            writing = self._file is not None and len(self._segments) == 1
            if not done or (writing and first.size < self._segment_bytes):
                break
            if writing:
                self._close_segment()
            (self._folder / _name(first.number)).unlink(missing_ok=True)
            self._segments.popleft()
            self._acknowledged = max(self._acknowledged, Position(first.number + 1, 0))
        self._changed.notify_all()

    def _time_of_first(self) -> float | None:
        if (found := self._unread()) is None:
            return None
        segment, start = found
        with (self._folder / _name(segment.number)).open("rb") as file:
            file.seek(start)
            return float(_HEAD.unpack(file.read(_HEAD.size))[2])

    def _recover(self) -> None:
        """Take up what an earlier process left: whole frames of each segment, from the acknowledged position on."""
        for path in sorted(self._folder.glob("*.spool")):
            content = path.read_bytes()
            whole = max((after for _, after in _frames(content)), default=0)
            self.torn_bytes += len(content) - whole
            self._segments.append(_Segment(int(path.stem), whole))
        stored = self._stored_position()
        first = self._segments[0].number if self._segments else stored.segment + 1
        self._acknowledged = max(stored, Position(first, 0))
        # Never a number that the stored position speaks of: it would count the new segment's records as acknowledged.
        self._next = max(self._segments[-1].number if self._segments else 0, stored.segment) + 1
        self._drop_finished()
        self._oldest_s = self._time_of_first()

    def _stored_position(self) -> Position:
        content = os.pread(self._position_file, _POSITION.size, 0)
        if len(content) < _POSITION.size or zlib.crc32(content[:16]) != _POSITION.unpack(content)[2]:
            return Position(0, 0)
        return Position(*_POSITION.unpack(content)[:2])


def _framed(record: Outgoing, now: float) -> bytes:
    payload = _ENCODER.encode((record.topic, record.key, record.value, dict(record.headers)))
    return _HEAD.pack(len(payload), zlib.crc32(payload), now) + payload


def _frames(content: bytes) -> Iterator[tuple[bytes, int]]:
    """The payloads of whole frames, each with the offset after it; ends at the first that is cut or does not match its checksum."""
    at = 0
    while at + _HEAD.size <= len(content):
        length, checksum, _ = _HEAD.unpack_from(content, at)
        at += _HEAD.size + length
        payload = content[at - length : at]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload, at


def _name(number: int) -> str:
    return f"{number:012d}.spool"


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise SettingsError(
            f"the spool folder {folder} cannot be used: {error.strerror}. Set `state` to a folder this user may write"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise SettingsError(
            f"another serving process uses {folder}: stop it, or give this one a `state` folder of its own"
        ) from None
    return lock
