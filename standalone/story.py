"""The demo: the whole loop on this machine, on real photographs. This is its story; what is decided in it, the services decide.

Three things are done to the line, the rest is awaited: the product changes, a lens is smeared and later wiped, and an inspector labels what was drawn
for labelling. What does not come in time ends the story, and the report says which promise was not kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from contracts.errors import KeepsightError
from contracts.events import (
    AnyEvent,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    ModelPublished,
    RetrainRequested,
    RolloutAdvanced,
)
from standalone.camera import Answer, Camera
from standalone.facts import Entry, Moment, Moments
from standalone.labeller import Labeller
from standalone.line import Line
from standalone.scenario import AUDIT_CAMERA, CAMERAS, SMEARED_CAMERA
from standalone.supervisor import Supervisor
from standalone.timeline import told
from standalone.view import CameraState, View
from standalone.witness import Witness

RATE_HZ: Final = 6.0
"""Frames a second and camera. Three cameras with a shadow take about one core of two."""
AUDIT_HZ: Final = 20.0
"""Sealed cells a second: 840 take 42 s."""
QUIET_S: Final = 35.0
"""Mono cells before the switch, at least."""
FOUND_S: Final = 90.0
"""How long the monitor may take to find what happened to the line."""
LABELS_S: Final = 150.0
"""From the switch until labels prove the harm: their delay, and a few hundred of them."""
TRAINED_S: Final = 150.0
"""From the request to a published version, its labels included."""
ROLLED_OUT_S: Final = 90.0
CLOSED_S: Final = 60.0
LENS_S: Final = 3.0
"""From the report of the faulty camera until somebody stands there with a cloth."""
E = TypeVar("E", bound=AnyEvent)


class StoryEndedError(KeepsightError):
    """Something did not happen in time."""


@dataclass(slots=True)
class Stage:
    """Everything that runs while the story is told."""

    supervisor: Supervisor
    witness: Witness
    line: Line
    labeller: Labeller
    view: View
    started: float
    """Unix seconds at which the demo began."""


class Story:
    """Tells the story once. `moments`, `entries` and `version` (the new champion's) are what stays of it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.entries: list[Entry] = []
        self.live_s = self._now()
        self.switched_s: float | None = None
        self.smeared_s: float | None = None
        self.cleaned_s: float | None = None
        self.swapped_s: float | None = None
        self.version = ""
        self._told = 0
        self._job = ""
        """How far training is, the last that was heard."""

    def tell(self) -> None:
        """From the first frame to the last. Raises StoryEndedError, or ServiceError when a service dies."""
        self._mono()
        self._switch()
        self._smear()
        self._mend()
        self._swap()
        self._prove()

    def moments(self) -> Moments:
        """When the world changed, for the account."""
        return Moments(
            live_s=self.live_s,
            switched_s=self.switched_s,
            smeared_s=self.smeared_s,
            cleaned_s=self.cleaned_s,
            swapped_s=self.swapped_s,
            ended_s=self._now(),
        )

    def catch_up(self) -> None:
        """Tell what the log has brought since the last look."""
        events = self._stage.witness.events
        while self._told < len(events):
            entry = told(events[self._told], self._stage.started)
            self._told += 1
            if entry and not self._goes_on(entry):
                self._say(entry)

    def _goes_on(self, entry: Entry) -> bool:
        """Whether the line only says that training's last step is further: shown while it lasts, no line of its own."""
        if not entry.event.startswith("training "):
            return False
        before, self._job = self._job, f"{entry.event}: {entry.detail}"
        return _step(before) == _step(self._job)

    def _mono(self) -> None:
        self._stage.view.phase("1 · all is well", "mono-crystalline cells, the kind that the model was trained on")
        self._world("cameras on", f"{len(CAMERAS)} cameras send mono-crystalline cells, {RATE_HZ:g} frames a second each")
        self.live_s = self._now()
        self._stage.line.start()
        self._stage.labeller.start()
        begun = time.monotonic()
        audit = self._audit("before")
        self._until(lambda: not audit.is_alive() and time.monotonic() - begun >= QUIET_S, "the first audit", 180.0)

    def _switch(self) -> None:
        self._stage.view.phase("2 · the product changes", "poly-crystalline cells; nobody tells the model")
        self.switched_s = self._now()
        self._stage.line.switch()
        self._world("product switched", "from now on poly-crystalline cells")
        self._audit("during")
        self._until(lambda: self._incident("camera_fault", False) is not None, "an incident about the new product", FOUND_S)

    def _smear(self) -> None:
        self._stage.view.phase("3 · a lens gets dirty", f"{SMEARED_CAMERA} goes out of focus")
        self.smeared_s = self._now()
        self._stage.line.smear()
        self._world("lens smeared", f"{SMEARED_CAMERA} goes out of focus")
        self._until(lambda: self._incident("camera_fault", True) is not None, f"an incident about {SMEARED_CAMERA}'s lens", FOUND_S)
        clean_at = time.monotonic() + LENS_S
        self._until(lambda: time.monotonic() >= clean_at, "somebody who wipes the lens", LENS_S + 5)
        self.cleaned_s = self._now()
        self._stage.line.clean()
        self._world("lens wiped", f"a person read the report and wiped the lens of {SMEARED_CAMERA}")

    def _mend(self) -> None:
        self._stage.view.phase("4 · labels arrive, late", "an inspector labels frames drawn at random")
        self._until(lambda: bool(self._all(RetrainRequested)), "a request to retrain", LABELS_S)
        self._stage.view.phase("5 · a new version", "trained on the new labels and on cells of the old kind, then gated")
        self._until(lambda: bool(self._all(ModelPublished)), "a version that passed its gates", TRAINED_S)

    def _swap(self) -> None:
        self._stage.view.phase("6 · the new version takes over", "shadow, then a part of the cameras, then all")
        self._until(lambda: self._state_reached("champion"), "the new champion", ROLLED_OUT_S)
        self.version = self._all(RolloutAdvanced)[-1].version
        self._until(self._all_cameras_swapped, "an answer of the new champion on every camera", 30.0)
        self.swapped_s = self._now()
        self._world("swapped", f"version {self.version} answers every camera")

    def _prove(self) -> None:
        self._stage.view.phase("7 · the proof", "sealed cells of both kinds; the old version goes on in the shadow")
        audit = self._audit("after")
        self._until(lambda: not audit.is_alive(), "the last audit", 240.0)
        self._until(self._all_closed, "the closing of the incidents", CLOSED_S)
        self._until(lambda: self._state_reached("stable"), "the end of the watch over the new version", CLOSED_S)

    def _audit(self, moment: Moment) -> Camera:
        return self._stage.line.audit(moment, AUDIT_HZ)

    def _until(self, found: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait, showing what happens meanwhile. Raises StoryEndedError when it does not come."""
        begun = time.monotonic()
        while not self._stage.witness.wait_for(found, 0.2):
            self.catch_up()
            self._stage.supervisor.check()
            waited_s = time.monotonic() - begun
            self._stage.view.progress(waited_s / timeout_s, f"waiting for {what}" + (f"; {self._job}" if self._training() else ""))
            self._stage.view.cameras(self._cameras(), self._labels())
            if waited_s > timeout_s:
                raise StoryEndedError(f"waited {timeout_s:g} s for {what}: it did not come")
        self.catch_up()

    def _training(self) -> bool:
        return bool(self._job) and not self._all(ModelPublished)

    def _all(self, kind: type[E]) -> list[E]:
        return [event for event in self._stage.witness.events if isinstance(event, kind)]

    def _incident(self, cause: str, is_it: bool) -> IncidentOpened | IncidentUpdated | None:
        """The first incident whose cause is, or is not, `cause`."""
        opened = (event for event in self._stage.witness.events if isinstance(event, IncidentOpened | IncidentUpdated))
        return next((event for event in opened if (event.incident.cause == cause) == is_it), None)

    def _state_reached(self, state: str) -> bool:
        found = self._all(RolloutAdvanced)
        if lost := [one for one in found if one.state in ("rolling_back", "rejected")]:
            raise StoryEndedError(f"version {lost[-1].version} was not rolled out: {lost[-1].reason}")
        return any(one.state == state for one in found)

    def _all_cameras_swapped(self) -> bool:
        return all(self._stage.line.recent[name][-1].version == self.version for name in CAMERAS)

    def _all_closed(self) -> bool:
        opened = {event.incident.incident_id for event in self._all(IncidentOpened)}
        return opened <= {event.incident.incident_id for event in self._all(IncidentClosed)}

    def _cameras(self) -> list[CameraState]:
        line = self._stage.line
        states = []
        for name, recent in line.recent.items():
            answers: tuple[Answer, ...] = tuple(recent)
            if not answers:
                continue
            shows = "sealed cells" if name == AUDIT_CAMERA else f"{answers[-1].shot.cell.kind} cells"
            shows += ", out of focus" if answers[-1].shot.smeared else ""
            right = tuple(answer.label == answer.shot.cell.label for answer in answers)
            states.append(CameraState(name, line.sent(name), answers[-1].version, shows, right))
        return states

    def _labels(self) -> str:
        """What the labels that arrived say, as Keepsight sees it."""
        known = self._stage.witness.labelled[-60:]
        verdicts = [
            said.prediction.label == event.truth.label
            for event in known
            for said in event.predictions
            if said.variant != "shadow" and hasattr(said.prediction, "label") and hasattr(event.truth, "label")
        ]
        posted = len(self._stage.labeller.posted)
        return f"{posted} labels" + (
            f", {sum(verdicts) / len(verdicts):.0%} right among the last {len(verdicts)}" if verdicts else ""
        )

    def _world(self, event: str, detail: str) -> None:
        self._say(Entry(round(self._now(), 2), event, detail, "world"))

    def _say(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._stage.view.entry(entry)

    def _now(self) -> float:
        return time.time() - self._stage.started


def _step(line: str) -> str:
    """A line about training without how far it is: `training held: waiting for labels: 34 of 300` goes on with 60 of 300."""
    return ":".join(line.split(":")[:2])
