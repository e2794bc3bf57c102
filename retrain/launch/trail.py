"""What a training process leaves in its job's folder while it runs and when it ended: step lines, its last words, its outcome."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import StoreError, VersionError
from retrain.launch.launcher import Progress
from retrain.request import OUTCOME, CandidateOutcome, Step

STEPS: Final = "steps.jsonl"
STDERR: Final = "stderr.log"
_TAIL_BYTES: Final = 4000
_LOOK_BYTES: Final = 1 << 20
"""Read at one look at most, some 8,000 steps; a line that is longer than this is no step."""


@dataclass(frozen=True, slots=True)
class Trail:
    """The folder's files, read without waiting. Every method raises StoreError while the folder cannot be read."""

    folder: Path

    def progress(self, read: int) -> Progress:
        """The complete step lines after `read` bytes; other output among them is left out."""
        content = self._bytes(STEPS, read, _LOOK_BYTES)
        end = content.rfind(b"\n") + 1 or (len(content) if len(content) == _LOOK_BYTES else 0)
        steps = []
        for line in content[:end].splitlines():
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                steps.append(msgspec.json.decode(line, type=Step))
        return Progress(steps, read + end)

    def answered(self) -> bool:
        """Whether its outcome is there. By a listing: a network file system remembers that a name was missing, and looks again when its folder is listed."""
        try:
            return any(path.name == OUTCOME for path in self.folder.iterdir())
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be listed: {error.strerror}") from error

    def outcome(self) -> CandidateOutcome | None:
        """What it answered; None before. Raises VersionError for what is no outcome."""
        if not self.answered():
            return None
        try:
            return msgspec.json.decode((self.folder / OUTCOME).read_bytes(), type=CandidateOutcome)
        except OSError as error:
            raise StoreError(f"{self.folder / OUTCOME} is there and cannot be read: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VersionError(f"{self.folder / OUTCOME} is not an outcome we can read: {error}") from error

    def last_words(self) -> str:
        """The end of its standard error."""
        return self._bytes(STDERR, -_TAIL_BYTES, _TAIL_BYTES).decode(errors="replace").strip()

    def _bytes(self, name: str, start: int, most: int) -> bytes:
        """At most `most` bytes of a file from `start`, from its end where that is negative; nothing of one that is missing."""
        try:
            with (self.folder / name).open("rb") as file:
                file.seek(start if start >= 0 else max(0, file.seek(0, os.SEEK_END) + start))
                return file.read(most)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StoreError(f"{self.folder / name} cannot be read: {error.strerror}") from error
