"""Events out of a file: NDJSON as the log's values stand in it, kcat's JSON envelopes, or Parquet; gzip allowed for each. Told by content, never by name.

Files are streamed. A line that is no event is counted with its number and passed over; a file cut off in the middle gives what it has.
"""

import gzip
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal

import msgspec

from contracts.events import AnyEvent, Event, FrameLabelled, FrameScored
from monitor.backtest.recorded import Recorded, RecordingError, Source, recorded

Plain = Literal["FrameScored", "FrameLabelled"]
"""What a row without a `type` is."""
LONGEST_LINE: Final = 8 << 20
"""The log takes no larger record."""
GIVE_UP: Final = 1000
"""A file of which so many first lines are no events is no recording."""
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_CUT_OFF: Final = (EOFError, OSError, zlib.error)
"""What gzip raises for a file that was cut off or damaged."""
_EVENT: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)
_UNTYPED: Final[dict[Plain, type[Event]]] = {"FrameScored": FrameScored, "FrameLabelled": FrameLabelled}


class _Envelope(msgspec.Struct):
    """What `kcat -J` prints around a value. `ts` is when the log took it, in Unix milliseconds."""

    payload: str
    ts: int = 0


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


class EventFile:
    """One file of events; `name` is a path, or `-` for standard input (NDJSON)."""

    def __init__(self, name: str, number: int, plain: Plain) -> None:
        self.source = Source(name)
        self._number = number
        self._plain = plain
        self._raw: IO[bytes] | None = None
        self._done = 0.0
        self.size = 0 if name == "-" else _size(Path(name))

    @property
    def position(self) -> float:
        """Bytes of `size` that were read."""
        return self._done or (self._raw.tell() if self._raw is not None and not self._raw.closed and self.size else 0.0)

    def read(self) -> Iterator[Recorded]:
        """All events, in the order of the file. Raises RecordingError when it cannot be read, or holds none."""
        self.source = Source(self.source.name, sorted=self.source.sorted)
        self._done = 0.0
        with self._opened() as raw:
            self._raw = raw
            for line, content in self._contents(raw):
                try:
                    event = recorded(*self.event_of(content), self._number, line)
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    self.source.bury(str(line), error)
                    if not self.source.events and self.source.broken >= GIVE_UP:
                        raise self._nothing(f"the first {GIVE_UP} lines are none") from None
                    continue
                self.source.events += 1
                yield event
        self._done = float(self.size)
        if self.source.broken and not self.source.events:
            raise self._nothing("no line is one")

    def event_of(self, content: "bytes | dict[str, object]") -> tuple[AnyEvent, float]:
        """The event in a line or a Parquet row, and when the log took it (infinity where that is not told). Raises msgspec's errors."""
        if isinstance(content, dict):
            row = {"type": self._plain, **{key: value for key, value in content.items() if value is not None}}
            return msgspec.convert(row, AnyEvent), float("inf")
        if content.startswith(b'{"topic"'):
            envelope = _ENVELOPE.decode(content)
            return self._decoded(envelope.payload), envelope.ts / 1000 if envelope.ts > 0 else float("inf")
        return self._decoded(content), float("inf")

    def _decoded(self, content: bytes | str) -> AnyEvent:
        try:
            return _EVENT.decode(content)
        except msgspec.ValidationError:
            if '"type"' in content if isinstance(content, str) else b'"type"' in content:
                raise
            return msgspec.json.decode(content, type=_UNTYPED[self._plain])  # type: ignore[return-value]  # one of the union

    def _opened(self) -> IO[bytes]:
        if self.source.name == "-":
            return sys.stdin.buffer
        try:
            return Path(self.source.name).open("rb")
        except OSError as error:
            raise _unreadable(self.source.name, error) from None

    def _contents(self, raw: IO[bytes]) -> "Iterator[tuple[int, bytes | dict[str, object]]]":
        start = _peek(raw)
        if start.startswith(_GZIP):
            stream: Any = gzip.GzipFile(fileobj=raw)
            try:
                start = _peek(stream)
            except _CUT_OFF as error:
                self.source.cut_off = f"is gzip, but {error}"
                return
            if start.startswith(_PARQUET):  # it is read from its end: it must lie on a disk
                with tempfile.TemporaryFile() as unpacked:
                    try:
                        shutil.copyfileobj(stream, unpacked)
                    except _CUT_OFF as error:
                        raise RecordingError(f"{self.source.name} cannot be unpacked: {error}") from None
                    yield from self._rows(unpacked)
            else:
                yield from self._lines(stream)
        elif start.startswith(_PARQUET):
            yield from self._rows(raw)
        else:
            yield from self._lines(raw)

    def _rows(self, file: IO[bytes]) -> "Iterator[tuple[int, dict[str, object] | bytes]]":
        from monitor.backtest.parquet import rows  # needs pyarrow, which comes with the report extra

        for done, number, content in rows(file, self.source.name):
            self._done = done * self.size
            yield number, content

    def _lines(self, stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        number, too_long = 0, False
        while True:
            try:
                line = stream.readline(LONGEST_LINE)
            except _CUT_OFF as error:
                self.source.cut_off = f"ends after line {number}: {error}"
                return
            if not line:
                return
            ends = line.endswith(b"\n")
            if too_long:
                too_long = not ends
                continue
            number += 1
            if len(line) == LONGEST_LINE and not ends:
                too_long = True
                self.source.bury(str(number), f"longer than {LONGEST_LINE} bytes")
            elif line := line.removeprefix(b"\xef\xbb\xbf").strip():
                yield number, line

    def _nothing(self, why: str) -> RecordingError:
        first = self.source.reasons[0] if self.source.reasons else ""
        return RecordingError(
            f"{self.source.name} holds no event that can be read: {why}. Expected NDJSON (one event a line, as kcat prints the log's values) "
            f"or Parquet, gzip allowed. First: {first}"
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(str(path), error) from None


def _unreadable(name: str, error: OSError) -> RecordingError:
    hint = "; name the files in it" if isinstance(error, IsADirectoryError) else ""
    return RecordingError(f"{name} cannot be read: {error.strerror}{hint}")


def _peek(stream: IO[bytes]) -> bytes:
    """The first bytes of a buffered stream, left in it."""
    return bytes(stream.peek(4)[:4])  # type: ignore[attr-defined]  # both are buffered readers
