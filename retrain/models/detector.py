"""An anchor-free detector on a body's feature maps: every object is a peak of its class's heat map, with a size and an offset there.

CenterNet (Zhou, Wang and Kraehenbuehl, Objects as points, 2019) on a small feature pyramid (Lin et al. 2017) of stride 8. Peaks are the cells that equal
the maximum of the 3 x 3 cells around them; the best hundred over all classes are the answer, in the graph, by standard operators: no suppression of
overlapping boxes afterwards, nothing that depends on a frame's content in its shapes.
"""

import math
from collections.abc import Mapping
from typing import Final, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from contracts.detections import COLUMNS, MOST_BOXES
from contracts.errors import VersionError
from retrain.models.graph import BOXES, EMBEDDING
from retrain.models.network import Built, Network, Stages

STRIDE: Final = 8
"""Pixels of a cell's side. Two objects of one class whose middles lie in one cell are one."""
HEAT: Final = "heat"
SHAPE: Final = "shape"
_WIDTH: Final = 64
"""Channels of the pyramid."""
_PRIOR: Final = 0.1
"""What every cell is believed to be at first (section 5.1; Lin et al. 2017, focal loss): without it the many empty cells drown the first updates."""
_SIZE_WEIGHT: Final = 0.1
"""Of the sizes' error in cells (section 4)."""
_SIGMA: Final = 0.09
"""Of an object's bump in its heat map, as a share of its side: 0.54 / 6 (Liu et al., Training-time-friendly network, 2020, equation 1)."""
_LEAST_SIGMA: Final = 1e-3


class Mapped(Protocol):
    """A body that shows its maps: `widths` channels at the strides 8, 16, … of the input, and the embedding, from the last one."""

    width: int
    widths: tuple[int, ...]

    def maps(self, image_NHWC: Tensor) -> tuple[Tensor, ...]: ...

    def pooled(self, map_NCHW: Tensor) -> Tensor: ...

    def stages(self) -> Stages: ...


