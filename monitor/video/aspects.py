"""The aspects of a camera's minutes: its image, and what a version makes of it."""

from collections.abc import Sequence
from typing import Final

from contracts.statistics import NUMERIC
from monitor.detectors import mmd, softmax
from monitor.items.features import SMALLEST_CHANGE
from monitor.video.aspect import Aspect, Channel

_HOURLY: Final = 60
"""Embeddings have many axes: they get hourly contexts, and six spreads a day."""
_AXIS, _SHARE, _ENTROPY = 0.05, 0.01, 0.02
_CLIPPED: Final = 0.02
"""Changes that nobody is called for: of an axis in reference deviations, of a share or a probability, of entropy in nats.
Shares of clipped pixels are exactly zero for weeks at some times of day, and a dark cloud makes them a hundredth: only more than a fiftieth is told."""


def image() -> Aspect:
    """The ten image statistics. They belong to the camera and to the pixels that they were measured on, whatever version answered."""
    channel = Channel("image statistics", "image", slice(0, len(NUMERIC)), "largest")
    return Aspect(
        "image", NUMERIC, tuple(_CLIPPED if name.startswith("clipped") else SMALLEST_CHANGE[name] for name in NUMERIC), (channel,)
    )


def answers(labels: Sequence[str], accurate: bool) -> Aspect:
    """A classifier's shares by class, confidence and entropy, then what CBPE and ATC expect; the drop is judged where an accuracy is known."""
    names = (*softmax.names(labels), "expected accuracy", "frames above the ATC level")
    floor = (*(_SHARE for _ in labels), _SHARE, _ENTROPY, _SHARE, _SHARE)
    channels = [Channel("softmax", "softmax", slice(0, len(names) - 2), "largest")]
    if accurate:
        channels.append(Channel("expected accuracy", "performance", slice(len(names) - 2, len(names) - 1), "drop"))
    return Aspect("answers", names, floor, tuple(channels))


def detections() -> Aspect:
    """A detector's expected objects a frame, their mean doubt, and the mean share of the frame that one covers."""
    names = ("objects a frame", "box doubt", "box area")
    return Aspect("answers", names, (0.1, _SHARE, _SHARE / 5), (Channel("detections", "softmax", slice(0, 3), "largest"),))


def embedding(axes: int) -> Aspect:
    """The embedding on the version's axes."""
    names = tuple(f"embedding axis {i + 1}" for i in range(axes))
    return Aspect(
        "embedding",
        names,
        (_AXIS,) * axes,
        (Channel("embedding", "embedding", slice(0, axes), "distance"),),
        slot=_HOURLY,
        bin=4,
        weekends=False,
    )


def kernel(features: int = mmd.FEATURES) -> Aspect:
    """The embedding's Fourier features. Against its own history only: what peers share is taken off on the axes, at a third of the state."""
    names = tuple(f"kernel feature {i + 1}" for i in range(features))
    channel = Channel("embedding kernel", "embedding", slice(0, features), "distance")
    return Aspect("kernel", names, (_SHARE,) * features, (channel,), scopes=("self",), slot=_HOURLY, bin=4, weekends=False)
