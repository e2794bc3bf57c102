"""What is found afterwards: the log read from its first record to its last, and what the monitor and retrain have saved in their stores."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import LogAwayError
from contracts.events import (
    DEAD,
    FRAMES,
    INCIDENTS,
    LABELS,
    RETRAIN,
    BadEventError,
    Dead,
    FrameLabelled,
    FrameScored,
    IncidentClosed,
    IncidentOpened,
    JobAdvanced,
    ModelPublished,
    RetrainRequested,
    decode,
)
from contracts.ids import is_id
from contracts.incidents import Incident
from contracts.ports import Bus, Place, Record
from contracts.predictions import Classification
from monitor.camera import Camera, Counts
from monitor.memory import Rollout

TOPICS: Final = (FRAMES, LABELS, DEAD, INCIDENTS, RETRAIN)
_BATCH: Final = 1000


class Logged(msgspec.Struct):
    """The log's records. What is counted `records` counts each as often as it stands there."""

    frames: dict[str, tuple[str, str, str]] = {}
    """By frame id: camera, version and the best class's name."""
    stored: list[str] = []
    """Where in the frame store sampled frames should lie."""
    events: Counter[str] = msgspec.field(default_factory=Counter)
    """Records of frames by event id."""
    records: Counter[str] = msgspec.field(default_factory=Counter)
    """Records of frames by camera."""
    labels: dict[str, str] = {}
    """Frame id by event id."""
    label_records: int = 0
    dead: Counter[tuple[str, str, int, int]] = msgspec.field(default_factory=Counter)
    """Letters by handler and origin (topic, partition, offset)."""
    unreadable: set[tuple[str, int, int]] = set()
    """Records that are no event, by origin."""
    opened: dict[str, Incident] = {}
    closed: dict[str, str] = {}
    """Resolution by incident."""
    retraining: list[str] = []
    """What was asked for or done to the model."""
    _letters: set[str] = set()
    ends: dict[Place, int] = {}
    """The offset after the last record of each place."""

    def take(self, record: Record) -> None:
        """One more record."""
        place = record.place
        self.ends[place] = max(self.ends.get(place, 0), record.offset + 1)
        try:
            event = decode(record)
        except BadEventError:
            self.unreadable.add((*place, record.offset))
            return
        match event:
            case FrameScored() if is_id(event.event_id):
                best = event.prediction.label if isinstance(event.prediction, Classification) else ""
                self.frames[event.frame_id] = (event.camera, event.version, best)
                self.events[event.event_id] += 1
                if event.stored is not None and self.events[event.event_id] == 1:
                    self.stored.append(event.stored)
                self.records[event.camera] += 1
            case FrameLabelled():
                self.labels[event.event_id] = event.frame_id
                self.label_records += 1
            case FrameScored():
                self.unreadable.add((*place, record.offset))
            case Dead() if event.event_id not in self._letters:
                self._letters.add(event.event_id)
                self.dead[(event.handler, event.topic, event.partition, event.offset)] += 1
            case IncidentOpened():
                self.opened[event.incident.incident_id] = event.incident
            case IncidentClosed():
                self.closed[event.incident.incident_id] = event.resolution
            case RetrainRequested() | JobAdvanced() | ModelPublished():
                self.retraining.append(f"{type(event).__name__} at {event.occurred_at:.0f}")


def read_log(bus: Bus, into: Logged, most_empty: int = 20) -> None:
    """Read everything that the log holds."""
    reader = bus.reader(None, TOPICS)
    try:
        empty = 0
        while empty < most_empty:
            try:
                records = reader.poll(0.2, _BATCH)
                left = sum(reader.lag().values()) if not records and reader.places() else 1
            except LogAwayError:
                empty += 1
                continue
            for record in records:
                into.take(record)
            if not left:
                return
            empty = 0 if records else empty + 1
    finally:
        reader.close()


def ends(bus: Bus, topics: Sequence[str]) -> dict[Place, int]:
    """The offset after the last record of each place that has any."""
    found: dict[Place, int] = {}
    reader = bus.reader(None, topics, lambda _: -1)
    try:
        while (records := reader.poll(0.5, _BATCH)) or not reader.places() or sum(reader.lag().values()):
            found |= {record.place: record.offset + 1 for record in records}
    finally:
        reader.close()
    return found


class Watched(msgspec.Struct):
    """What the monitor has saved."""

    offsets: dict[Place, int]
    cameras: dict[str, Counts]
    taken: dict[str, int]
    """Events taken over the life of the state, by type."""


def read_monitor(state: Path, model: str) -> Watched:
    """The monitor's state file, without touching it."""
    with closing(_opened(state / f"monitor-{model}.sqlite")) as file:
        offsets = {
            Place(topic, number): at for topic, number, at in file.execute("SELECT topic, partition, next_offset FROM place")
        }
        rows = list(file.execute("SELECT kind, value FROM part WHERE kind IN ('camera', 'rollout')"))
    cameras = [msgspec.msgpack.decode(value, type=Camera) for kind, value in rows if kind == "camera"]
    rollout = next((msgspec.msgpack.decode(value, type=Rollout) for kind, value in rows if kind == "rollout"), Rollout())
    return Watched(offsets, {camera.name: camera.counts for camera in cameras}, rollout.counts)


class Learned(msgspec.Struct):
    """What retrain has saved."""

    offsets: dict[Place, int]
    labels: set[str]
    """Frame ids."""
    jobs: int


def read_retrain(state: Path) -> Learned:
    """Retrain's state file, without touching it."""
    with closing(_opened(state / "retrain" / "state.sqlite3")) as file:
        offsets = {
            Place(topic, number): at for topic, number, at in file.execute("SELECT topic, partition, next_offset FROM offsets")
        }
        labels = {frame_id for (frame_id,) in file.execute("SELECT frame_id FROM labels")}
        (jobs,) = file.execute("SELECT count(*) FROM jobs").fetchone()
    return Learned(offsets, labels, jobs)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
