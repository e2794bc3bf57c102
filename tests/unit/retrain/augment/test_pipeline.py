"""Draws: how often, how strong, in which order, and that nothing but seed and index decides them."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from contracts.errors import SettingsError
from retrain.augment.changes import Blur, Change, Contrast, Cover, Noise
from retrain.augment.pipeline import Sample, drawn, index, pipeline
from retrain.augment.spec import OperationSpec, PipelineSpec, Range, SomeOf, filled, standard

THREE = ("contrast", "noise", "cutout")
KINDS = {Contrast: "contrast", Noise: "noise", Cover: "cutout", Blur: "blur"}


def names(changes: tuple[Change, ...]) -> tuple[str, ...]:
    return tuple(KINDS[type(change)] for change in changes)


def draws(spec: PipelineSpec, count: int) -> list[tuple[Change, ...]]:
    return [drawn(spec, index(0, item), 32, 32) for item in range(count)]


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_each_operation_comes_with_its_probability(p: float) -> None:
    came = sum(map(len, draws(PipelineSpec((OperationSpec("noise", p=p),)), 2000)))
    if p in (0.0, 1.0):
        assert came == 2000 * p
    else:
        assert chisquare([came, 2000 - came], [2000 * p, 2000 * (1 - p)]).pvalue > 1e-3


def test_operations_come_independently() -> None:
    spec = PipelineSpec((OperationSpec("noise", p=0.5), OperationSpec("cutout", p=0.5)))
    seen = Counter(names(one) for one in draws(spec, 2000))
    assert chisquare([seen[()], seen[("noise",)], seen[("cutout",)], seen[("noise", "cutout")]]).pvalue > 1e-3


def test_magnitudes_are_uniform_in_their_range() -> None:
    spec = PipelineSpec((OperationSpec("noise", magnitude=Range(2, 12)),))
    found = [change.deviation for (change,) in draws(spec, 2000) if isinstance(change, Noise)]
    assert kstest(found, "uniform", (2, 10)).pvalue > 1e-3


def test_a_fixed_order_is_the_declared_one() -> None:
    for order in permutations(THREE):
        spec = PipelineSpec(tuple(OperationSpec(name, magnitude=Range(0.5, 0.5)) for name in order))
        assert {names(one) for one in draws(spec, 20)} == {order}


def test_a_random_order_is_every_order_alike() -> None:
    spec = PipelineSpec(tuple(OperationSpec(name, magnitude=Range(0.5, 0.5)) for name in THREE), order="random")
    seen = Counter(names(one) for one in draws(spec, 3000))
    assert chisquare([seen[order] for order in permutations(THREE)]).pvalue > 1e-3


@pytest.mark.parametrize("order", ["fixed", "random"])
def test_some_of_takes_different_ones_each_as_often(order: str) -> None:
    four = tuple(OperationSpec(name, magnitude=Range(0.5, 0.5)) for name in (*THREE, "blur"))
    seen = [names(one) for one in draws(PipelineSpec((SomeOf(2, four, p=0.75),), order=order), 3000)]  # type: ignore[arg-type]
    taken = [one for one in seen if one]
    assert {len(set(one)) for one in taken} == {2}
    assert chisquare([len(taken), 3000 - len(taken)], [2250, 750]).pvalue > 1e-3
    pairs = Counter(frozenset(one) for one in taken)
    assert len(pairs) == 6
    assert chisquare(list(pairs.values())).pvalue > 1e-3
    assert (len(set(seen)) == 7) == (order == "fixed")  # six pairs and none, or each pair both ways


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), epoch=st.integers(0, 1000), item=st.integers(0, 2**31))
def test_seed_and_index_decide_everything(seed: int, epoch: int, item: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    sample = Sample(image, np.array([[4, 4, 20, 20]], dtype=np.float32), np.array([3]))
    spec = filled(standard(seed), ())
    first, again = pipeline(spec)(sample, index(epoch, item)), pipeline(spec)(sample, index(epoch, item))
    assert (first.image == again.image).all()
    assert (first.boxes == again.boxes).all()
    assert len(first.boxes) == len(first.classes) <= 1


def test_another_epoch_item_or_seed_draws_anew() -> None:
    drawn_keys = {
        drawn(PipelineSpec((OperationSpec("noise"),), seed=seed), index(epoch, item), 32, 32)
        for seed in (0, 1)
        for epoch in (0, 1)
        for item in (0, 1)
    }
    assert len(drawn_keys) == 8


def test_an_empty_pipeline_gives_a_copy() -> None:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    found = pipeline(PipelineSpec())(Sample(image, np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)), 0).image
    assert (found == image).all()
    assert found is not image


def test_a_place_that_was_not_filled_is_refused() -> None:
    with pytest.raises(SettingsError, match="matched"):
        pipeline(standard())
