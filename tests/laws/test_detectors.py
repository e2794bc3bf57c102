"""The laws that every detector of the monitor keeps: oracle, null, power, split invariance, save and load, bounded memory, NaN and constant input.

Seeds are fixed and bands are wide: binomial intervals at 99.99 %, so that a failure is a fault and not chance.
"""

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from contracts.baseline import Baseline, principal_axes
from contracts.manifest import FileEntry, InputSpec, Lineage, Manifest
from contracts.statistics import NUMERIC
from monitor.detectors import atc, cbpe, ewma, mewma, mmd, softmax
from monitor.detectors.ewma import Floats
from monitor.items.reference import Budget, Reference, UnfitBaselineError, calibrate
from monitor.items.watch import CHUNK, Watch

AXES, CLASSES, REFERENCE = 6, 3, 600
BUDGET = Budget(pages_a_month=1.0, frames_a_second=1.0, block_frames=32)
CHANNELS = ("image statistics", "embedding", "embedding kernel", "softmax", "expected accuracy")


def rows(n: int, rng: np.random.Generator, shift: float = 0.0, light: float = 0.0, mix: float = 0.0) -> Floats:
    """Frames as rows: statistics, embedding and probabilities; `shift` moves the embedding, `light` the luma, `mix` the class shares."""
    statistics = rng.normal(100, 10, (n, len(NUMERIC)))
    statistics[:, 0] += light
    embedding = rng.standard_normal((n, AXES)) + shift
    logits = rng.normal(0, 1.5, (n, CLASSES)) + np.array([mix, 0, 0])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.column_stack([statistics, embedding, shares.round(6)])


def baseline(values: Floats, rng: np.random.Generator) -> Baseline:
    """A baseline of rows, groups of ten, truths drawn from the probabilities: a calibrated model."""
    end = len(NUMERIC) + AXES
    shares = values[:, end:]
    truth = (shares.cumsum(axis=1) < rng.random((len(values), 1))).sum(axis=1).clip(0, CLASSES - 1)
    return Baseline(
        labels=("a", "b", "c"),
        statistics=values[:, : len(NUMERIC)].astype(np.float32),
        embedding=values[:, len(NUMERIC) : end].astype(np.float32),
        probabilities=shares.astype(np.float32),
        truth=truth.astype(np.int32),
        group=(np.arange(len(values)) // 10).astype(np.int32),
        centre=np.zeros(AXES, np.float32),
        axes=np.eye(AXES, dtype=np.float32),
    )


MANIFEST = Manifest(
    model="m", version="1", created_at=0.0, task="classification", labels=("a", "b", "c"), input=InputSpec("x", 8, 8), scores="s", embedding="e",
    scores_are="logits", lineage=Lineage("import"), files={"model.onnx": FileEntry("5" * 64, 1)},
)  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> Reference:
    rng = np.random.default_rng(1)
    return calibrate(MANIFEST, baseline(rows(REFERENCE, rng), rng), BUDGET)


def judge(reference: Reference, values: Floats) -> list[dict[str, float]]:
    """Each block's ratios by channel."""
    watch, told = Watch("cam", "1"), []
    for at, row in enumerate(values):
        if watch.take(list(row), float(at), None, reference, BUDGET.block_frames):
            told.append(dict(zip((c.name for c in reference.channels), watch.ratios, strict=True)))
    return told


# Block channels: the five of them under the same laws.


def test_all_channels_stand(reference: Reference) -> None:
    assert tuple(channel.name for channel in reference.channels) == CHANNELS


def test_null_stays_below_the_limits(reference: Reference) -> None:
    """120 streams of 12 blocks, three or four scales' worth of statistics each: the budget allows about 0.02 crossings in all of them."""
    crossings = dict.fromkeys(CHANNELS, 0)
    for seed in range(120):
        told = judge(reference, rows(12 * BUDGET.block_frames, np.random.default_rng(1000 + seed)))
        for name in CHANNELS:
            crossings[name] += any(block[name] >= 1 for block in told)
    allowed = int(binom.ppf(0.9999, 120, 0.005))
    assert all(count <= allowed for count in crossings.values()), crossings


@pytest.mark.parametrize(
    ("channel", "change"),
    [
        ("image statistics", {"light": 20.0}),
        ("embedding", {"shift": 1.0}),
        ("embedding kernel", {"shift": 1.0}),
        ("softmax", {"mix": 2.5}),
    ],
)
def test_power_at_a_stated_shift(reference: Reference, channel: str, change: dict[str, float]) -> None:
    """A shift of one to two standard deviations of single frames is found within 12 blocks of 32, in each of 20 streams."""
    for seed in range(20):
        told = judge(reference, rows(12 * BUDGET.block_frames, np.random.default_rng(seed), **change))
        assert any(block[channel] >= 1 for block in told), (seed, told[-1])


def test_expected_accuracy_falls_when_the_model_gets_unsure_and_never_alarms_when_it_gets_surer(reference: Reference) -> None:
    rng = np.random.default_rng(5)
    unsure, sure = rows(12 * BUDGET.block_frames, rng), rows(12 * BUDGET.block_frames, rng)
    unsure[:, -CLASSES:] = [0.36, 0.34, 0.30]
    sure[:, -CLASSES:] = [0.98, 0.01, 0.01]
    assert judge(reference, unsure)[-1]["expected accuracy"] >= 1
    assert judge(reference, sure)[-1]["expected accuracy"] == 0


def test_batching_and_saving_between_any_two_frames_change_no_bit(reference: Reference) -> None:
    values = rows(5 * BUDGET.block_frames + 7, np.random.default_rng(3))
    plain, saved = Watch("cam", "1"), Watch("cam", "1")
    for at, row in enumerate(values):
        plain.take(list(row), float(at), None, reference, BUDGET.block_frames)
        saved.take(list(row), float(at), None, reference, BUDGET.block_frames)
        saved = msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=Watch)
    assert msgspec.msgpack.encode(plain) == msgspec.msgpack.encode(saved)


