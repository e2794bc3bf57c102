"""How much a candidate may lose, and what a set that is too small to tell answers: two policies, their error rates side by side in docs/gates.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from retrain.request import GatePolicy


@dataclass(frozen=True, slots=True)
class Policy:
    """What the gates allow. Losses are shares of frames: 0.01 is a point of accuracy."""

    name: GatePolicy
    three_valued: bool
    """A set that can tell neither a loss nor its absence answers inconclusive; else the sentence of the gate says what it answers instead."""
    by_recording: bool
    """Frames of one recording count for what they tell together; else every frame for itself."""
    allowed_errors: float
    """On old frames so many standard errors of the difference may be lost where that is more than the margin, and at most `allowed_most`."""
    allowed_most: float
    class_margin: float | None
    """Recall that no class may lose on old frames; None: the slices alone look at classes."""
    flips: float
    """Share of old frames that may turn from right to wrong."""
    slice_drop: float
    """Loss of a slice that is too much, whatever the tests say."""
    slice_alpha: float
    """How often slices of an unchanged model may look lost, all together (Holm)."""
    gate_per_class: bool
    """`min_gate` new frames of each class to judge on; else of all together."""
    stressed: int
    """Sealed frames of each domain, at most, that are judged under every corruption: 7 runs of the graph each, about 0.13 CPU seconds."""


STRICT: Final = Policy(
    name="strict",
    three_valued=True,
    by_recording=True,
    allowed_errors=0.0,
    allowed_most=0.0,
    class_margin=0.02,
    flips=0.02,
    slice_drop=0.10,
    slice_alpha=0.05,
    gate_per_class=True,
    stressed=96,
)
"""Pass means shown, fail means shown: what a set cannot tell is inconclusive, with the number of frames that would."""

SMALL_SETS: Final = Policy(
    name="small_sets",
    three_valued=False,
    by_recording=False,
    allowed_errors=3.0,
    allowed_most=0.10,
    class_margin=None,
    flips=0.08,
    slice_drop=0.15,
    slice_alpha=0.01,
    gate_per_class=False,
    stressed=24,
)
"""For some 200 labels, where 1 point cannot be seen: 160 old frames have a standard error of 2 to 2.4 points. Every gate answers pass or fail, with
allowances at which good candidates pass; what it lets through that is a little worse, the canary and the guards must find."""

POLICIES: Final[Mapping[GatePolicy, Policy]] = {policy.name: policy for policy in (STRICT, SMALL_SETS)}
