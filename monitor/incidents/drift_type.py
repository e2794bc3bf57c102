"""How a drift came: sudden, gradual, incremental or recurring, told from the courses of its cameras by which template fits best.

The courses are projected on the direction in which they moved most, and templates p(t) in [0, 1] are fitted to them by least squares, level and height
free: none; a step; a rise between two moments, which may not be over yet; a return (there, away, there again). The Bayesian information criterion
chooses (Schwarz 1978), a difference of CLEAR counting as strong (Kass and Raftery, JASA 1995). The types are those of Gama et al., A survey on concept
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
from monitor.incidents.history import Course

CLEAR: Final = 6.0
"""Of a BIC difference: strong evidence."""
POSITIVE: Final = 2.0
"""Positive evidence: enough between a mixture and a ramp, which have as many parameters."""
MIN_POINTS: Final = 8
MIN_AFTER: Final = 6
"""Blocks since the change began before its course is told."""
MIN_RISE: Final = 4.0
"""Blocks: what came within fewer is sudden."""
NOISE_FLOOR: Final = 1e-3
"""Of a mean, in standard deviations of single frames: the rounding of a history."""
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
    told = [answer for course in courses if (answer := _of(course)) is not None]
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
    flat = _bic(series, np.zeros((1, len(series))), course.weight, 1)[0]
    step, rise, back = _step(series, course.weight, ends), _rise(series, course.weight, ends), _return(series, course.weight)
    best = min((step, rise, back), key=lambda fit: fit.bic)
    if flat - best.bic < CLEAR or course.weight[_began(best.shape) :].sum() < MIN_AFTER:
        return None
    if min(step.bic, rise.bic) - back.bic > 2 * CLEAR:
        return Told("recurring", min(step.bic, rise.bic) - back.bic, back.words)
    if step.bic < rise.bic:
        return Told("sudden", rise.bic - step.bic, step.words)
    mixture = _mixture(course, rise.shape)
    if step.bic - rise.bic < CLEAR or abs(mixture) < POSITIVE:
        return None
    if mixture > 0:
        return Told("gradual", mixture, f"{rise.words}; frames of a block differ as a mixture of old and new does", rise.goes_on)
    return Told("incremental", -mixture, f"{rise.words}; frames of a block moved together", rise.goes_on)


def _projected(course: Course) -> Floats | None:
    """The course [n] along the direction in which it moved most, growing towards now; None when it did not move."""
    mean = np.average(course.deviation, axis=0, weights=course.weight)
    centred = (course.deviation - mean) * np.sqrt(course.weight)[:, None]
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    if size[0] ** 2 / course.weight.sum() < NOISE_FLOOR**2:
        return None
    series = (course.deviation - mean) @ axes[0]
    newest = np.average(series[-4:], weights=course.weight[-4:])
    return np.asarray(series if newest >= series[0] else -series)


def _bic(series: Floats, shapes: Floats, weight: Floats, parameters: int) -> Floats:
    """The BIC [m] of level + height x shape for each shape [m, n], heights at or below zero left as the level alone."""
    w = weight / weight.sum()
    y = series - series @ w
    p = shapes - (shapes @ w)[:, None]
    covariance, variance = (p * w) @ y, (p * p) @ w
    explained = np.where((covariance > 0) & (variance > 0), covariance**2 / np.where(variance > 0, variance, 1.0), 0.0)
    rss = np.maximum(0.0, (y * y) @ w - explained) + NOISE_FLOOR**2
    n = len(series)
    return np.asarray(n * np.log(rss) + parameters * np.log(n))


def _step(series: Floats, weight: Floats, ends: Floats) -> _Fit:
    """At each quarter of each point: one that holds blocks from before and after lies between the levels."""
    moments = (ends[:-1, None] + np.linspace(0, 0.75, 4) * weight[1:, None]).ravel()
    shapes = np.clip((ends - moments[:, None]) / weight, 0, 1)
    bic = _bic(series, shapes, weight, 3)
    i = int(bic.argmin())
    return _Fit(float(bic[i]), shapes[i], f"a step {_blocks(ends[-1] - moments[i])} blocks ago")


def _rise(series: Floats, weight: Floats, ends: Floats) -> _Fit:
    """From each moment to each later one at least MIN_RISE blocks on; the mean of a point lies at its middle."""
    middle = ends - weight / 2
    first, last = np.meshgrid(ends, ends, indexing="ij")
    pairs = np.column_stack([first.ravel(), last.ravel()])
    pairs = pairs[pairs[:, 1] - pairs[:, 0] >= MIN_RISE]
    if not len(pairs):
        return _Fit(np.inf, np.zeros(len(series)), "")
    shapes = np.clip((middle - pairs[:, :1]) / (pairs[:, 1:] - pairs[:, :1]), 0, 1)
    bic = _bic(series, shapes, weight, 4)
    i = int(bic.argmin())
    goes_on = bool(pairs[i, 1] > ends[-1] - MIN_RISE)
    words = f"a rise over {_blocks(pairs[i, 1] - pairs[i, 0])} blocks{' that goes on' if goes_on else ''}"
    return _Fit(float(bic[i]), shapes[i], words, goes_on)


def _return(series: Floats, weight: Floats) -> _Fit:
    """Away from one moment, back at a second, away again from a third; each stretch has two points at least."""
    n = len(series)
    moments = np.unique(np.linspace(2, n - 2, _MANY).round().astype(int))
    on, off, again = (axis.ravel() for axis in np.meshgrid(moments, moments, moments, indexing="ij"))
    kept = (off >= on + 2) & (again >= off + 2)
    if not kept.any():
        return _Fit(np.inf, np.zeros(n), "")
    on, off, again = on[kept, None], off[kept, None], again[kept, None]
    at = np.arange(n)
    shapes = ((at >= on) & (at < off) | (at >= again)).astype(np.float64)
    bic = _bic(series, shapes, weight, 5)
    i = int(bic.argmin())
    return _Fit(
        float(bic[i]), shapes[i], f"it was there before, {_blocks(weight[int(off[i, 0]) :].sum())} blocks ago, and came back"
    )


def _mixture(course: Course, shape: Floats) -> float:
    """By how much the spreads within blocks speak for a mixture (above 0) or a ramp (below), as a difference of BICs."""
    w = course.weight
    design = np.column_stack([np.ones(len(shape)), shape])
    height = np.linalg.lstsq(design * np.sqrt(w)[:, None], course.deviation * np.sqrt(w)[:, None], rcond=None)[0][1] * shape[-1]
    q = shape / shape[-1]
    bend = -float(height @ height) / course.deviation.shape[1] * q**2
    ramp, mixture = (_residual(design, course.spread - bent, w) for bent in (np.zeros(len(q)), bend))
    return float(len(q) * np.log((ramp + NOISE_FLOOR**2) / (mixture + NOISE_FLOOR**2)))


def _residual(design: Floats, target: Floats, weight: Floats) -> float:
    root = np.sqrt(weight / weight.sum())
    found = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
    return float(np.square((target - design @ found) * root).sum())


def _began(shape: Floats) -> int:
    return int(np.argmax(shape > 0))


def _blocks(count: float) -> str:
    return f"{count:.0f}"
