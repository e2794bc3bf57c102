"""The detector: what it is taught comes back out of it, its graph says what it says, and what it cannot be is refused."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from contracts.detections import FLOOR, MOST_BOXES
from contracts.errors import VersionError
from contracts.manifest import InputSpec
from retrain.gates.box_parity import parity
from retrain.models import graph
from retrain.models.detector import HEAT, SHAPE, STRIDE, Detector
from retrain.models.export import BATCHES, by_torch, exported
from retrain.models.network import Built, pack
from retrain.models.recipe import EFFICIENTNET, SMALL_CONV, find
from retrain.models.session import Session
from tests.composed import composed

LABELS = ("bolt", "nut")
SIDE = 64
CELLS = SIDE // STRIDE


def network(name: str = SMALL_CONV, side: int = SIDE) -> Detector:
    made = find(name).build("detection", LABELS, side, seed=1)
    assert isinstance(made, Detector)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        nn.init.normal_(made.heat[-1].weight, std=1.0)  # type: ignore[arg-type]  # a convolution's
    return made


def answers_of(boxes_B5: Tensor) -> dict[str, Tensor]:
    """What a network would answer to one frame that it knows by heart."""
    heat, shape = torch.full((1, 2, CELLS, CELLS), -12.0), torch.zeros(1, 4, CELLS, CELLS)
    for x1, y1, x2, y2, k in (boxes_B5 / torch.tensor([STRIDE] * 4 + [1])).tolist():
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        column, row = min(int(x), CELLS - 1), min(int(y), CELLS - 1)
        heat[0, int(k), row, column] = 12.0
        shape[0, :, row, column] = torch.tensor([np.log(x2 - x1), np.log(y2 - y1), x - column, y - row])
    return {HEAT: heat, SHAPE: shape}


BOXES = torch.tensor([[3.0, 5, 21, 40, 0], [30, 30, 64, 64, 1], [50, 2, 62, 10, 0], [63, 20, 64, 30, 1]])


def test_boxes_that_are_known_by_heart_cost_nothing_and_come_back() -> None:
    made, known = network(), answers_of(BOXES)
    assert float(made.loss(known, [BOXES])) < 1e-3
    rows = made._boxes(known[HEAT], known[SHAPE])[0]
    found = rows[rows[:, 4] > 0.5]
    assert torch.allclose(found[:, 4], torch.ones(len(BOXES)), atol=1e-4)
    wanted = BOXES[BOXES.sum(dim=1).argsort()]
    assert torch.allclose(found[:, [0, 1, 2, 3, 5]][found[:, [0, 1, 2, 3, 5]].sum(dim=1).argsort()], wanted, atol=1e-3)


@pytest.mark.parametrize("what", ["place", "size", "class", "missed", "invented"])
def test_every_kind_of_mistake_costs(what: str) -> None:
    made, said = network(), BOXES.clone()
    if what == "place":
        said[0, :4] += torch.tensor([4.0, 0, 4, 0])
    elif what == "size":
        said[0, 2] += 6
        said[0, 0] -= 6
    elif what == "class":
        said[0, 4] = 1
    elif what == "missed":
        said = said[1:]
    else:
        said = torch.cat([said, torch.tensor([[30.0, 10, 40, 20, 0]])])
    assert float(made.loss(answers_of(said), [BOXES])) > 0.1


def test_a_frame_without_objects_has_a_loss_and_a_gradient() -> None:
    made = network().train()
    answers = made(torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8))
    loss = made.loss(answers, [torch.zeros(0, 5), BOXES])
    assert loss.shape == (2,)
    assert "boxes" not in answers  # not worked out where nobody asks for them
    loss.sum().backward()
    assert all(weight.grad is not None and bool(torch.isfinite(weight.grad).all()) for weight in made.parameters())


@pytest.mark.parametrize(("name", "side"), [(SMALL_CONV, SIDE), (EFFICIENTNET, 96)])
def test_the_graph_finds_the_same_boxes_at_every_batch_size(name: str, side: int) -> None:
    made = network(name, side)
    content = exported(made)
    frames = [cv2.resize(one.image, (side, side)).astype(np.uint8) for one in composed(16)]
    embedding, boxes = by_torch(made, frames)
    session = Session(content, InputSpec(graph.IMAGE, side, side), graph.EMBEDDING, graph.BOXES)
    assert boxes.shape == (16, MOST_BOXES, 6)
    assert (boxes[:, :, 4] > FLOOR).sum() > 100
    for size in BATCHES:
        parts = [session.run(frames[start : start + size]) for start in range(0, len(frames), size)]
        assert np.abs(np.concatenate([part[0] for part in parts]) - embedding).max() < 1e-3
        found = parity(boxes, np.concatenate([part[1] for part in parts]), side, (size,))
        assert found.verdict == "pass", found.detail
    (declared,) = [one for one in graph.read(content, "it").graph.output if one.name == graph.BOXES]
    assert [dim.dim_value for dim in declared.type.tensor_type.shape.dim] == [0, MOST_BOXES, 6]


def test_rows_without_a_peak_are_empty_and_no_two_peaks_touch() -> None:
    with torch.no_grad():
        rows = network().eval()(torch.from_numpy(np.stack([cv2.resize(one.image, (SIDE, SIDE)) for one in composed(4)])))[
            graph.BOXES
        ]
    assert bool((rows[rows[:, :, 4] == 0] == 0).all())
    assert bool((rows[:, :-1, 4] >= rows[:, 1:, 4]).all())
    for frame in rows:
        found = frame[frame[:, 4] > 0]
        assert len(found) <= 2 * (CELLS // 2) ** 2 + 2 * CELLS


def test_an_object_that_is_sure_beyond_float32_is_told_once() -> None:
    made, known = network(), answers_of(BOXES)
    sure = known[HEAT] + 30  # 42 where an object is, 18 elsewhere; beside an object 41: each of these scores is 1 in float32
    beside = functional.max_pool2d(sure, 3, stride=1, padding=1) - 1
    rows = made._boxes(torch.maximum(sure, beside) - 60 * (beside < 20), known[SHAPE])[0]
    assert int((rows[:, 4] > 0.5).sum()) == len(BOXES)


def test_rescaled_scores_leave_boxes_and_their_order() -> None:
    made = network().eval()
    shown = torch.from_numpy(np.stack([cv2.resize(one.image, (SIDE, SIDE)) for one in composed(2)]))
    with torch.no_grad():
        before = made(shown)
        made.rescale(0.5, -1.0)
        after = made(shown)
    assert torch.allclose(after[HEAT], before[HEAT] * 0.5 - 1.0, atol=1e-4)
    kept = [0, 1, 2, 3, 5]
    assert torch.allclose(after[graph.BOXES][:, :20, kept], before[graph.BOXES][:, :20, kept], atol=1e-3)


def test_stages_hold_every_weight_once_and_a_file_builds_it_again() -> None:
    made = network()
    staged = [id(weight) for stage in made.stages() for weight in stage]
    assert sorted(staged) == sorted(id(weight) for weight in made.parameters())
    again = find(SMALL_CONV).load(pack(made))
    assert again.built == Built(SMALL_CONV, "detection", LABELS, SIDE)
    assert all(
        torch.equal(mine, other) for mine, other in zip(made.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_a_side_that_the_deepest_map_does_not_divide_is_refused() -> None:
    with pytest.raises(VersionError, match="'small-conv' takes sides that are multiples of 16, not 28"):
        find(SMALL_CONV).build("detection", LABELS, 28)
    with pytest.raises(VersionError, match="'efficientnet-lite0' takes sides that are multiples of 32, not 112"):
        find(EFFICIENTNET).build("detection", LABELS, 112, pretrained=False)
