"""What a run of the demo was: the facts that `report.json` and `report.html` tell, in one struct that can be written down and read again.

Times named `_s` are seconds since the demo began; `None` where something did not happen.
"""

from typing import Literal

import msgspec

from contracts.quality import Quality
from standalone.photographs import Kind

Moment = Literal["before", "during", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "during", "after")


class Entry(msgspec.Struct, frozen=True):
    """A line of the timeline. `tone` chooses its colour: `world` is what happened to the line, the others are what Keepsight made of it."""

    at_s: float
    event: str
    detail: str
    tone: Literal["world", "good", "bad", "neutral"] = "neutral"


class SeenIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident from its opening to its end. `false`: nothing had happened that would explain it."""

    cause: str
    headline: str
    """As it reads now, with all that was learnt since."""
    first_headline: str
    """As it read when the incident opened."""
    action: str
    cameras: tuple[str, ...]
    since_s: float
    opened_at_s: float
    closed_at_s: float | None
    resolution: str
    false: bool
    evidence: tuple[str, ...] = ()
    effect: tuple[str, ...] = ()
    """The estimated effect on the metrics, a sentence each."""


class SeenGate(msgspec.Struct, frozen=True):
    """A gate's verdict on the candidate."""

    gate: str
    verdict: str
    value: float
    limit: float
    detail: str


class SeenVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that answered frames: where it came from, and its quality on its own sealed gate set."""

    version: str
    origin: str
    digest: str
    technique: str
    trained_from: dict[str, int]
    benchmark_accuracy: float | None
    answered: int


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Quality on sealed cells: of the version that answered, by crystal kind and moment, and of the old champion shadowing at the end."""

    answering: dict[Kind, dict[Moment, Quality]]
    shadowing: dict[Kind, Quality]


class Dot(msgspec.Struct, frozen=True, array_like=True):
    """One answered frame of the line, for the accuracy plot."""

    at_s: float
    camera: str
    right: bool
    version: str
    smeared: bool


class Count(msgspec.Struct, frozen=True):
    """What set out, what arrived, what did not."""

    out: int
    arrived: int

    @property
    def lost(self) -> int:
        """What is missing. More arrived than set out is as wrong as less."""
        return abs(self.out - self.arrived)


class Promise(msgspec.Struct, frozen=True):
    """One thing that the demo holds Keepsight to."""

    name: str
    kept: bool
    detail: str


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """When the world changed, and when the new version took over."""

    live_s: float
    switched_s: float | None = None
    smeared_s: float | None = None
    cleaned_s: float | None = None
    swapped_s: float | None = None
    ended_s: float


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the report tells."""

    seed: int
    date: str
    log: str
    moments: Moments
    bootstrap_s: float
    timeline: tuple[Entry, ...]
    incidents: tuple[SeenIncident, ...]
    gates: tuple[SeenGate, ...]
    versions: tuple[SeenVersion, ...]
    proof: Proof
    dots: tuple[Dot, ...]
    frames: Count
    events: Count
    labels_posted: int
    smeared_labelled: int
    """Labelled frames that were taken through the smeared lens."""
    smeared_trained: int
    """How many of them reached a training set."""
    trained_labels: int
    """Labels handed to the training process."""
    troubles: tuple[str, ...] = ()
    """What went wrong beside the promises: a step that did not come, a service that died, a frame that was refused."""
    promises: tuple[Promise, ...] = ()

    @property
    def failed(self) -> tuple[str, ...]:
        """The promises that were not kept."""
        return tuple(f"{promise.name}: {promise.detail}" for promise in self.promises if not promise.kept)

    @property
    def ok(self) -> bool:
        """Whether the loop closed."""
        return bool(self.promises) and not self.failed
