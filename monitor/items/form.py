"""The form of blocks: where their frames lie beside the reference one by one, for what the means of the channels cannot tell.

A frame is taken as F standardised values: its image statistics, then its embedding. Of a block their means, mean squares and the length of twelve fixed
directions are kept, all additive. Three things follow. The mean is fitted by another mix of the reference's classes (weights at or above zero that sum to
one, by least squares): what such a mix explains is a change of population and no other. What it leaves, the residual, lies in the image statistics or in
the embedding. And the variance along the residual tells a mixture from a shift: when a share p of the frames has moved by D, the mean moves by p D and
the variance grows by p (1 - p) |D|^2, (1 - p) / p times the squared residual; when all frames move together it grows by nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from contracts.statistics import NUMERIC
from monitor.detectors.ewma import Floats
from monitor.incidents.finding import Shape
from monitor.items.answers import Beside
from monitor.items.features import SMALLEST_CHANGE, Layout, Rows, levelled

DIRECTIONS: Final = 12
"""Of the course: enough to keep a shift's length within 40 %, few enough to store."""
WIDEST: Final = 6.0
"""Standard deviations at which a single frame's value is cut."""
LENGTH: Final = 4
"""Blocks over which a form is averaged before it is read, exponentially."""
MOST_CLASSES: Final = 64
MIN_ROWS: Final = 5
"""Of a class in the reference, for its mean to count."""
LEAST_SIGNAL: Final = 0.5
"""Of a squared residual, the rest being noise, which adds to its length and not to the variance along it."""
SUM_WEIGHT: Final = 100.0
"""Of the condition that the mix sums to one."""
REPLICATES: Final = 100
HARDLY: Final = 0.01
"""Of a frame's pixels: a clipped share that at least half of the reference's frames stay below says nothing of a mixture. In one and the same light it stays
at zero for frames with room to spare while others fill up: on composed frames of two scenes at a third of the light it alone made 0.4 to 1.3 of a mixture
that is -0.2 to 0 without it."""


@dataclass(frozen=True, slots=True)
class Form:
    """Calibrated on one reference: F values, K groups of frames (the classes; of a detector also the frames without objects), A answers beside."""

    layout: Layout
    centre: Floats
    """[F]"""
    deviation: Floats
    """[F]"""
    directions: Floats
    """[F, DIRECTIONS], orthonormal"""
    kept: NDArray[np.intp]
    """[K]: the groups with MIN_ROWS reference rows at least, MOST_CLASSES of them at most"""
    classes: Floats
    """[K, F + A]: each group's mean values, then its mean answers"""
    beside: Beside
    """How answers stand beside the values."""
    squares: Floats
    """[K, F]: each group's mean squared values"""
    shares: Floats
    """[K], of the reference"""
    even: Floats
    """[F]: 1 for the values that tell a mixture from a shift, 0 for clipped shares that are usually none (see HARDLY)."""
    usual: Floats
    """[2 F]: the reference's means and mean squares, what an average begins with"""
    course_spread: float
    """The reference's variance along a direction of the course, on average."""
    noise: float
    """The squared residual of LENGTH blocks without drift, on average."""
    scatter: float
    """How far the mean values of such blocks lie from the reference's at most: the largest of REPLICATES."""

    def columns(self, rows: Rows) -> Floats:
        """What is summed of each frame, [n, 2 F + 1]: values, squares, squared length along the directions."""
        statistics, embedding, _ = self.layout.split(rows)
        values = _standardised(np.concatenate([levelled(statistics), embedding], axis=1), self.centre, self.deviation)
        along = values @ self.directions
        return np.concatenate([values, values**2, np.square(along).sum(axis=1, keepdims=True)], axis=1)

    def average(self, before: Floats | None, block: Floats) -> Floats:
        """The average [2 F] after a block whose mean columns are `block` [2 F + 1]; None before the first."""
        start = self.usual if before is None else before
        return np.asarray(start + 2 / (LENGTH + 1) * (block[:-1] - start))

    def point(self, block: Floats) -> tuple[Floats, float]:
        """A block's point in a course: deviation [DIRECTIONS] and spread (see History.push)."""
        moved = block[: len(self.centre)] @ self.directions
        spread = (float(block[-1]) - float(moved @ moved)) / DIRECTIONS
        return moved, spread / self.course_spread

    def read(self, average: Floats, answers: Floats) -> Shape:
        """What an average [2 F] says, with the mean answers [labels + 2] of the same blocks."""
        width = len(self.centre)
        now = np.concatenate([average[:width], self.beside(answers)])
        mix, left = self.mixed(now)
        moved = now - self.shares @ self.classes
        residual = left[:width]
        expected = mix @ self.squares - (mix @ self.classes[:, :width]) ** 2
        excess = average[width:] - average[:width] ** 2 - expected
        signal = max(LEAST_SIGNAL, 1 - self.noise / max(float(left @ left), 1e-12))
        statistics = np.abs(residual[: len(NUMERIC)])
        even = residual * self.even
        return Shape(
            mean=average[:width],
            moved=float(moved @ moved),
            explained=min(1.0, max(0.0, 1 - max(0.0, float(left @ left) - self.noise) / max(float(moved @ moved), 1e-12))),
            mixture=float(even**2 @ excess) / max(float((even**4).sum()), 1e-12) / signal**2,
            image=float(statistics.max()),
            embedding=float(np.linalg.norm(residual[len(NUMERIC) :])),
            entropy=float(left[-1]),
            statistic=NUMERIC[int(statistics.argmax())],
            mix=tuple(
                (self.layout.answers.groups[k], float(was), float(share))
                for k, was, share in zip(self.kept, self.shares, mix, strict=True)
            ),
        )

    def mixed(self, now: Floats) -> tuple[Floats, Floats]:
        """The mix [K] of groups that comes nearest to `now` [F + A] (values and answers), and what it leaves [F + A]."""
        mix, _ = nnls(np.vstack([self.classes.T, np.full(len(self.classes), SUM_WEIGHT)]), np.append(now, SUM_WEIGHT))
        return np.asarray(mix), np.asarray(now - mix @ self.classes)


