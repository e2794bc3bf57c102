"""From bytes to what a version sees: decoded once, fitted to the version's input and measured, and the same for the shadow beside it."""

import threading
import time
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts import frames
from contracts.frames import Header, Pixels
from contracts.manifest import InputSpec
from contracts.predictions import Variant
from contracts.statistics import ImageStatistics
from serving.models.registry import Lineup
from serving.models.served import Served
from serving.queueing.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A frame as one version takes it: `pixels` are uint8 [height, width, 3] of the version's input, `header` is the frame's as sent."""

    served: Served
    header: Header
    pixels: Pixels
    statistics: ImageStatistics


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A decoded frame: the view of the version that answers it (as `variant`), and of the shadow version where another one shadows.

    `decoded_at` is on the performance counter (seconds).
    """

    frame: Frame
    variant: Variant
    view: View
    shadow: View | None
    decoded_at: float


class Eye:
    """Decodes and measures; remembers each video camera's last thumbnail for the frame difference. Safe between threads."""

    def __init__(self) -> None:
        self._thumbnails: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()

    def see(self, frame: Frame, lineup: Lineup) -> Seen:
        """Decode, fit and measure a frame for the versions of a lineup. Raises FrameError."""
        served, variant = frame.pinned or lineup.answering(frame.camera_name)
        spec = served.manifest.input
        image = frames.decode(frame.content, frame.header, frames.reduction(frame.header, spec))
        decoded_at = time.perf_counter()
        pixels = frames.prepare(image, spec)
        view = View(served, frame.header, pixels, self._measure(frame, pixels))
        beside = lineup.shadow
        shadow = _view_beside(view, beside, frame, image) if beside is not None and beside is not served else None
        return Seen(frame, variant, view, shadow, decoded_at)

    def _measure(self, frame: Frame, pixels: Pixels) -> ImageStatistics:
        if frame.camera.stream != "video":
            return frames.measure(pixels)[0]
        with self._lock:
            before = self._thumbnails.get(frame.camera_name)
        statistics, thumbnail = frames.measure(pixels, before)
        with self._lock:
            self._thumbnails[frame.camera_name] = thumbnail
        return statistics


def _view_beside(view: View, served: Served, frame: Frame, image: Pixels) -> View:
    """The same pixels where both versions take the same, otherwise fitted and measured anew, and decoded anew where they ask for another size."""
    spec, others = served.manifest.input, view.served.manifest.input
    if _pixels_of(spec) == _pixels_of(others):
        return View(served, view.header, view.pixels, view.statistics)
    if (reduced_by := frames.reduction(frame.header, spec)) != frames.reduction(frame.header, others):
        image = frames.decode(frame.content, frame.header, reduced_by)
    pixels = frames.prepare(image, spec)
    difference = view.statistics.frame_difference
    return View(served, view.header, pixels, msgspec.structs.replace(frames.measure(pixels)[0], frame_difference=difference))


def _pixels_of(spec: InputSpec) -> tuple[int, int, str, str]:
    return spec.height, spec.width, spec.fit, spec.decode
