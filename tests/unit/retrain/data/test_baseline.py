"""Baselines from views."""

import numpy as np
import pytest

from contracts.baseline import decode, encode
from contracts.errors import VersionError
from contracts.statistics import NUMERIC
from retrain.data.baseline import baseline_of
from retrain.models.session import Views

LABELS = ("a", "b")


def seen(n: int, seed: int = 0, shift: float = 0.0) -> Views:
    random = np.random.default_rng(seed)
    embedding = (random.normal(size=(n, 40)) * np.linspace(3, 0.1, 40) + shift).astype(np.float32)
    statistics = random.normal(size=(n, len(NUMERIC))).astype(np.float32)
    return Views(statistics, np.zeros(n, dtype=np.uint64), embedding, np.zeros((n, 2), dtype=np.float32))


def test_a_baseline_reads_back_and_has_unit_variance_on_every_axis() -> None:
    views, p = seen(120), np.tile([0.7, 0.3], (120, 1))
    made = baseline_of(LABELS, views, p, np.arange(120) % 2, [f"g{i // 10}" for i in range(120)])
    again = decode(encode(made), "here")
    assert len(again) == 120
    assert again.embedding.std(axis=0, ddof=1) == pytest.approx(1.0, abs=1e-3)
    assert np.abs(made.project(views.embedding) - made.embedding).max() < 1e-4
    assert made.group.tolist() == [i // 10 for i in range(120)]


def test_axes_of_old_and_new_together_are_centred_and_scaled_on_the_new() -> None:
    new, old = seen(100, 1, shift=2.0), seen(400, 2)
    made = baseline_of(LABELS, new, np.tile([0.5, 0.5], (100, 1)), None, ["g"] * 100, old.embedding)
    assert np.abs(made.embedding.mean(axis=0)).max() < 1e-3
    assert made.embedding.std(axis=0, ddof=1) == pytest.approx(1.0, abs=1e-3)
    assert made.truth.tolist() == [-1] * 100
    # The return of the old kind stands out: it lies on an axis of the pooled frames.
    assert np.abs(made.project(old.embedding).mean(axis=0)).max() > 3


def test_cameras_that_ran_side_by_side_are_brought_together() -> None:
    views = seen(80)
    groups = [f"cam-{i % 2}" for i in range(80)]
    made = baseline_of(LABELS, views, np.linspace(0, 1, 160).reshape(80, 2), np.arange(80) % 2, groups)
    assert (np.diff(made.group) >= 0).all()
    assert (made.statistics == np.concatenate([views.statistics[0::2], views.statistics[1::2]])).all()
    assert made.truth.tolist() == [0] * 40 + [1] * 40


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(VersionError, match="at least 64 reference frames, there are 63"):
        baseline_of(LABELS, seen(63), np.tile([0.5, 0.5], (63, 1)), None, ["g"] * 63)