class Detector(Network):
    """A body, a feature pyramid and the heads. Raises VersionError for a side that the deepest map does not divide."""

    def __init__(self, built: Built, body: Mapped) -> None:
        super().__init__(built)
        deepest = STRIDE << len(body.widths) - 1
        if built.side % deepest or not built.side:
            raise VersionError(
                f"a detector of recipe {built.recipe!r} takes sides that are multiples of {deepest}, not {built.side}"
            )
        assert isinstance(body, nn.Module)
        self.body: nn.Module = body
        self.laterals = nn.ModuleList(nn.Conv2d(width, _WIDTH, 1) for width in body.widths)
        self.smooth = nn.Sequential(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(_WIDTH), nn.ReLU())
        self.heat, self.shape = _branch(len(built.labels)), _branch(4)
        nn.init.zeros_(self.heat[-1].weight)  # type: ignore[arg-type]  # a convolution's
        nn.init.constant_(self.heat[-1].bias, math.log(_PRIOR / (1 - _PRIOR)))  # type: ignore[arg-type]

    def forward(self, image_NHWC: Tensor) -> dict[str, Tensor]:
        """`heat` logits [N, K, h, w], `shape` [N, 4, h, w] (log of width and height in cells, x and y within the cell) and `embedding` [N, D]; in
        evaluation also `boxes` [N, M, 6]."""
        maps: tuple[Tensor, ...] = self.body.maps(image_NHWC)  # type: ignore[operator]  # Mapped
        merged_NCHW = self.laterals[-1](maps[-1])
        for lateral, finer in zip(list(self.laterals)[-2::-1], maps[-2::-1], strict=True):
            merged_NCHW = lateral(finer) + functional.interpolate(merged_NCHW, scale_factor=2.0, mode="nearest")
        merged_NCHW = self.smooth(merged_NCHW)
        answers = {
            HEAT: self.heat(merged_NCHW),
            SHAPE: self.shape(merged_NCHW),
            EMBEDDING: self.body.pooled(maps[-1]),  # type: ignore[operator]
        }
        return answers if self.training else {**answers, BOXES: self._boxes(answers[HEAT], answers[SHAPE])}

    def rescale(self, slope: float, offset: float) -> None:
        """Change the heat's logits to slope x logit + offset, slope above 0: boxes and their order stay, what their scores mean changes."""
        last = self.heat[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        with torch.no_grad():
            last.weight.mul_(slope)
            last.bias.mul_(slope).add_(offset)

    def stages(self) -> Stages:
        """The body's, then the pyramid with the heads."""
        head = (self.laterals, self.smooth, self.heat, self.shape)
        return (*self.body.stages(), tuple(weight for part in head for weight in part.parameters()))  # type: ignore[operator]

    def loss(self, answers: Mapping[str, Tensor], truth: Tensor | list[Tensor]) -> Tensor:
        """[N], by boxes [B, 5] a frame (corners in pixels of the input, class): the penalty-reduced focal loss of the heat (equation 1) plus the absolute
        error of offset and, weighted, of the size's logarithm at each object's cell, all over the frame's objects, or over 1 where it has none."""
        heat, shape = answers[HEAT].float(), answers[SHAPE].float()
        return torch.stack([_frame_loss(*one) for one in zip(heat, shape, truth, strict=True)])

    def _boxes(self, heat_NKhw: Tensor, shape_N4hw: Tensor) -> Tensor:
        """The best rows, best first: corners in pixels of the input, score, class; all 0 where there are fewer peaks."""
        classes, cells = len(self.built.labels), self.built.side // STRIDE
        peak_NKhw = functional.max_pool2d(heat_NKhw, 3, stride=1, padding=1) == heat_NKhw  # scores near 1 are equal in float32
        score_NP = (heat_NKhw.sigmoid() * peak_NKhw).flatten(1)
        score_NM, at_NM = score_NP.topk(min(MOST_BOXES, classes * cells * cells), dim=1)
        cell_NM = at_NM % (cells * cells)
        shape_NM4 = shape_N4hw.flatten(2).transpose(1, 2).gather(1, cell_NM.unsqueeze(2).expand(-1, -1, 4))
        corner_NM2 = torch.stack([cell_NM % cells, cell_NM // cells], dim=2).float()
        middle_NM2 = (corner_NM2 + shape_NM4[:, :, 2:]) * STRIDE
        half_NM2 = shape_NM4[:, :, :2].clamp(max=math.log(cells) + 1).exp() * (STRIDE / 2)
        class_NM = (at_NM // (cells * cells)).float()
        rows_NM6 = torch.cat([middle_NM2 - half_NM2, middle_NM2 + half_NM2, score_NM.unsqueeze(2), class_NM.unsqueeze(2)], dim=2)
        assert rows_NM6.shape[2] == COLUMNS
        return rows_NM6 * (score_NM > 0).unsqueeze(2)


def _branch(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1), nn.ReLU(), nn.Conv2d(_WIDTH, channels, 1))


def _frame_loss(heat_Khw: Tensor, shape_4hw: Tensor, boxes_B5: Tensor) -> Tensor:
    _, height, width = heat_Khw.shape
    corners_B4, class_B = boxes_B5[:, :4] / STRIDE, boxes_B5[:, 4].long()
    middle_B2, size_B2 = (corners_B4[:, :2] + corners_B4[:, 2:]) / 2, corners_B4[:, 2:] - corners_B4[:, :2]
    most = torch.tensor([width - 1, height - 1], device=heat_Khw.device)
    cell_B2 = torch.minimum(middle_B2.floor().long().clamp(min=0), most)
    objects = max(1, len(boxes_B5))
    heat = _focal(heat_Khw, _bumps(heat_Khw, cell_B2, size_B2, class_B), cell_B2, class_B)
    said_B4 = shape_4hw[:, cell_B2[:, 1], cell_B2[:, 0]].T
    size = (said_B4[:, :2] - size_B2.clamp(min=1 / STRIDE).log()).abs().sum()
    offset = (said_B4[:, 2:] - (middle_B2 - cell_B2)).abs().sum()
    return (heat + size + offset) / objects


def _bumps(heat_Khw: Tensor, cell_B2: Tensor, size_B2: Tensor, class_B: Tensor) -> Tensor:
    """What the heat should be: 1 in each object's cell, falling off around it in the object's own proportions; where two meet, the higher."""
    _, height, width = heat_Khw.shape
    x = torch.arange(width, device=heat_Khw.device) - cell_B2[:, :1]
    y = torch.arange(height, device=heat_Khw.device) - cell_B2[:, 1:]
    sigma_B2 = (size_B2 * _SIGMA).clamp(min=_LEAST_SIGMA)
    bump_Bhw = torch.exp(-((y / sigma_B2[:, 1:]) ** 2).unsqueeze(2) / 2 - ((x / sigma_B2[:, :1]) ** 2).unsqueeze(1) / 2)
    return torch.zeros_like(heat_Khw).scatter_reduce(0, class_B[:, None, None].expand_as(bump_Bhw), bump_Bhw, "amax")


def _focal(heat_Khw: Tensor, target_Khw: Tensor, cell_B2: Tensor, class_B: Tensor) -> Tensor:
    """Equation 1 with alpha 2 and beta 4: cells near an object are forgiven, cells that are sure already hardly count."""
    at = torch.zeros_like(target_Khw, dtype=torch.bool)
    at[class_B, cell_B2[:, 1], cell_B2[:, 0]] = True
    score = heat_Khw.sigmoid()
    hit = (1 - score) ** 2 * functional.logsigmoid(heat_Khw)
    miss = (1 - target_Khw) ** 4 * score**2 * functional.logsigmoid(-heat_Khw)
    return -torch.where(at, hit, miss).sum()
