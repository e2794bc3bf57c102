"""A version's reference, ready to judge with: the features' normal level, their standard errors, and every channel's calibrated limits.

Made once per version from its baseline (see contracts/baseline.py), deterministic: the seed is the version's digest. A live block's mean goes through
`deviation`, the bank of means through `ratios`: 1 is a channel's own limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from contracts import manifest as manifests
from contracts.baseline import MIN_FRAMES, Baseline
from contracts.manifest import Manifest
from contracts.statistics import NUMERIC
from monitor.detectors import atc, bootstrap, cbpe, ewma, mewma, mmd
from monitor.detectors.ewma import Floats
from monitor.incidents.finding import MOST_PARTS, Expectation, Family, Part, Performance
from monitor.items import answers, expected, form
from monitor.items.expected import Expected
from monitor.items.features import SMALLEST_CHANGE, Layout, Rows, levelled
from monitor.items.form import Form

SCALES: Final = (1, 4, 16)
"""Blocks. A scale is used when the reference is as long: the replicates carry its finite length, as bootstrap.py says."""
DAYS: Final = 30.0
FOCUS_RUN: Final = 12
"""Frames in a row whose mean sharpness tells a lens from a soft object: more than a group of ten neighbours."""

Z_95: Final = 1.96
NEVER_MOVED: Final = 1e-9
"""Limits up to this are the roundings of zeros."""

Statistic = Callable[[Floats, Floats], Floats]
"""Bank [..., S, f] and standard errors [S, f] to [..., S]."""


class UnfitBaselineError(Exception):
    """A baseline that no limit can be calibrated on; the message says why. The version's streams get no verdict."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way of looking: its columns among the features, its statistic, and its family for triage (`image`, `embedding`, `softmax`, `performance`)."""

    name: str
    family: Family
    columns: slice
    features: tuple[str, ...]
    statistic: Statistic


@dataclass(frozen=True, slots=True)
class Budget:
    """What false alarms may cost, and how fast blocks come. `pages_a_month` per camera, shared evenly by channels and scales."""

    pages_a_month: float
    frames_a_second: float
    block_frames: int

    @property
    def blocks_a_month(self) -> float:
        """Blocks of one camera, at least 1."""
        return max(1.0, DAYS * 86_400 * self.frames_a_second / self.block_frames)

    def tail(self, looks: int) -> float:
        """The probability that one of `looks` statistics of a block may cross its limit without drift."""
        return min(0.01, self.pages_a_month / self.blocks_a_month / looks)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a version's frames looked like when it was made. Arrays: S scales, F features, C channels."""

    version: str
    layout: Layout
    channels: tuple[Channel, ...]
    scales: tuple[int, ...]
    weight: Floats
    level: Floats
    """[F] mean features."""
    error: Floats
    """[S, F] standard errors of the bank without drift."""
    limits: Floats
    """[C, S]"""
    accuracy: float | None
    """True accuracy of the reference rows (or of the benchmark), what an estimate starts from."""
    focus: float
    """Mean log sharpness of the reference frames."""
    focus_limit: float
    """Below it the mean of FOCUS_RUN frames in a row is lower than any order of the reference's recordings makes it."""
    contrast_low: float
    """The 1 % quantile of the reference's contrast."""
    luma_range: tuple[float, float]
    """The smallest and largest luma mean among the reference frames."""
    features: Callable[[Rows], Floats]
    """Rows [n, width] to features [n, F]."""
    form: Form
    centre: Floats
    """[D]: the mean of the reference's embeddings"""
    axes: Floats
    """[A, D]: how embeddings are projected"""
    expected: Expected
    """Precision and recall by class; its features are the last ones."""

    def step(self, bank: Floats, mean: Floats) -> Floats:
        """The bank [S, F] after a block whose mean features are `mean` [F]."""
        return ewma.step(bank, mean - self.level, self.weight)

    def ratios(self, bank: Floats) -> Floats:
        """[C]: each channel's statistic over its limit, the worst scale's."""
        return np.array([ratio.max() for ratio in self.by_scale(bank)])

    def by_scale(self, bank: Floats) -> list[Floats]:
        """C times [..., S]: each channel's statistics over their limits, of a bank [..., S, F]."""
        return [
            channel.statistic(bank[..., channel.columns], self.error[:, channel.columns]) / self.limits[c]
            for c, channel in enumerate(self.channels)
        ]

    def channel(self, name: str) -> Channel | None:
        """The channel of that name, if this reference has it."""
        return next((channel for channel in self.channels if channel.name == name), None)

    def answers(self, bank: Floats) -> Floats:
        """The mean answers [labels + 2] that a bank [S, F] holds, on the scale nearest to a form's length."""
        scale = int(np.abs(np.array(self.scales) - form.LENGTH).argmin())
        columns = _answers(self.layout)
        return np.asarray(self.level[columns] + bank[scale, columns])

    def parts(self, bank: Floats, channel: Channel) -> tuple[Part, ...]:
        """The features that moved most on a channel's worst scale, largest first."""
        scale = int(self.by_scale(bank)[self.channels.index(channel)].argmax())
        moved, level = bank[scale, channel.columns], self.level[channel.columns]
        errors = moved / self.error[scale, channel.columns]
        whole = float(np.square(errors).sum()) or 1.0
        largest = np.argsort(-np.abs(errors), kind="stable")[:MOST_PARTS]
        return tuple(
            Part(channel.features[i], float(level[i] + moved[i]), float(level[i]), float(errors[i]), float(errors[i] ** 2 / whole))
            for i in largest
        )

    def performance(self, bank: Floats) -> Performance | None:
        """How CBPE and ATC moved on the longest scale; None without an accuracy to start from."""
        if self.accuracy is None:
            return None
        columns = _expectation(self.layout)
        moved, half = bank[-1, columns], Z_95 * self.error[-1, columns]
        return Performance(self.accuracy, float(moved[0]), float(half[0]), float(moved[1]), float(half[1]))

    def expectations(self, bank: Floats) -> tuple[Expectation, ...]:
        """Precision and recall by class as the model expects them now, on the longest scale."""
        columns = slice(_expectation(self.layout).stop, None)
        return self.expected.read(self.level[columns] + bank[-1, columns])


