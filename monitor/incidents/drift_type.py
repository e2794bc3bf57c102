"""How a drift came: sudden, gradual, incremental or recurring, told from the courses of its cameras by which template fits best.

The courses are projected on the direction in which they moved most, and templates p(t) in [0, 1] are fitted to them by least squares, level and height
free: none; a step; a rise between two moments, which may not be over yet; a return (there, away, there again). The Bayesian information criterion
chooses (Schwarz 1978), a difference of CLEAR counting as strong (Kass and Raftery, JASA 1995). Hours of video resemble each other: their noise is
template_noise.Weather, and more is asked of them. The types are those of Gama et al., A survey on concept
drift adaptation, 2014.

A rise is a mixture of old and new frames (gradual) or a ramp on which all frames move together (incremental): their means are the same, their blocks
are not. While a share p of frames is new, the variance within a block holds p (1 - p) |shift|^2 more. With q = p over its newest value and M the newest
mean shift, that is a straight line in q less |M|^2 q^2, whatever the newest p is; on a ramp the line alone is left.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from contracts.incidents import DriftType, Evidence
from monitor.detectors.ewma import Floats
from monitor.incidents import template_noise
from monitor.incidents.history import Course
from monitor.incidents.template_noise import Noise

CLEAR: Final = 6.0
"""Of a BIC difference: strong evidence."""
POSITIVE: Final = 2.0
"""Positive evidence: enough between a mixture and a ramp, which have as many parameters."""
VERY_CLEAR: Final = 10.0
"""Very strong: what a course of correlated hours has to show, whose noise is estimated with the drift."""
PLAIN: Final = 4.0
"""Between the shapes of a rise in such a course."""
HEIGHT: Final = 2.0
"""Times what such a course varies by besides, that its drift is high."""
MIN_POINTS: Final = 8
MIN_AFTER: Final = 6
"""Blocks since the change began before its course is told."""
MIN_RISE: Final = 4.0
"""Blocks: what came within fewer is sudden."""
NOISE_FLOOR: Final = template_noise.FLOOR
"""Of a mean, in standard deviations of single frames: the rounding of a history."""
MIN_STRETCH: Final = 3.0
"""Blocks that each stretch of a return lasts."""
_MANY: Final = 24
"""Moments tried for a return: a cube of them."""


class Told(NamedTuple):
    """A type, by how much the BIC prefers it to the next best one, and what was seen, in words."""

    drift_type: DriftType
    margin: float
    detail: str
    goes_on: bool = False
    """It has not come to rest."""


class _Fit(NamedTuple):
    bic: float
    shape: Floats
    """p(t) [n]"""
    words: str
    goes_on: bool = False


def of(courses: Sequence[Course]) -> Told | None:
    """The type that the courses of a case's cameras show, None while they do not tell. The camera with the clearest answer speaks."""
    told = [_in_hours(answer) if course.correlated else answer for course in courses if (answer := _of(course)) is not None]
    votes: dict[DriftType, float] = {}
    for answer in told:
        votes[answer.drift_type] = votes.get(answer.drift_type, 0.0) + answer.margin
    if not votes or 2 * len(told) < len(courses):
        return None
    best = max(votes, key=lambda name: votes[name])
    return max((answer for answer in told if answer.drift_type == best), key=lambda answer: answer.margin)


def evidence(told: Told | None) -> tuple[Evidence, ...]:
    """What was seen, as an incident's evidence."""
    if told is None:
        return ()
    return (
        Evidence(
            "drift type", told.drift_type, "", round(told.margin / CLEAR, 3), round(told.margin, 3), CLEAR, f"BIC: {told.detail}"
        ),
    )


