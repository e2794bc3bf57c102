"""What a replay reads: files, or the log's past, as one stream in the order of time."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from monitor.backtest.files import EventFile
from monitor.backtest.ordering import merged
from monitor.backtest.recorded import Recorded, RecordingError, Source
from monitor.backtest.topic import LogPast


def recording_files(events: Sequence[str], labels: Sequence[str]) -> list[EventFile]:
    """The files by their names; rows without a type are frames in the first, labels in the second. Raises RecordingError for a missing one."""
    plain = [*((name, "FrameScored") for name in events), *((name, "FrameLabelled") for name in labels)]
    return [EventFile(name, number, kind) for number, (name, kind) in enumerate(plain)]  # type: ignore[arg-type]  # the two names


class Inputs:
    """Files and the log's past, as one stream."""

    def __init__(self, files: Sequence[EventFile], log: LogPast | None, scratch: Path) -> None:
        self._files = files
        self._log = log
        self._runs = (scratch / f"run-{number}" for number in count())

    def read(self) -> Iterator[Recorded]:
        """All events in order."""
        return self._log.read() if self._log else merged(self._files, self._next_run)

    def sources(self) -> list[Source]:
        """What became of each."""
        return [self._log.source] if self._log else [file.source for file in self._files]

    def place(self, one: Recorded) -> str:
        """Where an event stood."""
        return f"{self.sources()[one.source].name}:{one.line}"

    def done(self) -> float | None:
        """The share of the bytes that was read."""
        size = sum(file.size for file in self._files)
        return sum(file.position for file in self._files) / size if size else None

    def sort(self, name: str) -> None:
        """From now on every file is sorted on disk first."""
        if any(file.source.name == "-" for file in self._files):
            raise RecordingError(f"{name} is not in order of time, and standard input cannot be read twice: put it into a file")
        for file in self._files:
            file.source.sorted = True

    def _next_run(self) -> Path:
        return next(self._runs)
