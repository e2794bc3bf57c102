"""One camera as people look at it: its channels, how far it lay from its reference over time, its faults and its newest stored frames. Read from memory."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from monitor.camera import Camera
from monitor.incidents.history import Course
from monitor.memory import Memory
from monitor.overview import CameraView, camera_view
from monitor.policy import Policy
from monitor.quality.view import plain
from monitor.standard import Standard
from monitor.video.hours import UNIT

ITEMS: Final = "standard deviations of single frames, by block"
VIDEO: Final = "usual spreads of a minute, by hour"


class ChannelView(msgspec.Struct, frozen=True):
    """A channel at the newest block: its score over its limit, the blocks in a row at or above it, and since when (Unix seconds; 0: not)."""

    name: str
    family: str
    ratio: float
    run: int = 0
    since: float = 0.0


class CameraDetail(msgspec.Struct, frozen=True):
    """A camera at one moment. `course` is (Unix seconds, distance from the reference in `unit`), oldest first; `faults` from and until."""

    view: CameraView
    stream: str
    picture: tuple[int, int, str]
    channels: tuple[ChannelView, ...] = ()
    course: tuple[tuple[float, float], ...] = ()
    unit: str = ITEMS
    fault: str = ""
    fault_since: float = 0.0
    faults: tuple[tuple[float, float], ...] = ()
    labels: int = 0
    realised: Mapping[str, Any] = {}
    newest: tuple[str, ...] = ()
    """Paths in the frame store of the newest sampled frames."""
    before: tuple[str, ...] = ()
    """The same of when it was last quiet, where it no longer is."""


def camera_detail(name: str, policy: Policy, memory: Memory, standards: Callable[[str], Standard]) -> CameraDetail | None:
    """Look at a camera; None when the memory knows none of that name."""
    camera = memory.cameras.get(name)
    if camera is None:
        return None
    view = camera_view(camera, policy, memory, standards)
    common: dict[str, Any] = {
        "view": view, "stream": camera.stream, "picture": camera.picture, "fault": camera.fault, "fault_since": camera.fault_since,
        "faults": tuple(camera.past_faults), **_labels(camera, memory, standards),
    }  # fmt: skip
    return _video(camera, memory, common) if camera.stream == "video" else _items(camera, memory, standards, common)


def _items(camera: Camera, memory: Memory, standards: Callable[[str], Standard], common: dict[str, Any]) -> CameraDetail:
    watch = memory.watches.get((camera.name, camera.version))
    reference = standards(camera.version).reference if camera.version else None
    if watch is None or reference is None:
        return CameraDetail(**common)
    channels = tuple(
        ChannelView(channel.name, channel.family, round(ratio, 3), run, since if ratio >= 1 else 0.0)
        for channel, ratio, run, since in zip(reference.channels, watch.ratios, watch.runs, watch.since, strict=False)
    )
    before = tuple(watch.usual) if watch.above else ()
    return CameraDetail(
        **common, channels=_worst_first(channels), course=_points(watch.history.course(), 1.0), newest=tuple(watch.examples), before=before
    )  # fmt: skip


def _video(camera: Camera, memory: Memory, common: dict[str, Any]) -> CameraDetail:
    scene = memory.scenes.get(camera.name)
    if scene is None:
        return CameraDetail(**common, unit=VIDEO)
    channels = tuple(ChannelView(name, name.partition(" ")[0], round(ratio, 3)) for name, ratio in scene.ratios.items())
    hours = scene.hours.get("self")
    course = _points(hours.course(), UNIT) if hours is not None else ()
    before = tuple(scene.usual) if scene.alarms else ()
    return CameraDetail(
        **common, unit=VIDEO, channels=_worst_first(channels), course=course, newest=tuple(scene.examples), before=before
    )


def _worst_first(channels: tuple[ChannelView, ...]) -> tuple[ChannelView, ...]:
    return tuple(sorted(channels, key=lambda one: (-one.ratio, one.name)))


def _points(course: Course, unit: float) -> tuple[tuple[float, float], ...]:
    """The root mean square of each point's deviations."""
    if not course.deviation.size:
        return ()
    distance = unit * np.sqrt(np.square(course.deviation).mean(axis=1))
    return tuple((float(at), round(float(far), 4)) for at, far in zip(course.at, distance, strict=True))


def _labels(camera: Camera, memory: Memory, standards: Callable[[str], Standard]) -> dict[str, Any]:
    own = memory.labelled.get(camera.version, {}).get(camera.name)
    if own is None or not own.tally.n:
        return {}
    manifest = standards(camera.version).manifest
    return {"labels": own.tally.n, "realised": plain(own.tally.metrics(manifest.positive if manifest else None))}
