"""The routes to what is watched: fleet, incidents, cameras, audit and runbooks. Reads the view, the frame store and the monitor; writes nothing."""

from collections.abc import Mapping
from typing import Final

from contracts.channels import Channels
from contracts.errors import StoreError
from contracts.health import Answer
from monitor.console import audit, cameras, fleet, incident_page, incidents, runbooks
from monitor.console.catalogue import Catalogue
from monitor.console.incident_page import Exhibits
from monitor.console.photographs import Shown, sides
from monitor.console.places import Places
from monitor.console.shell import Frame
from monitor.console.sight import Sight
from monitor.console.view import View

ROOMS: Final = ("", "incidents", "cameras", "audit", "runbooks")


class Lookout:
    """Answers below these rooms; None for what lies nowhere. Any thread may ask."""

    def __init__(self, model: str, view: View, catalogue: Catalogue, places: Places, sight: Sight) -> None:
        self._model, self._view, self._catalogue, self._places, self._sight = model, view, catalogue, places, sight

    def page(self, path: tuple[str, ...], asked: Mapping[str, str], number: int, frame: Frame) -> Answer | None:
        """The page at a path. Raises StoreError."""
        match path:
            case ("",):
                return fleet.shown(frame, self._view, self._sight.overview(), *self._channels())
            case ("incidents",):
                return incidents.listed(frame, self._view, asked.get("state", ""), number)
            case ("incidents", incident_id):
                return self._incident(frame, incident_id)
            case ("cameras",):
                return cameras.listed(frame, self._sight.overview(), asked, number)
            case ("cameras", name):
                return self._camera(frame, name)
            case ("audit",):
                return audit.listed(frame, self._view, asked.get("kind", ""), number)
            case ("runbooks",):
                return runbooks.listed(frame)
            case ("runbooks", name):
                return runbooks.one(frame, name)
        return None

    def _incident(self, frame: Frame, incident_id: str) -> Answer:
        found = self._view.incidents.get(incident_id)
        if found is None:
            return incidents.unknown(frame)
        before_since = sides(self._places, self._model, found.incident)
        exhibits = Exhibits(*before_since, self._sight.shapes(incident_id), frozenset(runbooks.shelf()))
        return incident_page.one(frame, self._view, found, exhibits, self._channels()[0])

    def _camera(self, frame: Frame, name: str) -> Answer:
        detail = self._sight.camera(name)
        if detail is None:
            seen = self._sight.overview()
            return cameras.unknown(frame, name, seen is not None and any(one.camera == name for one in seen.cameras))
        shown = Shown(self._places, self._model, (*detail.newest, *detail.before))
        return cameras.one(frame, self._view, name, detail, (shown.of(detail.newest), shown.of(detail.before)), shown.left_out)

    def _channels(self) -> tuple[Channels | None, str]:
        """Who serves, and why that cannot be seen, "" where it can: these pages are for bad nights."""
        try:
            return self._catalogue.now()[0], ""
        except StoreError as error:
            return None, str(error)
