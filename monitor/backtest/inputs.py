"""What a replay reads: files, or the log's past, as one stream in the order of time."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit

from contracts.log import open_bus
from contracts.log_embedded_store import FILE_NAME
from contracts.log_security import LogSecurity
from monitor.backtest.files import EventFile
from monitor.backtest.ordering import merged
from monitor.backtest.recorded import Recorded, RecordingError, Source
from monitor.backtest.topic import LogPast


def recording_files(events: Sequence[str], labels: Sequence[str]) -> list[EventFile]:
    """The files by their names; rows without a type are frames in the first, labels in the second. Raises RecordingError for a missing one."""
    plain = [*((name, "FrameScored") for name in events), *((name, "FrameLabelled") for name in labels)]
    return [EventFile(name, number, kind) for number, (name, kind) in enumerate(plain)]  # type: ignore[arg-type]  # the two names


def log_past(url: str, security: LogSecurity | None, since: float, until: float) -> LogPast:
    """The past of the log at `url`. Raises SettingsError for a URL that is none, RecordingError where no embedded log is: opening one would make it."""
    bus = open_bus(url, "keepsight-backtest", security)
    folder = Path(unquote(urlsplit(url).path))
    if url.startswith("embedded:") and not (folder / FILE_NAME).is_file():
        raise RecordingError(f"{folder} holds no embedded log (no {FILE_NAME}): name the folder that `log` in the settings names")
    return LogPast(bus, url, since, until)


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
        """The share that was read, of bytes or of the log's records."""
        if self._log:
            return self._log.done
        size = sum(file.size for file in self._files)
        return sum(file.position for file in self._files) / size if size else None

    def emptiness(self) -> str:
        """Why there was nothing."""
        if self._log:
            return f"{self._log.source.name} holds none between --since and --until"
        return "; ".join(f"{source.name} {source.cut_off or 'is empty'}" for source in self.sources())

    def sort(self, name: str) -> None:
        """From now on every file is sorted on disk first."""
        if any(file.source.name == "-" for file in self._files):
            raise RecordingError(f"{name} is not in order of time, and standard input cannot be read twice: put it into a file")
        for file in self._files:
            file.source.sorted = True

    def _next_run(self) -> Path:
        return next(self._runs)
