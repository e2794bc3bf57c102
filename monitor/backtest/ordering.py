"""Files made one stream in the order of event time, in bounded memory: each is sorted within a window, then they are merged.

A file that is out of order beyond the window is sorted on disk first: runs that fit in memory, merged (Knuth, The Art of Computer Programming 3, 5.4).
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from monitor.backtest.files import EventFile
from monitor.backtest.recorded import Recorded, RecordingError

WINDOW: Final = 20_000
"""Events held for sorting, all files together: about 80 MB, and what the live monitor's merge holds."""
LEAST_WINDOW: Final = 1_000
LATE_SHARE: Final = 0.01
"""A file with more late events than this share (and more than LATE_FREE of them) is out of order: it is sorted on disk."""
LATE_FREE: Final = 100
RUN: Final = 50_000
MOST_RUNS: Final = 200
"""Run files that are open at once."""
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Recorded)


class OutOfOrderError(Exception):
    """A file must be sorted before it can be replayed."""


def merged(files: Sequence[EventFile], scratch: Callable[[], Path]) -> Iterator[Recorded]:
    """The events of all files by time. `scratch` gives a new path for a run. Raises OutOfOrderError for a file not marked to be sorted."""
    window = max(LEAST_WINDOW, WINDOW // len(files))
    streams = [on_disk(file.read(), scratch) if file.source.sorted else in_window(file, window) for file in files]
    return heapq.merge(*streams) if len(streams) > 1 else streams[0]


def in_window(file: EventFile, window: int) -> Iterator[Recorded]:
    """Sorted as far as `window` events allow; what is late beyond it is counted and given when it comes."""
    heap: list[Recorded] = []
    newest = float("-inf")
    for count, event in enumerate(file.read()):
        if len(heap) < window:
            heapq.heappush(heap, event)
            continue
        first = heapq.heappushpop(heap, event)
        if first.at < newest:
            file.source.late += 1
            if file.source.late > max(LATE_FREE, LATE_SHARE * count):
                raise OutOfOrderError(file.source.name)
        else:
            newest = first.at
        yield first
    yield from sorted(heap)


def on_disk(events: Iterable[Recorded], scratch: Callable[[], Path]) -> Iterator[Recorded]:
    """Sorted whole, through files."""
    paths: list[Path] = []
    run: list[Recorded] = []
    for event in events:
        run.append(event)
        if len(run) == RUN:
            paths.append(_written(sorted(run), scratch()))
            run = []
        if len(paths) == MOST_RUNS:
            whole = _written(heapq.merge(*map(_read, paths)), scratch())
            for path in paths:
                path.unlink()
            paths = [whole]
    yield from heapq.merge(*map(_read, paths), sorted(run))


def _written(events: Iterable[Recorded], path: Path) -> Path:
    try:
        with path.open("wb") as file:
            for event in events:
                content = _ENCODER.encode(event)
                file.write(len(content).to_bytes(4, "big") + content)
    except OSError as error:
        raise RecordingError(f"{path} cannot be written to sort events on disk: {error.strerror}") from None
    return path


def _read(path: Path) -> Iterator[Recorded]:
    with path.open("rb") as file:
        while size := file.read(4):
            yield _DECODER.decode(file.read(int.from_bytes(size, "big")))
