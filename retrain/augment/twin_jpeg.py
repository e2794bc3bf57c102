"""What a JPEG does to frames, in torch: only what is lost, since what is coded without loss cannot be seen.

ITU-T T.81 (1992) with its example tables (annex K), scaled by quality as the Independent JPEG Group's library does; chroma is halved both ways and grows
back by the library's triangle filter.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch.nn import functional

_LUMA_TABLE: Final = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_TABLE: Final = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_TO_YCC: Final = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""Rec. 601 in full range; chroma lies about 0 here, which spares its offset of 128."""
_COSINES: Final = np.array(
    [[math.sqrt((1 if u else 0.5) / 4) * math.cos((2 * x + 1) * u * math.pi / 16) for x in range(8)] for u in range(8)]
)
"""The orthonormal cosine transform of 8 values."""


def compressed(image_NCHW: torch.Tensor, qualities: Sequence[int]) -> torch.Tensor:
    """Frames with values 0 to 255 [N, 3, H, W] as they come back from JPEGs of these qualities (1 to 100), before rounding."""
    height, width = image_NCHW.shape[2:]
    to_ycc = torch.tensor(_TO_YCC, device=image_NCHW.device)
    whole = functional.pad(image_NCHW, (0, -width % 16, 0, -height % 16), mode="replicate")
    ycc = torch.einsum("ij,njhw->nihw", to_ycc, whole).round()
    luma = _coded(ycc[:, :1] - 128, _tables(_LUMA_TABLE, qualities, image_NCHW.device)) + 128
    chroma = _coded(functional.avg_pool2d(ycc[:, 1:], 2).round(), _tables(_CHROMA_TABLE, qualities, image_NCHW.device))
    grown = functional.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    rgb = torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc), torch.cat([luma.clamp(0, 255), grown.clamp(-128, 127)], dim=1))
    return rgb[:, :, :height, :width]


def _coded(plane_NCHW: torch.Tensor, tables_N88: torch.Tensor) -> torch.Tensor:
    """Each block of 8 x 8 in whole multiples of its table's steps."""
    count, channels, height, width = plane_NCHW.shape
    cosines = torch.from_numpy(_COSINES.astype(np.float32)).to(plane_NCHW.device)
    steps = tables_N88[:, None, None, None]
    blocks = plane_NCHW.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    kept = (cosines @ blocks @ cosines.T / steps).round() * steps
    return (cosines.T @ kept @ cosines).round().transpose(3, 4).reshape(plane_NCHW.shape)


def _tables(table: Sequence[Sequence[int]], qualities: Sequence[int], device: torch.device) -> torch.Tensor:
    scales = np.array([5000 // quality if quality < 50 else 200 - 2 * quality for quality in qualities])
    steps = np.clip((np.array(table) * scales[:, None, None] + 50) // 100, 1, 255)
    return torch.from_numpy(steps.astype(np.float32)).to(device)