def calibrate(
    layout: Layout, rows: Rows, truth: NDArray[np.int32], pieces: Sequence[NDArray[np.intp]], frames: int, rng: np.random.Generator
) -> Form:
    """The form of a reference: `rows` [N, width] with `truth` [N] (-1 unknown: what the model takes it for stands for it), recordings as `pieces` of rows.

    `frames`: of a block. The noise is the squared residual of LENGTH blocks of frames out of half the recordings, the other half being the reference.
    """
    statistics, embedding, said = layout.split(rows)
    values = np.hstack([levelled(statistics), embedding])
    floor = np.array([SMALLEST_CHANGE[name] for name in NUMERIC] + [1e-3] * layout.axes)
    centre, deviation = values.mean(axis=0), np.maximum(values.std(axis=0), floor)
    values = _standardised(values, centre, deviation)
    usually = np.median(statistics, axis=0)
    answer = np.where(truth >= 0, truth, layout.answers.group(said))
    counts = np.bincount(answer, minlength=len(layout.answers.groups))
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])
    kept = kept[counts[kept] >= MIN_ROWS]
    features = layout.answers.features(said)
    beside = layout.answers.beside(features, kept)
    seen = np.hstack([values, beside(features)])
    directions = np.linalg.qr(rng.standard_normal((values.shape[1], min(DIRECTIONS, values.shape[1]))))[0]
    form = Form(
        layout=layout,
        centre=centre,
        deviation=deviation,
        directions=directions,
        kept=kept,
        beside=beside,
        classes=np.stack([seen[answer == k].mean(axis=0) for k in kept]),
        squares=np.stack([np.square(values[answer == k]).mean(axis=0) for k in kept]),
        shares=counts[kept] / counts[kept].sum(),
        even=np.array(
            [not name.startswith("clipped") or usual >= HARDLY for name, usual in zip(NUMERIC, usually, strict=True)]
            + [True] * layout.axes,
            np.float64,
        ),
        usual=np.concatenate([values.mean(axis=0), np.square(values).mean(axis=0)]),
        course_spread=max(float((values @ directions).var(axis=0).mean()), 1e-6),
        noise=0.0,
        scatter=0.0,
    )
    null = np.array([_null(form, seen, pieces, LENGTH * frames, rng) for _ in range(REPLICATES)])
    return replace(form, noise=float(null[:, 0].mean()), scatter=float(null[:, 1].max()))


def _null(
    form: Form, seen: Floats, pieces: Sequence[NDArray[np.intp]], frames: int, rng: np.random.Generator
) -> tuple[float, float]:
    """The squared residual and the distance from the reference of some frames out of one half of the recordings, the other half being the reference."""
    order = rng.permutation(len(pieces))
    half = len(pieces) // 2
    level, drawn = (np.concatenate([pieces[i] for i in part]) for part in (order[:half], order[half:]))
    moved = seen[drawn[:frames]].mean(axis=0) - seen[level].mean(axis=0)
    _, left = form.mixed(moved + seen.mean(axis=0))
    return float(left @ left), float(np.linalg.norm(moved[: len(form.centre)]))


def _standardised(values: Floats, centre: Floats, deviation: Floats) -> Floats:
    return np.asarray(np.minimum(np.maximum((values - centre) / deviation, -WIDEST), WIDEST))  # np.clip takes longer for so few
