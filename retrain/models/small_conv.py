"""A small convolutional network without pretrained weights: four strided convolutions, 99,000 weights, for small pictures and small devices."""

from typing import Final

import torch
from torch import Tensor, nn

_CHANNELS: Final = (16, 32, 64, 128)
_CENTRE: Final = 127.5
_SPREAD: Final = 64.0
"""Of the 8-bit pixels of ordinary photographs: about 0.25 of the range."""


class SmallConv(nn.Module):
    """uint8 frames [N, H, W, 3], of at least 16 pixels a side, to embeddings [N, 256]: the last map averaged and maximised over space."""

    width: int = 2 * _CHANNELS[-1]
    widths: tuple[int, ...] = _CHANNELS[2:]

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_layer(before, after) for before, after in zip((3, *_CHANNELS), _CHANNELS, strict=False))

    def forward(self, image_NHWC: Tensor) -> Tensor:
        """Embeddings of uint8 frames."""
        return self.pooled(self.maps(image_NHWC)[-1])

    def maps(self, image_NHWC: Tensor) -> tuple[Tensor, ...]:
        """Feature maps [N, `widths`, h, w] at the strides 8 and 16."""
        x_NCHW, found = (image_NHWC.permute(0, 3, 1, 2).float() - _CENTRE) / _SPREAD, []
        for layer in self.layers:
            x_NCHW = layer(x_NCHW)
            found.append(x_NCHW)
        return tuple(found[2:])

    def pooled(self, map_NCHW: Tensor) -> Tensor:
        """The embedding of the last map."""
        return torch.cat([map_NCHW.mean((2, 3)), map_NCHW.amax((2, 3))], dim=1)

    def stages(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The weights, input first."""
        return tuple(tuple(layer.parameters()) for layer in self.layers)


def _layer(before: int, after: int) -> nn.Module:
    convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")  # He et al. 2015, equation 10
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))