def _of(course: Course) -> Told | None:
    if len(course.spread) < MIN_POINTS:
        return None
    series = _projected(course)
    if series is None:
        return None
    ends = np.cumsum(course.weight)
    noises = template_noise.of(course)
    flat = min(float(noise.bic(series, np.zeros((1, len(series))), 1)[0]) for noise in noises)
    step, rise, back = (
        min((find(series, course.weight, ends, noise) for noise in noises), key=lambda fit: fit.bic)
        for find in (_step, _rise, _return)
    )
    best = min((step, rise, back), key=lambda fit: fit.bic)
    if flat - best.bic < CLEAR or course.weight[_began(best.shape) :].sum() < MIN_AFTER or not _here(series, best.shape):
        return None
    if course.correlated and not _stands_out(series, course.weight, flat, step, rise, back):
        return None
    if min(step.bic, rise.bic) - back.bic > 2 * CLEAR:
        return Told("recurring", min(step.bic, rise.bic) - back.bic, back.words)
    if step.bic < rise.bic:
        return Told("sudden", rise.bic - step.bic, step.words)
    mixture = _mixture(course, rise.shape, series if course.correlated else None)
    if step.bic - rise.bic < CLEAR or abs(mixture) < (PLAIN if course.correlated else POSITIVE):
        return None
    if mixture > 0:
        return Told("gradual", mixture, f"{rise.words}; frames of a block differ as a mixture of old and new does", rise.goes_on)
    return Told("incremental", -mixture, f"{rise.words}; frames of a block moved together", rise.goes_on)


def _stands_out(series: Floats, weight: Floats, flat: float, step: _Fit, rise: _Fit, back: _Fit) -> bool:
    """Whether a drift is more than weather makes up: no other template comes near it, and its height is well above the rest."""
    best = min((step, rise, back), key=lambda fit: fit.bic)
    if flat - best.bic < VERY_CLEAR:
        return False
    if best is back and min(step.bic, rise.bic) - back.bic <= 2 * CLEAR:
        return False
    if best is step and rise.bic - step.bic < PLAIN:
        return False
    design = np.column_stack([np.ones(len(series)), best.shape])
    height = abs(_heights(design, series, weight)[1]) * np.ptp(best.shape)
    return bool(height >= HEIGHT * np.sqrt(_residual(design, series, weight)))


def _projected(course: Course) -> Floats | None:
    """The course [n] along the direction in which it moved most, away from the reference; None when it did not move."""
    mean = np.average(course.deviation, axis=0, weights=course.weight)
    centred = (course.deviation - mean) * np.sqrt(course.weight)[:, None]
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    if size[0] ** 2 / course.weight.sum() < NOISE_FLOOR**2:
        return None
    along = course.deviation @ axes[0]
    side = np.sign(along[np.abs(along).argmax()])
    return np.asarray((along - mean @ axes[0]) * side)


def _step(series: Floats, weight: Floats, ends: Floats, noise: Noise) -> _Fit:
    """At each quarter of each point: one that holds blocks from before and after lies between the levels."""
    moments = (ends[:-1, None] + np.linspace(0, 0.75, 4) * weight[1:, None]).ravel()
    shapes = np.clip((ends - moments[:, None]) / weight, 0, 1)
    bic = noise.bic(series, shapes, 3)
    i = int(bic.argmin())
    return _Fit(float(bic[i]), shapes[i], f"a step {_blocks(ends[-1] - moments[i])} blocks ago")


def _rise(series: Floats, weight: Floats, ends: Floats, noise: Noise) -> _Fit:
    """From each moment to each later one at least MIN_RISE blocks on; the mean of a point lies at its middle."""
    middle = ends - weight / 2
    first, last = np.meshgrid(ends, ends, indexing="ij")
    pairs = np.column_stack([first.ravel(), last.ravel()])
    pairs = pairs[pairs[:, 1] - pairs[:, 0] >= MIN_RISE]
    if not len(pairs):
        return _Fit(np.inf, np.zeros(len(series)), "")
    shapes = np.clip((middle - pairs[:, :1]) / (pairs[:, 1:] - pairs[:, :1]), 0, 1)
    bic = noise.bic(series, shapes, 4)
    i = int(bic.argmin())
    goes_on = bool(pairs[i, 1] > ends[-1] - MIN_RISE)
    words = f"a rise over {_blocks(pairs[i, 1] - pairs[i, 0])} blocks{' that goes on' if goes_on else ''}"
    return _Fit(float(bic[i]), shapes[i], words, goes_on)


