"""Baselines come back exactly, damaged ones are refused with a reason, and the projection whitens."""

import contextlib
import io
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contracts import baseline as baselines
from contracts.baseline import AXES, Baseline, principal_axes
from contracts.errors import VersionError
from contracts.statistics import NUMERIC
from tests.unit.contracts.versions import small_baseline

WHOLE = small_baseline()
ENCODED = baselines.encode(WHOLE)


def same(one: Baseline, other: Baseline) -> bool:
    return (
        one.labels == other.labels
        and all(
            np.array_equal(getattr(one, field.name), getattr(other, field.name))
            and getattr(one, field.name).dtype == getattr(other, field.name).dtype
            for field in fields(Baseline)
            if field.name not in ("labels", "answers")
        )
        and np.array_equal(one.answers, other.answers)
    )  # type: ignore[arg-type]  # None is equal to None


def test_round_trip() -> None:
    assert same(baselines.decode(ENCODED, "here"), WHOLE)


DETECTOR = replace(
    WHOLE,
    probabilities=WHOLE.probabilities[:, :0],
    truth=np.full(len(WHOLE), -1, np.int32),
    answers=np.ones((len(WHOLE), 4), np.float32),
)


def test_a_detectors_round_trip() -> None:
    assert same(baselines.decode(baselines.encode(DETECTOR), "here"), DETECTOR)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (replace(DETECTOR, probabilities=WHOLE.probabilities), "probabilities has shape"),
        (replace(DETECTOR, answers=np.ones((len(WHOLE), 3), np.float32)), "answers has shape"),
        (replace(DETECTOR, answers=np.full((len(WHOLE), 4), np.nan, np.float32)), "answers has values that are not finite"),
        (replace(DETECTOR, truth=np.zeros(len(WHOLE), np.int32)), "truth has a class outside -1 to -1"),
    ],
)
def test_a_detectors_baseline_that_makes_no_sense_is_refused(bad: Baseline, message: str) -> None:
    with pytest.raises(VersionError, match=message):
        baselines.decode(baselines.encode(bad), "here")


def test_the_same_baseline_has_the_same_bytes() -> None:
    assert baselines.encode(small_baseline()) == ENCODED


def test_it_holds_no_pickle() -> None:
    with np.load(io.BytesIO(ENCODED), allow_pickle=False) as data:
        assert tuple(data["statistic_names"]) == NUMERIC
        assert all(data[name].dtype.kind in "ifU" for name in data.files)


def with_value(name: str, value: float) -> Baseline:
    array = getattr(WHOLE, name).copy()
    array.flat[0] = value
    return replace(WHOLE, **{name: array})


