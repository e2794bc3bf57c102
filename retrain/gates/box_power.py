"""How often the gates of a detector refuse a good candidate and let a bad one pass: asked about detectors that are drawn with a known loss (see power.py)."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from contracts.predictions import Box
from retrain.gates import detection
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.box_stress import stress
from retrain.gates.corruptions import CORRUPTIONS
from retrain.gates.facets import LIGHTS
from retrain.gates.policy import Policy
from retrain.gates.power import GAINED, GATES, KEPT, LABELS, LOST, Domain, Effect, World, outcomes, tally
from retrain.gates.verdict import Verdict

MOST_OBJECTS: Final = 4
INVENTED: Final = 0.1
OWN: Final = 0.02
"""Shares of frames in which both detectors see something where nothing is, and one of them alone."""
THRESHOLD: Final = 0.4
_SCORES: Final = (0.3, 1.0)
_INVENTED: Final = (0.05, 0.6)
"""Scores of boxes that are right, and of invented ones: some of these are acted on, and some of those are not."""
_APART: Final = 0.02
_PLACES: Final = 16
Doubles = NDArray[np.float64]


def verdicts(world: World, effect: Effect, policy: Policy, draws: int, seed: int) -> dict[str, Counter[Verdict]]:
    """How often each gate said what of `draws` detectors, and under "all" what they say together. `accuracy` is the share of objects that are found."""
    return tally(GATES, (judged_by(policy, *candidate, seed) for candidate in candidates(world, effect, draws, seed)))


def judged_by(policy: Policy, new: JudgedBoxes, old: JudgedBoxes, stressed: JudgedBoxes, seed: int) -> tuple[GateResult, ...]:
    """The results of GATES, in that order. `stressed` are images under each of CORRUPTIONS in turn."""
    return (
        detection.gain(new, policy, 0, seed),
        detection.overall(new, old, policy, seed),
        detection.forgetting(old, LABELS, policy, seed),
        detection.flips(old, policy),
        detection.slices(new, old, LABELS, policy, seed),
        stress(stressed, tuple(CORRUPTIONS) * (len(stressed) // len(CORRUPTIONS)), policy),
    )


def candidates(world: World, effect: Effect, draws: int, seed: int) -> Iterator[tuple[JudgedBoxes, JudgedBoxes, JudgedBoxes]]:
    """`draws` times the new, old and stressed frames of another candidate."""
    random = np.random.default_rng(seed)
    stressed = Domain(world.stressed.frames * len(CORRUPTIONS), world.stressed.accuracy, world.stressed.changed)
    for _ in range(draws):
        yield (
            drawn(world.new, effect.new, world.recording, world.correlation, world, random),
            drawn(world.old, effect.old, world.recording, world.correlation, world, random),
            drawn(stressed, effect.old, len(CORRUPTIONS), world.alike, world, random),
        )


def drawn(
    domain: Domain, effect: float, recording: int, correlation: float, world: World, random: np.random.Generator
) -> JudgedBoxes:
    """Frames with 0 to MOST_OBJECTS objects of which the candidate finds more than the champion by `effect`, a share of them, in expectation."""
    frames = np.arange(domain.frames)
    member, count = frames // recording, random.integers(0, MOST_OBJECTS + 1, domain.frames)
    cells = outcomes(domain, effect, np.repeat(member, count), correlation, random)
    truth = [tuple(_box(random, int(place), world.rare) for place in random.permutation(_PLACES)[:n]) for n in count]
    each = np.split(cells, np.cumsum(count)[:-1])
    sure = [random.uniform(*_SCORES, n) for n in count]
    invented = np.where(random.random(domain.frames) < INVENTED, random.uniform(*_INVENTED, domain.frames), 0.0)
    champion, candidate = (
        tuple(
            _said(random, *one)
            for one in zip(truth, (np.isin(cell, right) for cell in each), sure, _with_own(random, invented), strict=True)
        )
        for right in ((LOST, KEPT), (KEPT, GAINED))
    )
    return JudgedBoxes(
        tuple(truth),
        champion,
        candidate,
        tuple(f"camera {i % world.cameras}" for i in member.tolist()),
        tuple(f"r{i}" for i in member.tolist()),
        THRESHOLD,
        tuple(LIGHTS[i // world.cameras % len(LIGHTS)] for i in member.tolist()),
    )


def _box(random: np.random.Generator, place: int, rare: float) -> Box:
    x, y, side = place % 4 * 100.0, place // 4 * 100.0, float(random.uniform(12, 80))
    return Box(LABELS[int(random.random() < rare)], x, y, x + side, y + side)


def _with_own(random: np.random.Generator, invented: Doubles) -> list[float]:
    """The score of what a detector invents in each frame, 0 for nothing: what both invent, and now and then something of its own."""
    alone = np.where(random.random(len(invented)) < OWN, random.uniform(*_INVENTED, len(invented)), 0.0)
    scores: list[float] = np.maximum(invented, alone).tolist()
    return scores


def _said(
    random: np.random.Generator, truth: tuple[Box, ...], found: NDArray[np.bool_], sure: Doubles, invented: float
) -> tuple[Box, ...]:
    """The boxes that were found, and one that is invented. Two detectors are nearly as sure of the same objects."""
    scores = np.clip(sure + random.normal(0.0, _APART, len(sure)), 0.0, 1.0).tolist()
    said = [
        Box(box.label, box.x1, box.y1, box.x2, box.y2, score)
        for box, hit, score in zip(truth, found.tolist(), scores, strict=True)
        if hit
    ]
    if invented:
        said.append(Box(LABELS[0], 500, 500, 540, 540, invented))
    return tuple(sorted(said, key=lambda box: -box.score))
