"""Everything the monitor remembers of one model, in memory, with what changed since it was last saved. `store.py` saves and loads it."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from monitor.camera import Camera
from monitor.incidents.cases import Case
from monitor.incidents.mark import Mark
from monitor.incidents.regimes import Regimes
from monitor.items.watch import Watch
from monitor.quality.labels import LabelChannel
from monitor.quality.segments import CameraLabels
from monitor.video.scene import Almanac, Scene, Track

ACTIVE_S: Final = 600.0
"""A camera that sent nothing for this long is no peer and holds no incident open."""
LABELLED_VERSIONS_KEPT: Final = 3
"""Of a camera's labels: they come late, and a version may be gone by then."""
CHANNELS_KEPT: Final = 8
"""Versions whose label channels are kept: those with the newest labelled frames, and the champion."""

MARKS_KEPT: Final = 32
"""False alarms of a model, and as many incidents that may be called one afterwards. Some 500 bytes each."""


class Rollout(msgspec.Struct):
    """Who serves, and how far event time has come."""

    champion: str = ""
    champion_since: float = 0.0
    watermark: float = 0.0
    """The newest frame's time: what silence is measured against."""
    resumed_at: float = 0.0
    """When frames came again after all cameras had been silent: serving was away, not the cameras."""
    checked_at: float = 0.0
    minute: int = 0
    """The newest minute of the video cameras that was judged, since 1970."""
    counts: dict[str, int] = {}
    """Events taken, by type and fate."""


KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "camera": Camera,
    "watch": Watch,
    "scene": Scene,
    "track": Track,
    "almanac": Almanac,
    "labels": LabelChannel,
    "labelled": CameraLabels,
    "case": Case,
    "mark": Mark,
    "regimes": Regimes,
    "rollout": Rollout,
}
"""What is saved, one row each."""