def calibrate(manifest: Manifest, baseline: Baseline, budget: Budget) -> Reference:
    """The reference of a version. Raises UnfitBaselineError when the baseline is too small."""
    if len(baseline) < MIN_FRAMES:
        raise UnfitBaselineError(f"its baseline has {len(baseline)} frames, {MIN_FRAMES} are needed to calibrate limits")
    rng = np.random.default_rng(int(manifests.digest(manifest)[:16], 16))
    scales = tuple(s for s in SCALES if s == 1 or len(baseline) >= s * budget.block_frames)
    return fit(manifest, baseline, budget, scales, _accuracy(manifest, baseline), rng)


def rows_of(baseline: Baseline) -> Rows:
    """The reference frames as rows [N, width], answers as events carry them."""
    return np.column_stack([baseline.statistics, baseline.embedding, answers.of(baseline).reference(baseline)]).astype(np.float32)


def fit(
    manifest: Manifest,
    baseline: Baseline,
    budget: Budget,
    scales: tuple[int, ...],
    accuracy: float | None,
    rng: np.random.Generator,
) -> Reference:
    """The reference that these rows make, on these scales, starting estimates from `accuracy`."""
    layout = Layout(answers.of(baseline), baseline.embedding.shape[1])
    rows = rows_of(baseline)
    said = layout.split(rows)[2]
    classes = expected.watched(layout.labels, manifest.positive) if manifest.task == "classification" else ()
    expectations = _expectation_map(said, accuracy, classes) if manifest.task == "classification" else _nothing
    features = _feature_map(layout, baseline, expectations, rng)
    channels = _channels(layout, accuracy is not None)
    values = features(rows)
    weight = ewma.weights(scales)
    pieces = bootstrap.pieces(baseline.group)
    banks = bootstrap.null_banks(values, pieces, budget.block_frames, weight, rng)
    error = bootstrap.standard_error(banks, _floor(layout, values.shape[1]))
    last = slice(_expectation(layout).stop, None)
    tail = budget.tail(len(channels) * len(scales))
    limits = [bootstrap.limit(c.statistic(banks[..., c.columns], error[:, c.columns]), tail, len(pieces)) for c in channels]
    luma, contrast = (baseline.statistics[:, NUMERIC.index(name)] for name in ("luma_mean", "contrast"))
    log_sharpness = levelled(baseline.statistics.astype(np.float64))[:, NUMERIC.index("sharpness")]
    focus = float(log_sharpness.mean())
    return Reference(
        version=manifest.version,
        layout=layout,
        channels=channels,
        scales=scales,
        weight=weight,
        level=values.mean(axis=0),
        error=error,
        limits=_standing(np.stack(limits)),
        accuracy=accuracy,
        focus=focus,
        focus_limit=focus - bootstrap.WORST * (focus - bootstrap.lowest_run(log_sharpness, pieces, FOCUS_RUN, rng)),
        contrast_low=float(np.quantile(contrast, 0.01)),
        luma_range=(float(luma.min()), float(luma.max())),
        features=features,
        form=form.calibrate(layout, rows, baseline.truth, pieces, budget.block_frames, rng),
        centre=baseline.centre.astype(np.float64),
        axes=baseline.axes.astype(np.float64),
        expected=expected.calibrate(
            layout.labels, classes, values.mean(axis=0)[last], banks[..., -1, last], layout.answers.group(said), baseline.truth
        ),
    )


