"""The same pipeline on whole batches in torch, for a GPU: the draws and the boxes are made on the host as ever, the pixels change on the device.

Frames stay uint8 between changes, as on the CPU. Lookups, colours, noise and covers come out the same to within a level; warps and filters differ where
OpenCV computes with fixed-point weights; a JPEG's inside differs by its integer transform (tests/unit/retrain/augment/test_twin.py states how much).
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from retrain.augment import twin_jpeg
from retrain.augment.changes import FILL, LUMA, Blur, Change, Colour, Contrast, Cover, Filter, Jpeg, Noise, Table, Warp
from retrain.augment.geometry import followed
from retrain.augment.pipeline import drawn
from retrain.augment.pixels import FOUR_BYTES
from retrain.augment.spec import PipelineSpec, ready

Boxes = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Boxes [B, 4] and their classes [B]."""


def twin(spec: PipelineSpec) -> Callable[[torch.Tensor, Sequence[Boxes], Sequence[int]], tuple[torch.Tensor, list[Boxes]]]:
    """The pipeline on uint8 batches [N, H, W, 3], wherever they lie, with their boxes and indices: changed batches and boxes. Raises SettingsError.

    A classifier's frames have no boxes: pass none at all.
    """
    ready(spec)

    def change(image_NHWC: torch.Tensor, boxes: Sequence[Boxes], indices: Sequence[int]) -> tuple[torch.Tensor, list[Boxes]]:
        height, width = image_NHWC.shape[1:3]
        plans = [drawn(spec, index, width, height) for index in indices]
        moved = []
        for plan, (corners, classes) in zip(plans, boxes, strict=bool(boxes)):
            corners, left = followed(plan, corners, width, height, spec.min_visibility)
            moved.append((corners, classes[left]))
        return carried_out(plans, image_NHWC), moved

    return change


def carried_out(plans: Sequence[Sequence[Change]], image_NHWC: torch.Tensor) -> torch.Tensor:
    """Each frame changed by its own plan; those whose next change is of one kind go together."""
    changed = image_NHWC.permute(0, 3, 1, 2).contiguous()
    for turn in range(max(map(len, plans), default=0)):
        for kind, apply in _APPLY.items():
            rows = [row for row, plan in enumerate(plans) if len(plan) > turn and type(plan[turn]) is kind]
            if rows:
                at = torch.tensor(rows, device=changed.device)
                changed[at] = apply(changed[at], [plans[row][turn] for row in rows])
    return changed.permute(0, 2, 3, 1).contiguous()


