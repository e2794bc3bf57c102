"""The laws of the block channels, kept by a detector's too: quiet without drift, power at a stated shift, one form for reference and live frames.

Seeds are fixed and bands are wide: binomial intervals at 99.99 %, so that a failure is a fault and not chance. The classifier's are in test_detectors.py.
"""

import msgspec
import numpy as np
import pytest
from scipy.stats import binom

from contracts.baseline import Baseline
from contracts.manifest import FileEntry, InputSpec, Lineage, Manifest
from contracts.statistics import NUMERIC
from monitor.detectors.ewma import Floats
from monitor.items.reference import Budget, Reference, calibrate
from monitor.items.watch import Watch

AXES, REFERENCE = 6, 600
BUDGET = Budget(pages_a_month=1.0, frames_a_second=1.0, block_frames=32)
CHANNELS = ("image statistics", "embedding", "embedding kernel", "detections")
MANIFEST = Manifest(
    model="m", version="1", created_at=0.0, task="detection", labels=("bolt", "nut"), input=InputSpec("x", 8, 8), boxes="b", embedding="e",
    lineage=Lineage("import"), files={"model.onnx": FileEntry("5" * 64, 1)},
)  # fmt: skip


def rows(n: int, rng: np.random.Generator, objects: float = 1.0, score: float = 0.0, shift: float = 0.0) -> Floats:
    """Frames as rows; `objects` multiplies how many there are, `score` moves their scores, `shift` the embedding. One frame in three is empty."""
    statistics = rng.normal(100, 10, (n, len(NUMERIC)))
    embedding = rng.standard_normal((n, AXES)) + shift
    counts = rng.poisson(np.array([1.5, 0.5]) * objects, (n, 2)) * (rng.random((n, 1)) < 2 / 3)
    found = counts.sum(axis=1) > 0
    scores = np.where(found, np.clip(rng.normal(0.75 + score, 0.1, n), 0.05, 1), 0)
    doubt, share = (np.where(found, of, 0) for of in (1 - scores, rng.uniform(0.01, 0.1, n)))
    return np.column_stack([statistics, embedding, np.log1p(counts * scores[:, None]), doubt, share])


def baseline(values: Floats) -> Baseline:
    """A baseline of rows, groups of ten."""
    end = len(NUMERIC) + AXES
    return Baseline(
        labels=("bolt", "nut"),
        statistics=values[:, : len(NUMERIC)].astype(np.float32),
        embedding=values[:, len(NUMERIC) : end].astype(np.float32),
        probabilities=np.zeros((len(values), 0), np.float32),
        truth=np.full(len(values), -1, np.int32),
        group=(np.arange(len(values)) // 10).astype(np.int32),
        centre=np.zeros(AXES, np.float32),
        axes=np.eye(AXES, dtype=np.float32),
        answers=values[:, end:].astype(np.float32),
    )


@pytest.fixture(scope="module")
def reference() -> Reference:
    return calibrate(MANIFEST, baseline(rows(REFERENCE, np.random.default_rng(1))), BUDGET)


def judged(reference: Reference, values: Floats) -> tuple[Watch, list[dict[str, float]]]:
    """The watch, and each block's ratios by channel."""
    watch, told = Watch("cam", "1"), []
    for at, row in enumerate(values):
        if watch.take(list(row), float(at), None, reference, BUDGET.block_frames):
            told.append(dict(zip((c.name for c in reference.channels), watch.ratios, strict=True)))
    return watch, told


def test_all_channels_stand_and_no_quality_is_expected(reference: Reference) -> None:
    assert tuple(channel.name for channel in reference.channels) == CHANNELS
    assert reference.channels[-1].features == ("objects of bolt", "objects of nut", "mean doubt", "mean share")
    finding = judged(reference, rows(BUDGET.block_frames, np.random.default_rng(2)))[0].finding(reference)
    assert finding.performance is None
    assert finding.expected == ()


def test_null_stays_below_the_limits(reference: Reference) -> None:
    """120 streams of 12 blocks: the budget allows about 0.02 crossings in all of them."""
    crossings = dict.fromkeys(CHANNELS, 0)
    for seed in range(120):
        told = judged(reference, rows(12 * BUDGET.block_frames, np.random.default_rng(1000 + seed)))[1]
        for name in CHANNELS:
            crossings[name] += any(block[name] >= 1 for block in told)
    allowed = int(binom.ppf(0.9999, 120, 0.005))
    assert all(count <= allowed for count in crossings.values()), crossings


@pytest.mark.parametrize(
    ("change", "feature", "falls"),
    [
        ({"objects": 3.0}, "objects of bolt", False),
        ({"objects": 0.3}, "objects of bolt", True),
        ({"score": -0.25}, "mean doubt", False),
    ],
)
def test_power_at_a_stated_shift(reference: Reference, change: dict[str, float], feature: str, falls: bool) -> None:
    """Three times or a third of the objects, or scores lower by a quarter, are found within 12 blocks of 32, in each of 20 streams, and named."""
    channel = reference.channels[-1]
    for seed in range(20):
        watch, told = judged(reference, rows(12 * BUDGET.block_frames, np.random.default_rng(seed), **change))
        assert any(block["detections"] >= 1 for block in told), (seed, told[-1])
        parts = {part.feature: part for part in reference.parts(watch.bank_of(reference), channel)}
        assert (parts[feature].errors < 0) is falls


def test_more_empty_frames_are_another_mix_and_unsure_boxes_are_not(reference: Reference) -> None:
    n, rng = 24 * BUDGET.block_frames, np.random.default_rng(7)
    usual = rows(n, rng)
    empty = usual.copy()
    empty[rng.random(n) < 0.6, -4:] = 0
    fewer = judged(reference, empty)[0].finding(reference).shape
    assert fewer is not None
    mix = {label: (was, now) for label, was, now in fewer.mix}
    assert set(mix) == {"bolt", "nut", "nothing"}
    assert mix["nothing"][0] == pytest.approx(0.42, abs=0.08)
    assert mix["nothing"][1] > mix["nothing"][0] + 0.2
    unsure = judged(reference, rows(n, rng, score=-0.25))[0].finding(reference).shape
    same = judged(reference, usual)[0].finding(reference).shape
    assert unsure is not None
    assert same is not None
    assert unsure.entropy > same.entropy + 0.3


def test_saving_between_any_two_frames_changes_no_bit(reference: Reference) -> None:
    values = rows(3 * BUDGET.block_frames + 7, np.random.default_rng(3))
    saved = Watch("cam", "1")
    for at, row in enumerate(values):
        saved.take(list(row), float(at), None, reference, BUDGET.block_frames)
        saved = msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=Watch)
    assert msgspec.msgpack.encode(judged(reference, values)[0]) == msgspec.msgpack.encode(saved)