def _standing(limits: Floats) -> Floats:
    """One, the smallest change that is looked for, where nothing ever moved in the null: a model that is always sure, recordings of one mix of classes."""
    return np.where(limits > NEVER_MOVED, limits, 1.0)


def _accuracy(manifest: Manifest, baseline: Baseline) -> float | None:
    known = baseline.truth >= 0
    if int(known.sum()) >= MIN_FRAMES:
        return float((baseline.probabilities[known].argmax(axis=1) == baseline.truth[known]).mean())
    return manifest.benchmark.accuracy.value if manifest.benchmark else None


def _expectation_map(probabilities: Floats, accuracy: float | None, classes: tuple[int, ...]) -> Callable[[Floats], list[Floats]]:
    """What CBPE and ATC say of each frame's probabilities, over all and by class; `probabilities` [N, K] are the reference's."""
    confident = atc.level(probabilities.max(axis=1), accuracy if accuracy is not None else 1.0)

    def expectations(said: Floats) -> list[Floats]:
        of_all = (cbpe.expected(said)[:, None], atc.passes(said.max(axis=1), confident)[:, None])
        return [*of_all, expected.features(said, classes)]

    return expectations


def _nothing(_: Floats) -> list[Floats]:
    """Nobody knows how to expect a detector's quality from its scores: it misses what it gives no score."""
    return []


def _feature_map(
    layout: Layout, baseline: Baseline, expectations: Callable[[Floats], list[Floats]], rng: np.random.Generator
) -> Callable[[Rows], Floats]:
    """Statistics, embedding, Fourier features, the answers' features, then what is expected by them.

    Statistics and embedding are winsorised at the reference's own range: one frame far outside then weighs as the most unusual one of the reference
    did, so that a few odd frames cannot move a block's mean, and a lasting shift still does.
    """
    low, high = baseline.statistics.min(axis=0), baseline.statistics.max(axis=0)
    near, far = baseline.embedding.min(axis=0), baseline.embedding.max(axis=0)
    kernel = mmd.fourier(baseline.embedding.astype(np.float64), rng)

    def features(rows: Rows) -> Floats:
        statistics, embedding, said = layout.split(rows)
        statistics = np.minimum(np.maximum(statistics, low), high)  # np.clip takes three times as long for so few
        embedding = np.minimum(np.maximum(embedding, near), far)
        parts = [levelled(statistics), embedding, kernel(embedding), layout.answers.features(said), *expectations(said)]
        return np.concatenate(parts, axis=1)

    return features


def _channels(layout: Layout, with_accuracy: bool) -> tuple[Channel, ...]:
    """The channels over the columns that `_feature_map` lays out; those without a column are left out."""
    axes = tuple(f"embedding axis {i + 1}" for i in range(layout.axes))
    waves = tuple(f"kernel feature {i + 1}" for i in range(mmd.FEATURES))
    plan: Sequence[tuple[str, Family, tuple[str, ...], Statistic]] = (
        ("image statistics", "image", NUMERIC, ewma.largest),
        ("embedding", "embedding", axes, mewma.distance),
        ("embedding kernel", "embedding", waves, lambda bank, _: mmd.discrepancy(bank)),
        (layout.answers.channel, "softmax", layout.answers.names, ewma.largest),
        ("expected accuracy", "performance", ("expected accuracy",), cbpe.drop),
    )
    channels, start = [], 0
    for name, family, features, statistic in plan:
        columns = slice(start, start + len(features))
        start = columns.stop
        if features and not (family == "embedding" and not layout.axes) and (family != "performance" or with_accuracy):
            channels.append(Channel(name, family, columns, features, statistic))
    return tuple(channels)


def _answers(layout: Layout) -> slice:
    """The columns of the answers' features, after the Fourier features."""
    start = len(NUMERIC) + layout.axes + mmd.FEATURES
    return slice(start, start + len(layout.answers.names))


def _expectation(layout: Layout) -> slice:
    """The columns of what CBPE and ATC say, after those; of a detector there are none."""
    start = _answers(layout).stop
    return slice(start, start + 2)


def _floor(layout: Layout, width: int) -> Floats:
    """The smallest standard error [F]: SMALLEST_CHANGE for statistics, 0.05 reference deviations on an axis, the answers' own, 0.01 for shares."""
    floor = np.full(width, 0.01)
    floor[: len(NUMERIC)] = [SMALLEST_CHANGE[name] for name in NUMERIC]
    floor[len(NUMERIC) : len(NUMERIC) + layout.axes] = 0.05
    floor[_answers(layout)] = layout.answers.floor
    return floor
