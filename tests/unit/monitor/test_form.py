"""The form of blocks: what it reads from frames whose change is known."""

from dataclasses import replace

import numpy as np
import pytest

from contracts.statistics import NUMERIC
from monitor.detectors.ewma import Floats
from monitor.incidents.finding import Shape
from monitor.items import form
from monitor.items.answers import Classes
from monitor.items.features import Layout
from monitor.items.form import Form

AXES, FRAMES, N = 8, 64, 900
LAYOUT = Layout(Classes(("a", "b", "c")), AXES)
CENTRES = np.array([[2.0, 0, 0, 0, 0, 0, 0, 0], [0, 2.0, 0, 0, 0, 0, 0, 0], [0, 0, 2.0, 0, 0, 0, 0, 0]])


def rows(n: int, rng: np.random.Generator, mix: tuple[float, ...] = (0.4, 0.3, 0.3)) -> tuple[Floats, Floats]:
    """Frames [n, width] of three classes with these shares, and their classes [n]."""
    truth = rng.choice(3, n, p=mix)
    statistics = rng.normal(100, 10, (n, len(NUMERIC))) + 5 * truth[:, None]
    statistics[:, NUMERIC.index("clipped_dark")] = rng.uniform(0, 0.005, n)  # light enough that hardly a pixel is lost
    embedding = rng.standard_normal((n, AXES)) + CENTRES[truth]
    said = np.full((n, 3), 0.1)
    said[np.arange(n), truth] = 0.8
    return np.column_stack([statistics, embedding, said]), truth


@pytest.fixture(scope="module")
def made() -> Form:
    values, truth = rows(N, np.random.default_rng(0))
    pieces = np.array_split(np.arange(N), 60)
    return form.calibrate(LAYOUT, values.astype(np.float32), truth.astype(np.int32), pieces, FRAMES, np.random.default_rng(1))


