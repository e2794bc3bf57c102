"""One story of injected.py: a site of three cameras, quiet, then drift, as events through the real judge; what it said is the outcome."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np

from benchmarks.monitor.injected_world import LEVELS, Look, World, world
from contracts.events import FrameLabelled, FrameScored, IncidentClosed, IncidentOpened, IncidentUpdated
from contracts.incidents import Incident
from contracts.predictions import ClassTruth, Scored
from contracts.repository import ModelRepository
from contracts.statistics import ImageStatistics
from monitor.identity import derived_id
from monitor.incidents import triage
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standards

CAMERAS: Final = ("cam-1", "cam-2", "cam-3")
POLICY: Final = Policy(block_frames=32, reports=False)
STEP_S: Final = 0.25
START: Final = 1_750_000_000.0
QUIET: Final = 24
"""Blocks before the drift."""
LENGTH: Final = 50
"""Blocks that a gradual or incremental drift takes."""
DRIFT: Final = 72
AWAY: Final = (20, 65)
"""A recurring drift is there for so many blocks, and again from the second on: in between it is quiet for longer than a case stays open."""
SHARE: Final = 0.4
"""Of frames that show a new class."""
LABEL_EVERY: Final = 4

Course = Literal["sudden", "gradual", "incremental", "recurring"]


class Story(NamedTuple):
    """What is injected: `kind` names it, `cause` is what it truly is, "" for nothing; `alone`: on one camera only."""

    world: str
    kind: str
    cause: str
    course: Course
    alone: bool
    seed: int


class Estimated(NamedTuple):
    """Accuracy by CBPE and ATC, whether they were marked as to be trusted, and the truth."""

    cbpe: float
    atc: float
    trusted: bool
    truth: float


class Outcome(NamedTuple):
    """What was told: the incident as it was told last (None without one), how many incidents in all, and the estimate at the end."""

    story: Story
    incident: Incident | None
    opened: Incident | None
    incidents: int
    estimated: Estimated | None


@cache
def standards(name: str) -> Standards:
    """What a world's version is judged by."""
    return Standards(ModelRepository(world(name).url), "model", POLICY)


def tell(story: Story) -> Outcome:
    """Play a story."""
    memory = Memory()
    judge = Judge("model", POLICY, memory, standards(story.world))
    told: dict[str, list[Incident]] = defaultdict(list)
    hits: list[float] = []
    for event, look in _events(story):
        at = event.received_at if isinstance(event, FrameScored) else event.occurred_at
        for word in judge.apply(event, at):
            if isinstance(word, IncidentOpened | IncidentUpdated | IncidentClosed):
                told[word.incident.incident_id].append(word.incident)
        if isinstance(event, FrameScored) and (not story.alone or event.camera == CAMERAS[0]):
            hits.append(float(look.truth == look.prediction.label))
    began = START + QUIET * POLICY.block_frames * len(CAMERAS) * STEP_S
    drifted = [said for said in told.values() if said[0].opened_at > began]
    said = (drifted[-1] if story.course == "recurring" else drifted[0]) if drifted else None
    newest = hits[-10 * POLICY.block_frames * (1 if story.alone else len(CAMERAS)) :]
    return Outcome(
        story, said[-1] if said else None, said[0] if said else None, len(told), _estimated(story, memory, float(np.mean(newest)))
    )


def _estimated(story: Story, memory: Memory, truth: float) -> Estimated | None:
    reference = standards(story.world)("1").reference
    watches = [memory.watches.get((camera, "1")) for camera in CAMERAS[: 1 if story.alone else None]]
    findings = [watch.finding(reference) for watch in watches if watch is not None and watch.blocks and reference is not None]
    told = triage.estimates_of(findings)
    return Estimated(told[0].now, told[1].now, told[0].trusted, truth) if told else None


def _events(story: Story) -> Iterator[tuple[FrameScored | FrameLabelled, Look]]:
    place = world(story.world)
    rng = np.random.default_rng([story.seed, *f"{story.world}{story.kind}{story.course}".encode()])
    walks: dict[tuple[str, str], list[int]] = {}
    number = 0
    for block in range(QUIET + DRIFT + (AWAY[1] - AWAY[0] if story.course == "recurring" else 0)):
        for frame in range(POLICY.block_frames):
            for camera in CAMERAS:
                hit = block >= QUIET and (not story.alone or camera == CAMERAS[0])
                name = _pool(story, block - QUIET + frame / POLICY.block_frames, rng) if hit else "usual"
                look = _next(place, name, walks.setdefault((camera, name), []), rng)
                number += 1
                event = _frame(look, camera, number, story, name)
                yield event, look
                if number % LABEL_EVERY == 0 and story.kind == "relabelled":
                    yield _label(event, look, place, swapped=hit), look