class Memory:
    """All state of the verdicts. Whoever changes a part marks it."""

    def __init__(self) -> None:
        self.cameras: dict[str, Camera] = {}
        self.watches: dict[tuple[str, str], Watch] = {}
        self.scenes: dict[str, Scene] = {}
        self.tracks: dict[tuple[str, str, str], Track] = {}
        """By camera, aspect and source, as the almanacs."""
        self.almanacs: dict[tuple[str, str, str], Almanac] = {}
        self.labels: dict[str, LabelChannel] = {}
        self.labelled: dict[str, dict[str, CameraLabels]] = {}
        """By version, then camera."""
        self.cases: dict[str, Case] = {}
        self.marks: dict[str, Mark] = {}
        """False alarms that people marked, by incident, oldest first."""
        self.regimes = Regimes()
        self.rollout = Rollout()
        self.dirty: dict[tuple[str, str], None] = {}
        """What changed since it was saved, in that order: what is loaded again stands in the order in which it was met."""
        self._sites: dict[str, dict[str, None]] = {}
        self._watched: dict[str, list[Watch]] = {}

    def become(self, other: "Memory") -> None:
        """Hold what `other` holds, for all who hold this one; `other` is not used again."""
        self.__dict__.update(other.__dict__)

    def camera(self, name: str, site: str, audit: bool) -> Camera:
        """A camera, made when it is met."""
        camera = self.cameras.get(name)
        if camera is None:
            camera = self.cameras[name] = Camera(name, site, "items", audit=audit)
            self._sites.setdefault(site, {})[name] = None
        elif camera.site != site:
            self._sites[camera.site].pop(name, None)
            self._sites.setdefault(site, {})[name] = None
            camera.site = site
        self.dirty[("camera", name)] = None
        return camera

    def watch(self, camera: Camera, version: str) -> Watch:
        """A camera's watch under a version. Frames of the version before may trail a swap: its watch is kept until the new one has judged a block."""
        self.dirty[("watch", f"{camera.name}\x1f{version}")] = None
        watch = self.watches.get((camera.name, version))
        if watch is None:
            watch = self.watches[(camera.name, version)] = Watch(camera.name, version)
            self._watched.setdefault(camera.name, []).append(watch)
            for other in self.watches_of(camera.name):
                if other is not watch:
                    other.rest()
                    self.mark("watch", f"{other.camera}\x1f{other.version}")
        if len(self._watched[camera.name]) > 1:
            self._settle(watch)
        return watch

    def watches_of(self, camera: str) -> list[Watch]:
        """The watches of a camera: one, or two for the first block after a swap."""
        return self._watched.get(camera, [])

    def _settle(self, watch: Watch) -> None:
        """Drop the camera's other watches when this one has judged a block, and those that have judged none themselves."""
        for other in [w for w in self.watches_of(watch.camera) if w is not watch and (watch.blocks or not w.blocks)]:
            del self.watches[(other.camera, other.version)]
            self.mark("watch", f"{other.camera}\x1f{other.version}")
        self._watched[watch.camera] = [w for w in self.watches_of(watch.camera) if (w.camera, w.version) in self.watches]

    def scene(self, camera: str) -> Scene:
        """What is remembered of a video camera, made when it is met."""
        self.mark("scene", camera)
        return self.scenes.setdefault(camera, Scene(camera))

    def keep(self, record: Track | Almanac) -> None:
        """Keep a record of a camera's aspect."""
        key = (record.camera, record.aspect, record.source)
        if isinstance(record, Track):
            self.tracks[key] = record
            self.mark("track", "\x1f".join(key))
        else:
            self.almanacs[key] = record
            self.mark("almanac", "\x1f".join(key))

    def drop(self, kind: Literal["track", "almanac"], camera: str, aspect: str, source: str) -> None:
        """Forget a record of an aspect."""
        records: dict[tuple[str, str, str], Track] | dict[tuple[str, str, str], Almanac]
        records = self.tracks if kind == "track" else self.almanacs
        if records.pop((camera, aspect, source), None):
            self.mark(kind, "\x1f".join((camera, aspect, source)))

    def channel(self, version: str, fresh: Callable[[], LabelChannel]) -> LabelChannel:
        """The version's label channel, made when it is met; the ones with the oldest labels but CHANNELS_KEPT are dropped."""
        self.mark("labels", version)
        known = self.labels.get(version)
        if known is not None:
            return known
        known = self.labels[version] = fresh()
        while len(self.labels) > CHANNELS_KEPT:
            others = [channel for channel in self.labels.values() if channel.version not in (version, self.rollout.champion)]
            gone = min(others, key=lambda channel: channel.last_at).version
            del self.labels[gone]
            self.mark("labels", gone)
            for camera in self.labelled.pop(gone, {}):
                self.mark("labelled", f"{camera}\x1f{gone}")
        return known

    def camera_labels(self, camera: str, version: str) -> CameraLabels:
        """A camera's labels under a version, made when they are met; those of the oldest frames but LABELLED_VERSIONS_KEPT are dropped."""
        of_version = self.labelled.setdefault(version, {})
        self.mark("labelled", f"{camera}\x1f{version}")
        if camera not in of_version:
            others = [each[camera] for each in self.labelled.values() if camera in each]
            of_version[camera] = CameraLabels(camera, version)
            for old in sorted(others, key=lambda each: -each.last_at)[LABELLED_VERSIONS_KEPT - 1 :]:
                del self.labelled[old.version][camera]
                self.mark("labelled", f"{camera}\x1f{old.version}")
        return of_version[camera]

    def active(self, site: str, at: float) -> list[Camera]:
        """The site's cameras that sent lately, audit cameras left out."""
        names = self._sites.get(site, {})
        return [camera for name in names if not (camera := self.cameras[name]).audit and at - camera.last_at <= ACTIVE_S]

    def keep_mark(self, mark: Mark) -> None:
        """Keep a mark; the oldest but MARKS_KEPT of those with a name, and of those without, are dropped."""
        self.marks[mark.incident_id] = mark
        self.mark("mark", mark.incident_id)
        alike = sorted((each.at, each.incident_id) for each in self.marks.values() if bool(each.by) == bool(mark.by))
        for _, gone in alike[:-MARKS_KEPT]:
            del self.marks[gone]
            self.mark("mark", gone)

    def open_cases(self, kind: str, site: str | None = None) -> list[Case]:
        """Open cases of a kind, of one site or of all, oldest first."""
        return [case for case in self.cases.values() if case.kind == kind and site in (None, case.incident.site)]

    def mark(self, kind: str, key: str) -> None:
        """Remember that a part changed."""
        self.dirty[(kind, key)] = None

    def part(self, kind: str, key: str) -> msgspec.Struct | None:
        """A part by the name it is saved under; None when it is gone."""
        if kind == "watch":
            camera, _, version = key.partition("\x1f")
            return self.watches.get((camera, version))
        if kind == "labelled":
            camera, _, version = key.partition("\x1f")
            return self.labelled.get(version, {}).get(camera)
        if kind in ("track", "almanac"):
            name, aspect, source = key.split("\x1f")
            record = (name, aspect, source)
            return self.tracks.get(record) if kind == "track" else self.almanacs.get(record)
        if kind == "rollout":
            return self.rollout
        if kind == "regimes":
            return self.regimes
        parts: dict[str, Mapping[str, msgspec.Struct]] = {
            "camera": self.cameras,
            "scene": self.scenes,
            "labels": self.labels,
            "case": self.cases,
            "mark": self.marks,
        }
        return parts[kind].get(key)

    def restore(self, part: msgspec.Struct) -> None:
        """Put a loaded part where it belongs."""
        match part:
            case Camera():
                self.cameras[part.name] = part
                self._sites.setdefault(part.site, {})[part.name] = None
            case Regimes():
                self.regimes = part
            case Watch():
                self.watches[(part.camera, part.version)] = part
                self._watched.setdefault(part.camera, []).append(part)
            case Scene():
                self.scenes[part.camera] = part
            case Track():
                self.tracks[part.camera, part.aspect, part.source] = part
            case Almanac():
                self.almanacs[part.camera, part.aspect, part.source] = part
            case LabelChannel():
                self.labels[part.version] = part
            case CameraLabels():
                self.labelled.setdefault(part.version, {})[part.camera] = part
            case Case():
                self.cases[part.incident.incident_id] = part
            case Mark():
                self.marks[part.incident_id] = part
            case Rollout():
                self.rollout = part