@pytest.mark.parametrize("name", ["statistics", "embedding", "probabilities", "centre", "axes"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(name: str, value: float) -> None:
    with pytest.raises(VersionError, match=rf"^here/baseline\.npz: {name} has values that are not finite"):
        baselines.decode(baselines.encode(with_value(name, value)), "here")


@pytest.mark.parametrize(
    "bad",
    [
        replace(WHOLE, statistics=WHOLE.statistics[:, :9]),
        replace(WHOLE, statistics=WHOLE.statistics[:-1]),
        replace(WHOLE, embedding=WHOLE.embedding[:, :2]),
        replace(WHOLE, probabilities=WHOLE.probabilities[:, :1]),
        replace(WHOLE, labels=("good", "defect", "unsure")),
        replace(WHOLE, truth=WHOLE.truth[:-1]),
        replace(WHOLE, group=WHOLE.group[:, None]),
        replace(WHOLE, centre=WHOLE.centre[:-1]),
        replace(WHOLE, centre=WHOLE.centre[None]),
        replace(WHOLE, axes=WHOLE.axes[0]),
        replace(WHOLE, statistics=np.float32(3)),  # type: ignore[arg-type]
    ],
)
def test_wrong_shapes_are_refused(bad: Baseline) -> None:
    with pytest.raises(VersionError, match=r"^here/baseline\.npz: \w+ has shape \(.*\), expected \("):
        baselines.decode(baselines.encode(bad), "here")


@pytest.mark.parametrize("truth", [-2, 2])
def test_a_truth_that_is_no_class_is_refused(truth: int) -> None:
    with pytest.raises(VersionError, match="truth has a class outside -1 to 1"):
        baselines.decode(baselines.encode(with_value("truth", truth)), "here")


def repacked(**arrays: NDArray[np.generic]) -> bytes:
    with np.load(io.BytesIO(ENCODED)) as data:
        content = {**{name: data[name] for name in data.files}, **arrays}
    stream = io.BytesIO()
    np.savez(stream, **content)  # type: ignore[arg-type]
    return stream.getvalue()


def test_statistics_of_another_release_are_refused_with_what_to_do() -> None:
    names = np.array([*NUMERIC[:-1], "vignetting"])
    with pytest.raises(VersionError, match=r"vignetting.*this release measures.*Rebuild"):
        baselines.decode(repacked(statistic_names=names), "here")


def test_text_where_numbers_belong_is_refused() -> None:
    with pytest.raises(VersionError, match="truth has values that are not finite numbers"):
        baselines.decode(repacked(truth=np.array(["good"] * len(WHOLE))), "here")


def test_what_is_no_baseline_is_refused() -> None:
    plain = io.BytesIO()
    np.save(plain, np.zeros(3))
    for content in (b"", b"PK", b"not a zip at all", ENCODED[: len(ENCODED) // 2], plain.getvalue(), repacked()[:-40]):
        with pytest.raises(VersionError, match=r"^here/baseline\.npz cannot be read: "):
            baselines.decode(content, "here")


@given(st.data())
def test_a_damaged_baseline_is_a_baseline_or_a_version_error(data: st.DataObject) -> None:
    content = bytearray(ENCODED)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(VersionError):
        assert len(baselines.decode(bytes(content), "here")) == len(WHOLE)


@pytest.mark.parametrize(("frames", "dimensions"), [(200, 16), (500, 64), (40, 100)])
def test_the_projection_whitens_the_reference(frames: int, dimensions: int) -> None:
    random = np.random.default_rng(2)
    embeddings = (random.normal(size=(frames, dimensions)) * np.geomspace(100, 0.1, dimensions) + 7).astype(np.float32)
    centre, axes = principal_axes(embeddings)
    projected = replace(WHOLE, centre=centre, axes=axes).project(embeddings)
    assert projected.shape == (frames, min(AXES, dimensions, frames - 1))
    assert projected.dtype == np.float32
    assert np.allclose(projected.mean(axis=0), 0, atol=1e-3)
    assert np.allclose(np.cov(projected.T), np.eye(projected.shape[1]), atol=5e-3)


def test_the_axes_are_the_principal_ones() -> None:
    random = np.random.default_rng(3)
    embeddings = (random.normal(size=(300, 5)) * (1, 50, 1, 10, 1)).astype(np.float32)
    _, axes = principal_axes(embeddings, 2)
    assert [int(np.abs(axis).argmax()) for axis in axes] == [1, 3]


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -3.3333333])
def test_constant_embeddings_have_no_axes(value: float) -> None:
    """What float32 rounds is no variance: whitening it would make a signal of nothing."""
    centre, axes = principal_axes(np.full((100, 12), value, np.float32))
    assert axes.shape == (0, 12)
    assert np.allclose(centre, value)
    assert replace(WHOLE, centre=centre, axes=axes).project(np.ones((3, 12), np.float32)).shape == (3, 0)


def test_the_last_bit_of_float32_is_no_variance() -> None:
    embeddings = np.full((100, 4), 1000, np.float32)
    embeddings[::2, 1] = np.nextafter(np.float32(1000), np.float32(2000))
    assert principal_axes(embeddings)[1].shape == (0, 4)


def test_a_dimension_that_never_moves_is_left_out() -> None:
    random = np.random.default_rng(4)
    embeddings = random.normal(size=(100, 6)).astype(np.float32)
    embeddings[:, 4:] = (1234.5678, 0)
    assert principal_axes(embeddings)[1].shape == (4, 6)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_give_few_axes(frames: int) -> None:
    embeddings = np.random.default_rng(5).normal(size=(frames, 8)).astype(np.float32)
    assert principal_axes(embeddings)[1].shape == (frames - 1, 8)


def test_live_frames_are_projected_as_the_reference_was() -> None:
    random = np.random.default_rng(6)
    embeddings = random.normal(size=(100, 8)).astype(np.float32)
    centre, axes = principal_axes(embeddings)
    baseline = replace(WHOLE, centre=centre, axes=axes)
    assert np.allclose(baseline.project(embeddings[3:4]), baseline.project(embeddings)[3:4], atol=1e-5)
