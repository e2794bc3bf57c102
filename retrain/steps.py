"""Progress of a training process: one JSON line a step on standard output, which the service turns into a bar and a ledger entry."""

import sys
from typing import TextIO

import msgspec

from retrain.request import Step


class Steps:
    """Writes Step lines. Progress runs from 0 to 1 over the whole process."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def __call__(self, step: str, progress: float, detail: str = "") -> None:
        """Say that a step began, or how far it is."""
        self._stream.write(msgspec.json.encode(Step(step, round(progress, 4), detail)).decode() + "\n")
        self._stream.flush()