def read(made: Form, values: Floats) -> Shape:
    """What many blocks of these frames come to."""
    average, answers = None, np.append(values[:, -3:].mean(axis=0), [0.8, 0.6390])  # nats of (.8, .1, .1)
    for block in np.array_split(values.astype(np.float32), len(values) // FRAMES):
        average = made.average(average, made.columns(block).mean(axis=0))
    assert average is not None
    return made.read(average, answers)


def drawn(seed: int = 5, n: int = 1920, mix: tuple[float, ...] = (0.4, 0.3, 0.3)) -> Floats:
    """Fresh frames."""
    return rows(n, np.random.default_rng(seed), mix)[0]


def moved(values: Floats, share: float, column: int, by: float) -> Floats:
    """A share of the frames, evenly spread, moved on one column."""
    hit = np.arange(len(values)) % 100 < 100 * share
    values[hit, column] += by
    return values


EMBEDDING = len(NUMERIC) + 5


def test_nothing_moved(made: Form) -> None:
    assert read(made, drawn()).moved < 0.5


def test_another_mix_is_explained_and_named(made: Form) -> None:
    shape = read(made, drawn(mix=(0.05, 0.05, 0.9)))
    assert shape.explained > 0.9
    assert [entry[0] for entry in shape.mix] == ["a", "b", "c"]
    assert [entry[2] for entry in shape.mix] == pytest.approx([0.05, 0.05, 0.9], abs=0.1)
    assert sum(entry[2] for entry in shape.mix) == pytest.approx(1.0, abs=0.01)


def test_a_new_cluster_is_a_mixture_of_the_share_that_it_has(made: Form) -> None:
    for share in (0.3, 0.5):
        shape = read(made, moved(drawn(), share, EMBEDDING, 6.0))
        assert shape.explained < 0.3
        assert shape.mixture == pytest.approx((1 - share) / share, rel=0.3)


def test_what_is_half_noise_counts_as_half_as_long(made: Form) -> None:
    values = moved(drawn(), 0.5, EMBEDDING, 6.0)
    clear, noisy = read(replace(made, noise=0.0), values), read(replace(made, noise=1e6), values)
    assert noisy.mixture == pytest.approx(clear.mixture / form.LEAST_SIGNAL**2)
    assert (clear.explained < 0.3, noisy.explained) == (True, 1.0)


def test_frames_that_all_move_are_no_mixture(made: Form) -> None:
    shape = read(made, moved(drawn(), 1.0, EMBEDDING, 3.0))
    assert abs(shape.mixture) < 0.15
    assert shape.embedding > 5 * shape.image


def test_light_that_clips_only_the_dark_frames_is_no_mixture(made: Form) -> None:
    """All frames darken; of those that were dark already, half, a part of the pixels ends at black."""
    values = moved(drawn(), 1.0, NUMERIC.index("luma_mean"), -20.0)
    shape = read(made, moved(values, 0.5, NUMERIC.index("clipped_dark"), 0.3))
    assert abs(shape.mixture) < 0.2
    assert shape.statistic == "clipped_dark"  # it moved, and is told


def test_light_moves_the_statistic_that_it_is_named_by(made: Form) -> None:
    shape = read(made, moved(drawn(), 1.0, NUMERIC.index("contrast"), 40.0))
    assert shape.statistic == "contrast"
    assert shape.image > 2 * shape.embedding


def test_unsure_answers_are_seen_beyond_the_mix(made: Form) -> None:
    values = drawn()
    average = made.average(None, made.columns(values.astype(np.float32)).mean(axis=0))
    said = values[:, -3:].mean(axis=0)
    sure, unsure = (made.read(average, np.append(said, [0.8, entropy])).entropy for entropy in (0.6390, 0.9))
    assert abs(sure) < 0.2
    assert unsure > 1


def test_sums_add_however_frames_are_batched(made: Form) -> None:
    values = drawn(n=64).astype(np.float32)
    whole = made.columns(values).sum(axis=0)
    parts = sum(made.columns(part).sum(axis=0) for part in np.array_split(values, 9))
    assert np.allclose(whole, parts)


def test_a_point_of_the_course_has_unit_spread_without_drift_and_more_in_a_mixture(made: Form) -> None:
    usual = [made.point(made.columns(block).mean(axis=0)) for block in np.array_split(drawn().astype(np.float32), 30)]
    mixed = [
        made.point(made.columns(b).mean(axis=0)) for b in np.array_split(moved(drawn(), 0.5, EMBEDDING, 6.0).astype(np.float32), 30)
    ]
    assert np.mean([spread for _, spread in usual]) == pytest.approx(1.0, abs=0.1)
    assert np.mean([spread for _, spread in mixed]) > 1.2
    assert len(usual[0][0]) == form.DIRECTIONS


def test_a_reference_of_one_class_and_constant_columns_stands(made: Form) -> None:
    rng = np.random.default_rng(3)
    layout = Layout(Classes(("a",)), 0)
    statistics = np.tile([10.0] * len(NUMERIC), (80, 1))
    values = np.column_stack([statistics, np.ones(80)]).astype(np.float32)
    one = form.calibrate(layout, values, np.zeros(80, np.int32), np.array_split(np.arange(80), 8), 16, rng)
    shape = one.read(one.average(None, one.columns(values).mean(axis=0)), np.array([1.0, 1.0, 0.0]))
    assert shape.moved == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite([shape.explained, shape.mixture, shape.image, shape.embedding, shape.entropy]).all()


def test_calibration_is_deterministic() -> None:
    values, truth = rows(200, np.random.default_rng(0))
    pieces = np.array_split(np.arange(200), 20)
    first, second = (
        form.calibrate(LAYOUT, values.astype(np.float32), truth.astype(np.int32), pieces, FRAMES, np.random.default_rng(1))
        for _ in range(2)
    )
    assert (first.noise, first.scatter) == (second.noise, second.scatter)
    assert np.array_equal(first.directions, second.directions)