def _warp(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    height, width = image_NCHW.shape[2:]
    inverse = _on(image_NCHW, [np.linalg.inv(change.matrix) for change in changes])
    x, y = torch.arange(width, device=inverse.device) + 0.5, torch.arange(height, device=inverse.device) + 0.5
    points_3P = torch.stack([x.repeat(height), y.repeat_interleave(width), torch.ones(height * width, device=inverse.device)])
    from_N3P = inverse @ points_3P
    grid_NP2 = (from_N3P[:, :2] / from_N3P[:, 2:]).transpose(1, 2) * torch.tensor(
        [2 / width, 2 / height], device=inverse.device
    ) - 1
    # Zeros are what lies outside, so the fill is taken off first.
    moved = functional.grid_sample(image_NCHW.float() - FILL, grid_NP2.reshape(-1, height, width, 2), align_corners=False)
    return _rounded(moved + FILL)


def _table(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    tables_NCV = torch.from_numpy(np.stack([change.values.T for change in changes])).to(image_NCHW.device)
    return tables_NCV.gather(2, image_NCHW.flatten(2).long()).reshape(image_NCHW.shape)


def _contrast(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    luma = (image_NCHW.double().mean((2, 3)) @ torch.from_numpy(LUMA).to(image_NCHW.device))[:, None, None, None]
    factors = torch.tensor([change.factor for change in changes], dtype=torch.float64, device=image_NCHW.device)[
        :, None, None, None
    ]
    return _rounded(luma + (image_NCHW - luma) * factors)


def _colour(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    return _rounded(torch.einsum("nij,njhw->nihw", _on(image_NCHW, [change.matrix for change in changes]), image_NCHW.float()))


def _blur(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    kernels = [change.kernel for change in changes]
    across = _convolved(image_NCHW.float(), [kernel[None] for kernel in kernels])
    return _rounded(_convolved(across, [kernel[:, None] for kernel in kernels]))


def _filter(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    return _rounded(_convolved(image_NCHW.float(), [change.kernel for change in changes]))


def _convolved(image_NCHW: torch.Tensor, kernels: Sequence[NDArray[np.float32]]) -> torch.Tensor:
    """Each frame with its own kernel, all padded with zeros to the largest: one grouped convolution."""
    count, channels = image_NCHW.shape[:2]
    rows, columns = (max(kernel.shape[axis] for kernel in kernels) for axis in (0, 1))
    padded = np.zeros((count, 1, rows, columns), dtype=np.float32)
    for place, kernel in zip(padded[:, 0], kernels, strict=True):
        top, left = (rows - kernel.shape[0]) // 2, (columns - kernel.shape[1]) // 2
        place[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel
    weights = torch.from_numpy(padded).to(image_NCHW.device).repeat_interleave(channels, dim=0)
    mirrored = functional.pad(image_NCHW, (columns // 2, columns // 2, rows // 2, rows // 2), mode="reflect")
    found = functional.conv2d(mirrored.reshape(1, count * channels, *mirrored.shape[2:]), weights, groups=count * channels)
    return found.reshape(image_NCHW.shape)


def _noise(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    mean, spread = FOUR_BYTES
    sums_NP = four_bytes(image_NCHW[0, 0].numel(), [change.key for change in changes], image_NCHW.device)
    deviations = torch.from_numpy(np.array([change.deviation / spread for change in changes], dtype=np.float32)).to(
        image_NCHW.device
    )
    return _rounded(image_NCHW + ((sums_NP - mean) * deviations[:, None]).reshape(-1, 1, *image_NCHW.shape[2:]))


def four_bytes(count: int, keys: Sequence[int], device: torch.device) -> torch.Tensor:
    """[N, count]: `pixels.four_bytes` of each key, in 64 bits because torch shifts no unsigned ones."""
    low = 0xFFFFFFFF
    x = torch.arange(count, device=device) * 0x9E3779B1 & low
    x = x + torch.tensor(keys, device=device)[:, None] & low
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ x >> shift) * factor & low
    x = x ^ x >> 16
    return ((x & 255) + (x >> 8 & 255) + (x >> 16 & 255) + (x >> 24)).float()


def _jpeg(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    return _rounded(twin_jpeg.compressed(image_NCHW.float(), [change.quality for change in changes]))


def _cover(image_NCHW: torch.Tensor, changes: Sequence[Any]) -> torch.Tensor:
    covered = image_NCHW.clone()
    for frame_CHW, change in zip(covered, changes, strict=True):
        part_CHW = frame_CHW[:, change.top : change.bottom, change.left : change.right]
        if change.key is None:
            part_CHW.fill_(FILL)
        else:
            noise_1P = (four_bytes(part_CHW[0].numel(), [change.key], image_NCHW.device) - FOUR_BYTES[0]) * 0.25 + 128
            part_CHW.copy_(_rounded(noise_1P).reshape(1, *part_CHW.shape[1:]))
    return covered


def _rounded(values: torch.Tensor) -> torch.Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def _on(image_NCHW: torch.Tensor, matrices: Sequence[NDArray[np.float64]]) -> torch.Tensor:
    return torch.from_numpy(np.stack(matrices).astype(np.float32)).to(image_NCHW.device)


_APPLY: Final[dict[type, Callable[[torch.Tensor, Sequence[Any]], torch.Tensor]]] = {
    Warp: _warp,
    Table: _table,
    Contrast: _contrast,
    Colour: _colour,
    Blur: _blur,
    Filter: _filter,
    Noise: _noise,
    Jpeg: _jpeg,
    Cover: _cover,
}
