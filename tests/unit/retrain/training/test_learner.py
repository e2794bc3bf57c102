"""One update."""

from dataclasses import replace

import pytest
import torch

from retrain.models.network import Network
from retrain.models.recipe import SMALL_CONV, find
from retrain.training.course import Batch, Course
from retrain.training.learner import CLIP, Learner, precision
from tests.small_pictures import LABELS, SIDE, pictures

COURSE = Course(epochs=1, batch=8, rate=0.01, seed=0, warmup=0.0, decay=0.0)


def network() -> Network:
    return find(SMALL_CONV).build("classification", LABELS, SIDE)


def batch(weight: float = 1.0) -> Batch:
    images, truth = pictures()
    return Batch(torch.from_numpy(images[:8]), torch.from_numpy(truth[:8]), torch.full((8,), weight))


def length(learner: Learner) -> float:
    """Of the gradient that the only update took: AdamW's first moment holds a tenth of it."""
    moments = [tensor for name, tensor in learner.state()[0].items() if name.endswith("/exp_avg")]
    return 10 * float(torch.cat([moment.flatten() for moment in moments]).norm())


@pytest.mark.parametrize(("weight", "clipped"), [(1e-3, False), (1e3, True)])
def test_a_long_gradient_is_cut(weight: float, clipped: bool) -> None:
    learner = Learner(network(), COURSE, 1)
    learner.ready()
    loss, frames = learner.take(batch(weight), (0, 1), True, 0)
    assert frames == 8
    assert float(loss) == pytest.approx(8 * weight * 2.302585, rel=1e-4)
    assert (length(learner) == pytest.approx(CLIP, rel=1e-3)) is clipped


def test_the_weights_move_with_the_last_batch_of_an_update_only() -> None:
    learned = network()
    learner = Learner(learned, COURSE, 1)
    before = learned.state_dict()["head.weight"].clone()
    learner.take(batch(), (0, 1), False, 0)
    assert torch.equal(learned.state_dict()["head.weight"], before)
    learner.take(batch(), (0, 2), True, 0)
    assert not torch.equal(learned.state_dict()["head.weight"], before)


def test_the_input_s_stage_moves_less_than_the_head() -> None:
    learned = network()
    before = {name: tensor.clone() for name, tensor in learned.state_dict().items()}
    learner = Learner(learned, COURSE, 1)
    learner.take(batch(), (0, 1), True, 0)  # the head is zero: no gradient reaches the body yet
    learner.take(batch(), (0, 2), True, 0)
    moved = {
        name: float((tensor - before[name]).abs().max()) for name, tensor in learned.state_dict().items() if name.endswith("weight")
    }
    assert moved["head.weight"] == pytest.approx(0.02, rel=0.1)  # AdamW's first steps are as long as the rate
    assert 0 < moved["body.layers.0.0.weight"] < 1.2 * 0.01 * 0.65**4


def test_truth_of_several_tensors_reaches_the_loss_as_it_is() -> None:
    learned = network()
    seen: list[object] = []

    def loss(answers, truth):  # type: ignore[no-untyped-def]
        seen.append(truth)
        return answers["scores"].sum(1)

    learned.loss = loss  # type: ignore[method-assign]
    boxes = [torch.ones(k, 5) for k in range(8)]
    whole = batch()
    Learner(learned, COURSE, 1).take(Batch(whole.image, boxes, whole.weight), (0, 1), True, 0)
    assert isinstance(seen[0], list)
    assert [len(one) for one in seen[0]] == list(range(8))


def test_a_cpu_trains_in_float32() -> None:
    assert precision(torch.device("cpu")) == "fp32"


def test_what_is_drawn_follows_the_batch_s_place_in_the_run_alone() -> None:
    learned, drawn = network(), []
    learned.register_forward_hook(lambda *_: drawn.append(float(torch.rand(1))))
    learner = Learner(learned, COURSE, 9)
    for stream in ((0, 1), (0, 2), (1, 1), (0, 1)):
        learner.take(batch(), stream, True, 0)
    Learner(learned, replace(COURSE, seed=1), 9).take(batch(), (0, 1), True, 0)
    assert len(set(drawn)) == 4
    assert drawn[0] == drawn[3]
