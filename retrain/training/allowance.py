"""Holds a run to its seconds: what will not fit is given up after its first steps, not after its budget."""

from collections.abc import Callable, Iterator
from typing import Final

from contracts.errors import KeepsightError
from retrain.training import distributed
from retrain.training.course import Batch, Batches

LOOK: Final = 20
"""Steps, or one epoch where it has fewer, before the run's length is projected, and between two looks at the clock."""


class TooLongError(KeepsightError):
    """A run does not fit into its allowance. The message says what it was found to need."""


class Allowed:
    """`batches` of a run of at most `epochs`, which ends with TooLongError where it would take longer than `allowance_s` of `clock`.

    Whole epochs are counted, as if the run never stopped early. Of several processes the first one's clock decides for all.
    """

    def __init__(self, batches: Batches, epochs: int, allowance_s: float, clock: Callable[[], float]) -> None:
        self._batches, self._epochs, self._allowance_s, self._clock = batches, epochs, allowance_s, clock
        self._began, self._taken, self._projected = 0.0, 0, False

    @property
    def stalled_s(self) -> float:
        """The batches' own."""
        return self._batches.stalled_s

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches' own."""
        for place, batch in enumerate(self._batches.epoch(number, skip), start=skip):
            self._look((self._epochs - number) * len(self) - place, place == 0)
            yield batch

    def _look(self, left: int, begins: bool) -> None:
        """Before a step, of which `left` are to be taken at most; `begins` an epoch."""
        if not self._taken:
            self._began = self._clock()
        elif self._taken % LOOK == 0 or begins:
            spent = distributed.said(self._clock() - self._began, distributed.place())
            needed = spent if self._projected else spent + spent / self._taken * left
            if needed > self._allowance_s:
                told = (
                    f"{spent:.0f} s are spent"
                    if self._projected
                    else f"{spent / self._taken * 1e3:.0f} ms a step make {needed:.0f} s"
                )
                raise TooLongError(f"{told}, {self._allowance_s:.0f} s of the training budget were left")
            self._projected = True
        self._taken += 1
