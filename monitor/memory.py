"""Everything the monitor remembers of one model, in memory, with what changed since it was last saved. `store.py` saves and loads it."""

from typing import Final

import msgspec

from monitor.camera import Camera
from monitor.incidents.cases import Case
from monitor.items.watch import Watch
from monitor.quality.labels import LabelChannel

ACTIVE_S: Final = 600.0
"""A camera that sent nothing for this long is no peer and holds no incident open."""
VERSIONS_KEPT: Final = 2
"""Watches kept for a camera: its version and the one before, whose last frames may trail a swap."""


class Rollout(msgspec.Struct):
    """Who serves, and how far event time has come."""

    champion: str = ""
    champion_since: float = 0.0
    watermark: float = 0.0
    """The newest frame's time: what silence is measured against."""
    resumed_at: float = 0.0
    """When frames came again after all cameras had been silent: serving was away, not the cameras."""
    checked_at: float = 0.0
    counts: dict[str, int] = {}
    """Events taken, by type and fate."""


KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "camera": Camera,
    "watch": Watch,
    "labels": LabelChannel,
    "case": Case,
    "rollout": Rollout,
}
"""What is saved, one row each."""


class Memory:
    """All state of the verdicts. Whoever changes a part marks it."""

    def __init__(self) -> None:
        self.cameras: dict[str, Camera] = {}
        self.watches: dict[tuple[str, str], Watch] = {}
        self.labels: dict[str, LabelChannel] = {}
        self.cases: dict[str, Case] = {}
        self.rollout = Rollout()
        self.dirty: dict[tuple[str, str], None] = {}
        """What changed since it was saved, in that order: what is loaded again stands in the order in which it was met."""
        self._sites: dict[str, dict[str, None]] = {}

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
        """A camera's watch under a version; the oldest but VERSIONS_KEPT are dropped."""
        key = (camera.name, version)
        self.dirty[("watch", f"{camera.name}\x1f{version}")] = None
        watch = self.watches.get(key)
        if watch is None:
            watch = self.watches[key] = Watch(camera.name, version)
            for old in [other for other in self.watches if other[0] == camera.name][:-VERSIONS_KEPT]:
                del self.watches[old]
                self.dirty[("watch", "\x1f".join(old))] = None
        return watch

    def active(self, site: str, at: float) -> list[Camera]:
        """The site's cameras that sent lately, audit cameras left out."""
        names = self._sites.get(site, {})
        return [camera for name in names if not (camera := self.cameras[name]).audit and at - camera.last_at <= ACTIVE_S]

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
        if kind == "rollout":
            return self.rollout
        parts: dict[str, dict[str, msgspec.Struct]] = {"camera": self.cameras, "labels": self.labels, "case": self.cases}  # type: ignore[dict-item]  # read only
        return parts[kind].get(key)

    def restore(self, part: msgspec.Struct) -> None:
        """Put a loaded part where it belongs."""
        match part:
            case Camera():
                self.cameras[part.name] = part
                self._sites.setdefault(part.site, {})[part.name] = None
            case Watch():
                self.watches[(part.camera, part.version)] = part
            case LabelChannel():
                self.labels[part.version] = part
            case Case():
                self.cases[part.incident.incident_id] = part
            case Rollout():
                self.rollout = part
