"""A new class from the first incident to its job: an open incident says that something unknown is seen, labels say what it is, and enough of them ask for a
candidate that knows it.

The incidents are remembered with the service's state. Labels are counted anew when one of a listed class came, at most once a minute: of 100,000 since the
incident began that takes half a second.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from contracts.errors import KeepsightError, StoreError, VersionError
from contracts.events import FrameLabelled, IncidentClosed, IncidentOpened, IncidentUpdated
from contracts.predictions import BoxesTruth, ClassTruth, Truth
from contracts.repository import ModelRepository
from retrain.data.recordings import GAP_S, recording_of
from retrain.job import Job
from retrain.labels.book import Labels
from retrain.state.database import Database
from retrain.trigger.new_class import Enough, confirmed
from retrain.trigger.policy import request_key

_FACT: Final = "new_class_incidents"
_MOST: Final = 32
_EVERY_S: Final = 60.0
_ANYWAY_S: Final = 3600.0
"""A job may have become moot meanwhile, or a turn that was undone."""


class Champion(msgspec.Struct, frozen=True):
    """The version that answers, and the classes that it knows."""

    version: str
    labels: tuple[str, ...]


def champion(repository: ModelRepository, model: str) -> Champion | None:
    """Who answers now; None before the first version. Raises StoreError when the repository does not answer."""
    try:
        version = repository.channels(model).champion
        return Champion(version, repository.manifest(model, version).labels)
    except VersionError:
        return None
    except KeepsightError as error:
        raise StoreError(f"the champion cannot be read: {error}") from error


class Sighting(msgspec.Struct, frozen=True):
    """An open incident of a new class, as far as it matters here."""

    incident_id: str
    since: float
    cameras: tuple[str, ...]


class NewClasses:
    """`listed` are the classes of the setting, `champion` reads who answers now (None: nobody; raises StoreError)."""

    def __init__(
        self,
        model: str,
        listed: tuple[str, ...],
        enough: Enough,
        database: Database,
        labels: Labels,
        champion: Callable[[], Champion | None],
    ) -> None:
        self._model = model
        self._listed = frozenset(listed)
        self._enough = enough
        self._database = database
        self._labels = labels
        self._champion = champion
        self._due = bool(listed)
        self._counted_at = 0.0

    def incident(self, event: IncidentOpened | IncidentUpdated | IncidentClosed) -> None:
        """An incident as it stands now; it may have become one of a new class, or be one no more."""
        one, before = event.incident, self._sightings()
        kept = [sighting for sighting in before if sighting.incident_id != one.incident_id]
        if one.cause == "new_class" and not isinstance(event, IncidentClosed):
            kept.append(Sighting(one.incident_id, one.since, one.cameras))
        if kept != before:
            self._due = bool(self._listed)
            self._database.remember(_FACT, msgspec.json.encode(kept[-_MOST:]).decode() if kept else None)

    def label(self, event: FrameLabelled) -> None:
        """A label came."""
        self._due = self._due or not self._listed.isdisjoint(_classes(event.truth))

    def wanted(self, now: float) -> Job | None:
        """The job that the labels of an open incident ask for now, without an id; None while they ask for none. Raises StoreError."""
        since_s = abs(now - self._counted_at)
        if not self._listed or since_s < _EVERY_S or not (self._due or since_s >= _ANYWAY_S):
            return None
        sightings, champion = self._sightings(), self._champion()
        self._due, self._counted_at = False, now
        unknown = self._listed - set(champion.labels) if champion else frozenset[str]()
        if not sightings or not unknown or champion is None:
            return None
        first = min(sightings, key=lambda one: (one.since, one.incident_id))
        found = confirmed(
            (
                (name, recording_of(frame.site, frame.camera, frame.captured_at, GAP_S))
                for frame in self._labels.usable((), first.since)
                for name in sorted(_classes(frame.truth) & unknown)
            ),
            self._enough,
        )
        if not found:
            return None
        said = ", ".join(f"{name} ({count} labels)" for name, count in found.items())
        return Job(
            job_id="",
            request_key=request_key(self._model, champion.version, "new_class", first.incident_id),
            trigger="new_class",
            version=champion.version,
            reason=f"labels confirm what incident {first.incident_id} saw: {said}",
            since=first.since,
            created_at=now,
            cameras=first.cameras,
            incident_id=first.incident_id,
            cause="new_class",
            new_classes=tuple(found),
        )

    def _sightings(self) -> list[Sighting]:
        kept = self._database.fact(_FACT)
        return msgspec.json.decode(kept, type=list[Sighting]) if kept else []


def _classes(truth: Truth) -> set[str]:
    """The classes that a truth names."""
    if isinstance(truth, ClassTruth):
        return {truth.label}
    return {box.label for box in truth.boxes} if isinstance(truth, BoxesTruth) else set()