def test_memory_is_bounded(reference: Reference) -> None:
    watch, sizes = Watch("cam", "1"), []
    values = rows(40 * BUDGET.block_frames, np.random.default_rng(4))
    for at, row in enumerate(values):
        watch.take(list(row), float(at), f"frames/{at:08d}.jpeg", reference, BUDGET.block_frames)
        sizes.append(len(msgspec.msgpack.encode(watch)))
    # 128: a course grows with the logarithm of time up to its 48 points (tests/laws/test_drift_type.py)
    assert max(sizes[: len(sizes) // 2]) + 128 >= max(sizes[len(sizes) // 2 :])
    assert max(sizes) < 8192


def test_a_constant_stream_of_the_reference_s_own_middle_says_nothing_new(reference: Reference) -> None:
    rng = np.random.default_rng(1)
    middle = rows(REFERENCE, rng).mean(axis=0)
    told = judge(reference, np.tile(middle, (4 * BUDGET.block_frames, 1)))
    assert all(block["image statistics"] < 1 and block["embedding"] < 1 for block in told)


def test_a_constant_reference_calibrates_and_ignores_a_rounding() -> None:
    rng = np.random.default_rng(2)
    values = rows(REFERENCE, rng)
    values[:, 5:8] = [0.0, 1.0, 1.0]  # colour of grey photographs
    reference = calibrate(MANIFEST, baseline(values, rng), BUDGET)
    live = rows(6 * BUDGET.block_frames, np.random.default_rng(9))
    live[:, 5:8] = [0.001, 1.001, 0.999]
    assert all(block["image statistics"] < 1 for block in judge(reference, live))


def test_a_baseline_that_is_too_small_is_refused_in_words() -> None:
    rng = np.random.default_rng(2)
    with pytest.raises(UnfitBaselineError, match="40 frames, 64 are needed"):
        calibrate(MANIFEST, baseline(rows(40, rng), rng), BUDGET)


def test_calibration_is_deterministic() -> None:
    def made() -> Reference:
        rng = np.random.default_rng(1)
        return calibrate(MANIFEST, baseline(rows(200, rng), rng), BUDGET)

    assert np.array_equal(made().limits, made().limits)


def test_larger_scales_come_with_longer_references() -> None:
    def scales(n: int) -> tuple[int, ...]:
        rng = np.random.default_rng(1)
        return calibrate(MANIFEST, baseline(rows(n, rng), rng), BUDGET).scales

    assert (scales(100), scales(400), scales(1600)) == ((1,), (1, 4), (1, 4, 16))


# Oracles of the statistics.


def test_ewma_is_its_closed_form() -> None:
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=(9, 2)), ewma.weights((1, 4))
    bank = np.zeros((2, 2))
    for value in values:
        bank = ewma.step(bank, value, weight)
    direct = [sum(w * (1 - w) ** (8 - i) * values[i] for i in range(9)) for w in weight]
    assert np.allclose(bank, direct)
    assert np.allclose(bank[0], values[-1])  # a scale of one block is the block
    with pytest.raises(ValueError, match="at least 1"):
        ewma.weights((0,))


def test_mewma_is_hotelling_s_t2_with_a_diagonal_covariance() -> None:
    bank, scale = np.array([[3.0, -4.0]]), np.array([[1.0, 2.0]])
    assert mewma.distance(bank, scale)[0] ** 2 * 2 == pytest.approx(bank[0] @ np.linalg.inv(np.diag(scale[0] ** 2)) @ bank[0])


def test_mmd_agrees_with_the_exact_kernel() -> None:
    """64 random features against the exact Gaussian kernel: within their Monte-Carlo error."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 4)), rng.standard_normal((300, 4)) + 1.0
    kernel = mmd.fourier(x, np.random.default_rng(1))
    distances = np.linalg.norm(x[:, None] - x[None], axis=-1)
    bandwidth = np.median(distances[np.triu_indices(300, 1)])

    def mean(a: Floats, b: Floats) -> float:
        return float(np.exp(-(np.linalg.norm(a[:, None] - b[None], axis=-1) ** 2) / (2 * bandwidth**2)).mean())

    exact = math.sqrt(mean(x, x) + mean(y, y) - 2 * mean(x, y))
    assert float(mmd.discrepancy(kernel(x).mean(axis=0) - kernel(y).mean(axis=0))) == pytest.approx(exact, rel=0.35)


def test_mmd_of_identical_rows_has_a_bandwidth() -> None:
    kernel = mmd.fourier(np.ones((70, 3)), np.random.default_rng(0))
    assert np.isfinite(kernel(np.zeros((1, 3)))).all()


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=1, max_size=20))
def test_softmax_features_and_cbpe_are_what_they_say(pairs: list[tuple[float, float]]) -> None:
    shares = np.array([[a / (a + b), b / (a + b)] for a, b in pairs])
    features = softmax.features(shares)
    assert np.allclose(features[:, 2], shares.max(axis=1))
    assert np.allclose(features[:, 3], [-(p * math.log(p) + q * math.log(q)) if 0 < p < 1 else 0 for p, q in shares], atol=1e-6)
    assert np.allclose(cbpe.expected(shares).mean(), sum(max(p, q) for p, q in shares) / len(shares))


def test_cbpe_finds_the_accuracy_of_a_calibrated_model_and_atc_its_own_reference() -> None:
    rng = np.random.default_rng(0)
    shares = rows(4000, rng)[:, -CLASSES:]
    truth = (shares.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1).clip(0, CLASSES - 1)
    accuracy = float((shares.argmax(axis=1) == truth).mean())
    assert cbpe.expected(shares).mean() == pytest.approx(accuracy, abs=0.03)
    assert atc.passes(shares.max(axis=1), atc.level(shares.max(axis=1), accuracy)).mean() == pytest.approx(accuracy, abs=0.001)
    assert atc.passes(np.array([0.5]), atc.level(np.array([0.5, 0.5]), 0.0)).mean() == 0  # ties at accuracy 0


def test_softmax_is_cut_as_events_are() -> None:
    many = np.random.default_rng(0).dirichlet(np.ones(80), 5)
    sent = softmax.as_sent(many)
    assert (np.count_nonzero(sent, axis=1) == 16).all()
    assert np.array_equal(softmax.as_sent(np.array([[0.25, 0.75]])), [[0.25, 0.75]])


def test_principal_axes_of_the_reference_have_unit_variance_on_them() -> None:
    embeddings = np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32)
    centre, axes = principal_axes(embeddings)
    assert np.allclose(((embeddings - centre) @ axes.T).std(axis=0, ddof=1), 1, atol=1e-3)


SPLITS: list[Callable[[int], list[int]]] = [lambda n: [n], lambda n: [1] * n, lambda n: [CHUNK, n - CHUNK]]


@pytest.mark.parametrize("split", SPLITS)
def test_any_split_of_a_stream_gives_the_same_state(reference: Reference, split: Callable[[int], list[int]]) -> None:
    values = rows(3 * BUDGET.block_frames, np.random.default_rng(8))
    whole, parts = Watch("cam", "1"), Watch("cam", "1")
    for at, row in enumerate(values):
        whole.take(list(row), float(at), None, reference, BUDGET.block_frames)
    at = 0
    for size in split(len(values)):
        for row in values[at : at + size]:
            parts.take(list(row), float(at), None, reference, BUDGET.block_frames)
            at += 1
        parts = msgspec.msgpack.decode(msgspec.msgpack.encode(parts), type=Watch)
    assert whole == parts
