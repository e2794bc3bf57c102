"""What the service does about labels in a turn: takes frames that could be labelled, labels and reviews, and says which frames are wanted next.

Called inside the service's transaction, but for `copy`.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from contracts.events import FRAMES, FrameLabelled, FrameScored, ReviewLabel
from contracts.ids import new_id
from contracts.incidents import Incident
from contracts.ports import Record
from retrain.job import Job
from retrain.labels.book import Labels
from retrain.labels.keeping import Keeping
from retrain.labels.pool import Pool
from retrain.labels.queue import EVERY_S, gist, wanted
from retrain.labels.selection import select
from retrain.state.database import Database
from retrain.state.journal import Journal

LISTED: Final = 200
"""Frames of a list: what an event holds."""
MOST_DOUBTED: Final = 100
"""Of them labels to be looked at again, at most: the other half are frames without a label."""
PER_CAMERA_DAY: Final = 50
SOON_S: Final = 5.0
"""Between two looks while there is nothing to be asked for: nobody waits a minute for the first frame."""
PRUNE_EVERY: Final = 2000
"""Frames and labels taken between two looks at the pool's bounds."""
_STORED: Final = b'"stored":"'
"""In a FrameScored's JSON: without it the frame was not stored, and nobody can label it."""
_KEEPS: Final = "labels_keep"
_LIST: Final = "labels_wanted"
_CHANGES: Final = "open_changes"
_MOST_CHANGES: Final = 200


class Change(NamedTuple):
    """An open incident that tells of a change: when it began (Unix seconds), on which cameras."""

    since: float
    cameras: tuple[str, ...]


class LabelDesk:
    """`jobs` gives the jobs that wait, oldest first."""

    def __init__(self, model: str, labels: Labels, keeping: Keeping, journal: Journal, jobs: Callable[[], Sequence[Job]]) -> None:
        self._model, self._labels, self._keeping, self._journal, self._jobs = model, labels, keeping, journal, jobs
        self._database: Database = journal.database
        self._pool = Pool(self._database.sql)
        self._looked_at = float("-inf")
        self._fresh = PRUNE_EVERY  # nobody knows how many the service before took since
        """Frames and labels taken since the pool was last brought to its bounds."""

    def frame(self, event: FrameScored) -> None:
        """Take a frame that was stored."""
        self._fresh += self._pool.add(event)

    def label(self, event: FrameLabelled) -> str:
        """Take a label. Returns what became of it, as the book says it."""
        self._pool.labelled(event)
        self._fresh += 1
        return self._labels.add(event)

    def review(self, event: ReviewLabel, now: float) -> None:
        """Take a person's verdict on a doubted label, or that he is unsure of a frame that has none."""
        asked_no_more = event.verdict == "unsure" and self._pool.passed(event.frame_id)
        why = "" if asked_no_more else self._labels.doubts.reviewed(event)
        facts = {"frame": event.frame_id, "by": event.by, "verdict": event.verdict, "cause": event.event_id}
        self._journal.note("review_refused" if why else "label_reviewed", now, **facts, **({"why": why} if why else {}))

    def incident(self, incident: Incident, is_open: bool) -> None:
        """An incident opened, went on or closed. Its cameras' frames since it began are drifted ones."""
        changes = self._changes()
        changes.pop(incident.incident_id, None)
        if is_open and incident.cause not in ("camera_fault", "job_failed"):
            changes[incident.incident_id] = Change(incident.since, incident.cameras)
        newest = sorted(changes.items(), key=lambda one: (one[1].since, one[0]))[-_MOST_CHANGES:]
        self._database.remember(_CHANGES, msgspec.json.encode(dict(newest)).decode())

    def copy(self) -> None:
        """Outside of any transaction, before the tick's: copy labelled frames to where retention does not go."""
        self._keeping.copy()

    def advance(self, now: float) -> None:
        """One look, at each tick."""
        if self._database.fact(_KEEPS) is None:
            self._labels.expect_all()
            self._database.remember(_KEEPS, "yes")
        self._keeping.enter()
        if self._fresh >= PRUNE_EVERY:
            self._pool.prune()
            self._fresh = 0
        if not 0 <= now - self._looked_at < EVERY_S:  # a clock that was set back holds no list up
            found = self._say_wanted(now)
            self._looked_at = now if found else now - EVERY_S + SOON_S

    def _say_wanted(self, now: float) -> bool:
        """Returns whether there is anything to be asked for."""
        job = next((job for job in self._jobs() if job.hold in ("labels", "data")), None)
        changes = list(self._changes().values()) + ([Change(job.since, job.cameras)] if job and job.since else [])
        since = min((one.since for one in changes), default=None)
        everywhere = any(not one.cameras for one in changes)
        cameras = frozenset[str]() if everywhere else frozenset(camera for one in changes for camera in one.cameras)
        doubted = self._labels.doubts.listed(MOST_DOUBTED)
        pool = self._pool.candidates(self._labels.faulty() | frozenset(job.excluded if job else ()))
        picks = select(pool, LISTED - len(doubted), since, cameras, PER_CAMERA_DAY, self._model)
        event = wanted(doubted, picks, self._model, job.request_key if job else "", now, new_id(now))
        if (self._database.fact(_LIST) or "") != gist(event):
            self._database.remember(_LIST, gist(event))
            self._journal.say(event)
        return bool(event.frames)

    def _changes(self) -> dict[str, Change]:
        said = self._database.fact(_CHANGES)
        return msgspec.json.decode(said, type=dict[str, Change]) if said else {}


def could_be_labelled(record: Record) -> bool:
    """Whether a record may be a frame that was stored, by a look at its bytes: the others need not be decoded."""
    return record.place.topic == FRAMES and _STORED in record.value
