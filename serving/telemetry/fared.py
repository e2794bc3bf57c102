"""How a version fares on the frames that it is given: counts that the workers raise and the report to the log reads."""

import threading
from typing import NamedTuple


class Counts(NamedTuple):
    """Frames that a version scored, on which it failed, and on which its values were not finite."""

    answered: int
    failed: int
    invalid: int


class Fared:
    """The counts of one version held ready, in whatever role. Safe between threads: a batch costs one lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts(0, 0, 0)

    def count(self, answered: int = 0, failed: int = 0, invalid: int = 0) -> None:
        """A batch is done."""
        with self._lock:
            before = self._counts
            self._counts = Counts(before.answered + answered, before.failed + failed, before.invalid + invalid)

    @property
    def counts(self) -> Counts:
        """Since the version was loaded; all of one moment."""
        return self._counts
