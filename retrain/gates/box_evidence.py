"""The labelled frames that two detectors are judged on, side by side, and how far a figure of theirs moved beyond what other recordings would have said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from contracts.predictions import Box
from contracts.quality_detection import Matches, average_precisions, match, overlap
from retrain.gates.clusters import drawn_again

Doubles = NDArray[np.float64]
Boxes = tuple[tuple[Box, ...], ...]
"""Of N frames, each in pixels of the frame as sent."""
_BY_FRAME: Final = ("truth", "champion", "candidate", "camera", "group", "light", "viewpoint", "occlusion", "hidden")


@dataclass(frozen=True, slots=True)
class JudgedBoxes:
    """One set of N labelled frames as champion and candidate see them. Boxes of a score of at least `threshold` are acted on: they count in a frame's loss.
    The candidate may have a threshold of its own.

    Each frame has its camera and its recording (`group`), and where they are known its `light`, `viewpoint` and `occlusion`, by name: all N of a kind, or
    none, "" where there is nothing to say. `hidden` says of each frame's true boxes which are to be seen in part only.
    """

    truth: Boxes
    champion: Boxes
    candidate: Boxes
    camera: tuple[str, ...]
    group: tuple[str, ...]
    threshold: float
    light: tuple[str, ...] = ()
    viewpoint: tuple[str, ...] = ()
    candidate_threshold: float | None = None
    occlusion: tuple[str, ...] = ()
    hidden: tuple[tuple[bool, ...], ...] = ()
    matches: tuple[tuple[Matches, ...], tuple[Matches, ...]] = field(init=False, repr=False, compare=False)
    """Champion's and candidate's, at IoU 0.5."""

    def __post_init__(self) -> None:
        each = (self.champion, self.candidate)
        made = tuple(tuple(match(true, said) for true, said in zip(self.truth, one, strict=True)) for one in each)
        object.__setattr__(self, "matches", made)

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def losses(self) -> tuple[Doubles, Doubles]:
        """1 - F1 of every frame's boxes [N], the champion's and the candidate's."""
        own = self.threshold if self.candidate_threshold is None else self.candidate_threshold
        champion, candidate = (
            np.array([one.loss(threshold) for one in each], np.float64)
            for threshold, each in zip((self.threshold, own), self.matches, strict=True)
        )
        return champion, candidate

    def where(self, mask: NDArray[np.bool_]) -> "JudgedBoxes":
        """Some of the frames."""
        kept = mask.tolist()
        some: dict[str, Any] = {name: tuple(compress(getattr(self, name), kept)) for name in _BY_FRAME}
        return replace(self, **some)

    def of(self, wanted: Callable[[Box], bool]) -> "JudgedBoxes":
        """The frames that show such a box, with those boxes alone."""
        return self._only(lambda _, box: wanted(box))

    def partly_hidden(self) -> "JudgedBoxes":
        """The frames that show an object of which only a part is to be seen, with these objects alone and the boxes that lie on one of them more than on any
        other object."""

        def on_hidden(frame: int, box: Box) -> bool:
            most, at = max(((overlap(box, other), -k) for k, other in enumerate(self.truth[frame])), default=(0.0, 0))
            return most > 0 and self.hidden[frame][-at]

        return self._only(on_hidden)

    def _only(self, wanted: Callable[[int, Box], bool]) -> "JudgedBoxes":
        truth, champion, candidate = (
            tuple(tuple(box for box in frame if wanted(number, box)) for number, frame in enumerate(boxes))
            for boxes in (self.truth, self.champion, self.candidate)
        )
        every = JudgedBoxes(
            truth, champion, candidate, self.camera, self.group, self.threshold, candidate_threshold=self.candidate_threshold
        )
        return every.where(np.array([bool(frame) for frame in truth], np.bool_))


def together(first: JudgedBoxes, second: JudgedBoxes) -> JudgedBoxes:
    """Two domains as one set of frames, without what only one may know of them."""
    return JudgedBoxes(
        first.truth + second.truth,
        first.champion + second.champion,
        first.candidate + second.candidate,
        first.camera + second.camera,
        first.group + second.group,
        first.threshold,
        candidate_threshold=first.candidate_threshold,
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """A figure of two detectors on the same frames: its standard error is that of the difference, over whole recordings drawn again.

    With G recordings it is enlarged by G / (G - 1) in its square and judged by Student's t of G - 1 degrees of freedom (Korn and Graubard 1998): few
    recordings do not know their own spread. Of one recording nothing is known.
    """

    before: float
    after: float
    error: float
    frames: int
    recordings: int

    @property
    def difference(self) -> float:
        """After less before."""
        return self.after - self.before

    def p_below(self, value: float) -> float:
        """One-sided p of a difference of at most `value`: small where it is surely more."""
        return 1.0 - self._p(value)

    def p_above(self, value: float) -> float:
        """One-sided p of a difference of at least `value`: small where it is surely less."""
        return self._p(value)

    def bounds(self) -> tuple[float, float]:
        """One-sided 95 % bounds (low, high) of the difference."""
        if self.recordings < 2:
            return -np.inf, np.inf
        reach = float(stdtrit(self.recordings - 1, 0.95)) * self.error
        return self.difference - reach, self.difference + reach

    def _p(self, value: float) -> float:
        """How probable a difference this low is if it is truly `value`."""
        if self.recordings < 2:
            return 0.5
        away = self.difference - value
        if self.error < 1e-12:
            return 0.5 if abs(away) < 1e-12 else float(away > 0)
        return float(stdtr(self.recordings - 1, away / self.error))


def precision_moved(judged: JudgedBoxes, seed: int) -> Moved:
    """Mean average precision at IoU 0.5 over the classes that occur."""
    return _moved(judged, lambda times: [_mean_precision(one, times) for one in judged.matches], seed)


def class_precision_moved(judged: JudgedBoxes, label: str, seed: int) -> Moved:
    """Average precision of one class at IoU 0.5. There must be a true box of it."""
    return _moved(judged, lambda times: [average_precisions(one, times)[label] for one in judged.matches], seed)


def loss_moved(judged: JudgedBoxes, seed: int) -> Moved:
    """The mean loss of a frame."""
    losses = judged.losses
    return _moved(judged, lambda times: [times @ one / np.maximum(times.sum(axis=1), 1) for one in losses], seed)


def _mean_precision(matches: Sequence[Matches], times: NDArray[np.int64]) -> Doubles:
    """[R]: the mean over the classes that have a true box there, NaN where none has."""
    each = np.stack(list(average_precisions(matches, times).values()))
    known = np.isfinite(each)
    counted = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.asarray(np.where(known, each, 0.0).sum(axis=0) / counted)


def _moved(judged: JudgedBoxes, figures: Callable[[NDArray[np.int64]], Sequence[Doubles]], seed: int) -> Moved:
    """`figures` gives the champion's and the candidate's figure [R] where frame i counts `times` [R, i] times."""
    places: dict[str, int] = {}
    member = np.array([places.setdefault(name, len(places)) for name in judged.group], np.int64)
    champion, candidate = (float(one[0]) for one in figures(np.ones((1, len(judged)), np.int64)))
    error, count = np.inf, len(places)
    if count >= 2:
        first, second = figures(drawn_again(count, seed)[:, member])
        differences = second - first
        error = float(np.nanstd(differences)) * (count / (count - 1)) ** 0.5
    return Moved(champion, candidate, error, len(judged), count)