def _return(series: Floats, weight: Floats, ends: Floats, noise: Noise) -> _Fit:
    """Away from one moment, back at a second, away again from a third; each stretch has two points at least.

    All moments between points first, then each of the best three is moved by quarters of a point, as a step is.
    """
    n = len(series)
    between = np.unique(np.linspace(2, n - 2, _MANY).round().astype(int))
    triples = np.stack([axis.ravel() for axis in np.meshgrid(between, between, between, indexing="ij")], axis=1)
    triples = triples[(triples[:, 1] >= triples[:, 0] + 2) & (triples[:, 2] >= triples[:, 1] + 2)]
    if not len(triples):
        return _Fit(np.inf, np.zeros(n), "")
    starts = ends - weight
    moments = starts[triples]
    best = moments[int(noise.bic(series, _away(moments, starts, weight), 5).argmin())]
    for which in (0, 1, 2, 0, 1, 2):
        at = int(np.searchsorted(starts, best[which], "right")) - 1
        quarters = starts[at] + weight[at] * np.linspace(-1, 1, 9)
        tried = np.tile(best, (len(quarters), 1))
        tried[:, which] = quarters
        tried = tried[(np.diff(tried, append=ends[-1]) >= MIN_STRETCH).all(axis=1)]
        if not len(tried):
            continue
        best = tried[int(noise.bic(series, _away(tried, starts, weight), 5).argmin())]
    shape = _away(best[None], starts, weight)
    words = f"it was there before, {_blocks(ends[-1] - best[1])} blocks ago, and came back"
    return _Fit(float(noise.bic(series, shape, 5)[0]), shape[0], words)


def _away(moments: Floats, starts: Floats, weight: Floats) -> Floats:
    """The share [m, n] of each point's blocks that lies between the first two of its moments [m, 3], or after the third."""
    before = np.clip((moments[:, :, None] - starts) / weight, 0, 1)
    return np.asarray(before[:, 1] - before[:, 0] + 1 - before[:, 2])


def _mixture(course: Course, shape: Floats, along: Floats | None) -> float:
    """By how much the spreads within blocks speak for a mixture (above 0) or a ramp (below), as a difference of BICs. The shift is taken `along` the
    drift's direction alone where the others are full of weather."""
    w = course.weight
    design = np.column_stack([np.ones(len(shape)), shape])
    height = np.atleast_1d(_heights(design, course.deviation if along is None else along, w)[1] * shape[-1])
    q = shape / shape[-1]
    bend = -float(height @ height) / course.deviation.shape[1] * q**2
    ramp, mixture = (_residual(design, course.spread - bent, w) for bent in (np.zeros(len(q)), bend))
    return float(len(q) * np.log((ramp + NOISE_FLOOR**2) / (mixture + NOISE_FLOOR**2)))


def _heights(design: Floats, target: Floats, weight: Floats) -> Floats:
    """The level and the height of a template by least squares, of a target [n] or [n, d]."""
    root = np.sqrt(weight)
    return np.asarray(np.linalg.lstsq(design * root[:, None], (target.T * root).T, rcond=None)[0])


def _residual(design: Floats, target: Floats, weight: Floats) -> float:
    root = np.sqrt(weight / weight.sum())
    found = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
    return float(np.square((target - design @ found) * root).sum())


def _here(series: Floats, shape: Floats) -> bool:
    """Whether the newest points lie on the drift's side: what has just gone has no type."""
    there = shape >= shape.max() / 2
    return bool(series[-2:].mean() >= (series[there].mean() + series[~there].mean()) / 2)


def _began(shape: Floats) -> int:
    return int(np.argmax(shape > 0))


def _in_hours(told: Told) -> Told:
    """A block of a correlated course is an hour."""
    return told._replace(detail=told.detail.replace("blocks", "hours").replace("frames of a block", "minutes of an hour"))


def _blocks(count: float) -> str:
    return f"{count:.0f}"
