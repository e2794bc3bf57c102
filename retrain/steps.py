"""The steps of a training process: each says how far it is, and is done once however often the process is killed.

A line a step on standard output, as JSON, becomes a bar and a ledger entry in the service. What a step made lies in the job's folder under the digest
of its inputs:

    steps/<name>-<sha16 of name and inputs>/<file>...    what it made
    steps/<name>-<sha16 of name and inputs>/done.json    the SHA-256 of each file, written last: a step without it was not finished
"""

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TextIO

import msgspec

from contracts.files import Folder, sha256
from contracts.finite import finite
from contracts.ids import checked_name
from retrain.request import Step

STEPS: Final = "steps"
DONE: Final = "done.json"
_DIGITS: Final = 16
_SAID_S: Final = 0.5
"""Between two lines of one step. The service tells one a second; an attempt of six hours (`job_timeout_s`) then leaves some 10 MB in `steps.jsonl`."""


class Steps:
    """Writes Step lines, and keeps what steps made in `folder` (without one, nothing is kept). Progress runs from 0 to 1 over the whole process.

    One that is `silent` says and writes nothing, and reads what others finished: of several processes that train together one speaks. A step is said when it
    begins, and then at most twice a second of `monotonic`, however often it is called.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        folder: Folder | None = None,
        silent: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stdout
        self._folder = folder
        self._silent = silent
        self._monotonic = monotonic
        self._said_s: dict[str, float] = {}

    def __call__(self, step: str, progress: float, detail: str = "", **metrics: float) -> None:
        """Say that a step began, or how far it is."""
        now_s = self._monotonic()
        if self._silent or now_s - self._said_s.get(step, -math.inf) < _SAID_S:
            return
        self._said_s[step] = now_s
        line = Step(step, round(progress, 4), detail, {name: float(value) for name, value in metrics.items()})
        self._stream.write(msgspec.json.encode(finite(line)).decode() + "\n")
        self._stream.flush()

    def once(self, name: str, inputs: Sequence[str], make: Callable[[], Mapping[str, bytes]]) -> Mapping[str, bytes]:
        """The files that a step makes, by name: read where it was finished on the same `inputs` (digests), else made, written and finished.

        `make` must be deterministic in `inputs`. Files that are missing or altered are made again. Raises StoreError when the folder fails.
        """
        if self._folder is None:
            return dict(sorted(make().items()))
        where = f"{STEPS}/{checked_name('step', name)}-{sha256(msgspec.json.encode([name, *inputs]))[:_DIGITS]}"
        kept = self._kept(self._folder, where)
        if kept is not None:
            return kept
        made = dict(sorted(make().items()))
        return made if self._silent else self._finished(self._folder, where, made)

    def _kept(self, folder: Folder, where: str) -> Mapping[str, bytes] | None:
        """What a finished step left, whole and unaltered; None: it must be done (again)."""
        try:
            digests = msgspec.json.decode(folder.read(f"{where}/{DONE}"), type=dict[str, str])
            files = {name: folder.read(f"{where}/{name}") for name in sorted(digests)}
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return files if all(sha256(content) == digests[name] for name, content in files.items()) else None

    def _finished(self, folder: Folder, where: str, made: Mapping[str, bytes]) -> Mapping[str, bytes]:
        files = {checked_name("file of a step", name): content for name, content in made.items()}
        if DONE in files:
            raise ValueError(f"{DONE} is the step's own file: name the result otherwise")
        folder.remove(f"{where}/{DONE}")
        for name, content in files.items():
            folder.write(f"{where}/{name}", content, durable=False)
        folder.write(f"{where}/{DONE}", msgspec.json.encode({name: sha256(content) for name, content in files.items()}))
        return files
