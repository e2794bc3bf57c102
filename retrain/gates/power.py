"""How often the gates refuse a good candidate and let a bad one pass: the gates themselves, asked about candidates that are drawn with a known loss."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from contracts.events import GateResult
from retrain.gates.corruptions import CORRUPTIONS
from retrain.gates.evidence import Judged
from retrain.gates.facets import LIGHTS
from retrain.gates.flips import flips
from retrain.gates.forgetting import forgetting
from retrain.gates.gain import gain
from retrain.gates.overall import overall
from retrain.gates.policy import Policy
from retrain.gates.slices import slices
from retrain.gates.stress import stress
from retrain.gates.verdict import Verdict, decide

LABELS: Final = ("usual", "rare")
GATES: Final = ("gain", "overall", "forgetting", "negative flips", "slices", "stress")
"""Those that judge by right and wrong. The others look at the graph, at counts, at confidences or at time."""

LOST, KEPT, GAINED = 0, 2, 3
"""Right before, always, afterwards only."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Sealed frames of one domain: the champion's `accuracy`, and the least share of frames on which only one of the two models is right."""

    frames: int
    accuracy: float
    changed: float


@dataclass(frozen=True, slots=True)
class World:
    """What candidates are drawn in. Recordings hold `recording` frames; `correlation` is that of the normal variable behind the frames of one."""

    old: Domain
    new: Domain
    stressed: Domain
    """`frames` counts images; each stands under every corruption, and its variants resemble each other by `alike`."""
    recording: int
    correlation: float
    alike: float = 0.6
    rare: float = 0.3
    """Share of the second class."""
    cameras: int = 3


@dataclass(frozen=True, slots=True)
class Effect:
    """What a candidate does to accuracy, in shares of frames: on the new domain, and on old frames (stressed ones with them)."""

    new: float
    old: float


def verdicts(world: World, effect: Effect, policy: Policy, draws: int, seed: int) -> dict[str, Counter[Verdict]]:
    """How often each gate said what of `draws` candidates, and under "all" what they say together."""
    return tally(GATES, (judged_by(policy, *candidate) for candidate in candidates(world, effect, draws, seed)))


def tally(gates: Sequence[str], candidates: Iterable[Sequence[GateResult]]) -> dict[str, Counter[Verdict]]:
    """How often each of `gates` said what, and under "all" what those of one candidate say together."""
    counts: dict[str, Counter[Verdict]] = {gate: Counter() for gate in ("all", *gates)}
    for results in candidates:
        for result in results:
            counts[result.gate][result.verdict] += 1
        counts["all"][decide(result.verdict for result in results)] += 1
    return counts


def judged_by(policy: Policy, new: Judged, old: Judged, stressed: Judged) -> tuple[GateResult, ...]:
    """The results of GATES, in that order. `stressed` are images under each of CORRUPTIONS in turn."""
    return (
        gain(new, policy, 0),
        overall(new, old, policy),
        forgetting(old, LABELS, policy),
        flips(old, policy),
        slices(new, old, LABELS, policy),
        stress(stressed, tuple(CORRUPTIONS) * (len(stressed) // len(CORRUPTIONS)), policy),
    )


def candidates(world: World, effect: Effect, draws: int, seed: int) -> Iterator[tuple[Judged, Judged, Judged]]:
    """`draws` times the new, old and stressed frames of another candidate."""
    random = np.random.default_rng(seed)
    stressed = Domain(world.stressed.frames * len(CORRUPTIONS), world.stressed.accuracy, world.stressed.changed)
    for _ in range(draws):
        yield (
            drawn(world.new, effect.new, world.recording, world.correlation, world, random),
            drawn(world.old, effect.old, world.recording, world.correlation, world, random),
            drawn(stressed, effect.old, len(CORRUPTIONS), world.alike, world, random),
        )


def drawn(domain: Domain, effect: float, recording: int, correlation: float, world: World, random: np.random.Generator) -> Judged:
    """Frames on which the candidate is more often right than the champion by `effect`, in expectation. Raises ValueError as `outcomes`."""
    member = np.arange(domain.frames) // recording
    cell = outcomes(domain, effect, member, correlation, random)
    truth = (random.random(domain.frames) < world.rare).astype(np.int64)
    champion_right, candidate_right = np.isin(cell, (LOST, KEPT)), np.isin(cell, (KEPT, GAINED))
    return Judged(
        truth,
        _says(truth, champion_right),
        _says(truth, candidate_right),
        tuple(f"camera {i % world.cameras}" for i in member.tolist()),
        tuple(f"r{i}" for i in member.tolist()),
        tuple(LIGHTS[i // world.cameras % len(LIGHTS)] for i in member.tolist()),
    )


def outcomes(
    domain: Domain, effect: float, member: NDArray[np.int64], correlation: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """LOST, both wrong, KEPT or GAINED for each of N things to be right about (frames, or their objects), whose recording `member` [N] numbers from 0.

    A normal variable for each, correlated within recordings, is cut into these four, in this order: recordings lean to loss or to gain, which is what makes
    their frames worth less. Raises ValueError where accuracy and effect leave no room.
    """
    changed = max(domain.changed, abs(effect))
    lost, gained = (changed - effect) / 2.0, (changed + effect) / 2.0
    cuts = np.array([lost, lost + 1.0 - domain.accuracy - gained, 1.0 - gained])
    if not lost <= domain.accuracy <= 1.0 - gained:
        raise ValueError(
            f"a champion of accuracy {domain.accuracy} cannot change by {effect:+} with {changed:.0%} of frames changed"
        )
    common = random.normal(size=int(member.max(initial=0)) + 1)[member]
    own = random.normal(size=len(member))
    hidden = math.sqrt(correlation) * common + math.sqrt(1.0 - correlation) * own
    return np.asarray(np.searchsorted(cuts, ndtr(hidden)), dtype=np.int64)


def _says(truth: NDArray[np.int64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Probabilities [N, 2] that name the true class where `right`."""
    said = np.where(right, truth, 1 - truth)
    return np.stack([1.0 - said, said], axis=1)