def _pool(story: Story, t: float, rng: np.random.Generator) -> str:
    """Which pool the next frame comes from, `t` blocks into the drift."""
    whole = LEVELS if story.seed % 2 == 0 or story.kind not in ("dark", "haze", "noise") else LEVELS - 2
    if story.kind == "relabelled":
        return "usual"
    if story.course == "recurring" and AWAY[0] <= t < AWAY[1]:
        return "usual"
    done = min(1.0, t / LENGTH)
    if story.course == "gradual" and rng.random() >= done:
        return "usual"
    level = whole
    if story.course == "incremental":
        exact = whole * done
        level = int(exact) + int(rng.random() < exact - int(exact))
    if story.kind == "foreign":
        return "foreign" if rng.random() < SHARE else "usual"
    if story.kind in ("poly", "mix-a", "mix-b", "black", "frozen", "usual"):
        return story.kind
    if story.kind == "coarse":
        return "coarse-1"
    return f"{story.kind}-{min(level, LEVELS)}" if level else "usual"


def _next(place: World, name: str, walk: list[int], rng: np.random.Generator) -> Look:
    """The next frame of a pool: each once, in an order of the camera's own, before any comes again; in a changed mix, classes at random."""
    looks = place.pool("usual" if name in ("mix-a", "mix-b", "frozen") else name)
    if name == "frozen":
        return looks[0]
    if not walk:
        walk.extend(_mixed(place, looks, name, rng) if name.startswith("mix") else rng.permutation(len(looks)).tolist())
    return looks[walk.pop()]


def _mixed(place: World, looks: Sequence[Look], name: str, rng: np.random.Generator) -> list[int]:
    """Rows of a pool with another mix of classes: `mix-a` many of the last half of the classes, `mix-b` many of the first."""
    last = [look.truth in place.labels[len(place.labels) // 2 :] for look in looks]
    many, few = (12.0, 1.0) if name == "mix-a" else (1.0, 12.0)
    weight = np.where(last, many, few)
    return [int(i) for i in rng.choice(len(looks), len(looks), p=weight / weight.sum())]


def _frame(look: Look, camera: str, number: int, story: Story, name: str) -> FrameScored:
    at = START + number * STEP_S
    side, codec = (100, "webp") if name == "coarse-1" else (300, "jpeg")
    frame_id = derived_id(at, story, number)
    return FrameScored(
        event_id=frame_id, occurred_at=at, model="model", frame_id=frame_id, camera=camera, site="hall",
        stream="items", version="1", variant="champion", captured_at=at, received_at=at, width=side, height=side, bytes=look.bytes,
        codec=codec, statistics=_still(look.statistics) if name == "frozen" else look.statistics, prediction=look.prediction,
        confidence=look.prediction.confidence, entropy=look.prediction.entropy, embedding=look.embedding,
        stored=f"frames/{frame_id}.jpeg" if number % LABEL_EVERY == 0 else None, sample="uniform" if number % LABEL_EVERY == 0 else None,
    )  # fmt: skip


def _still(statistics: ImageStatistics) -> ImageStatistics:
    return ImageStatistics(**{**{f: getattr(statistics, f) for f in statistics.__struct_fields__}, "frame_difference": 0.0})


def _label(frame: FrameScored, look: Look, place: World, swapped: bool) -> FrameLabelled:
    """The truth, or, once the criterion has changed, each class's neighbour for it (a with b, c with d)."""
    k = place.labels.index(look.truth)
    truth = place.labels[k ^ 1] if swapped else look.truth
    return FrameLabelled(
        event_id=derived_id(frame.received_at, "label", frame.event_id), occurred_at=frame.received_at, model="model",
        frame_id=frame.frame_id, camera=frame.camera, site=frame.site, captured_at=frame.captured_at, truth=ClassTruth(truth),
        predictions=(Scored("1", "champion", frame.prediction),), sample="uniform",
    )  # fmt: skip
