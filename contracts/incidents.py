"""An incident as a whole at one moment: what is wrong, since when, with what evidence, and what a person should do. Carried by the incident events."""

from typing import Literal

import msgspec

Cause = Literal[
    "camera_fault",
    "environment_change",
    "population_change",
    "new_class",
    "concept_drift",
    "pipeline_change",
    "quality_decay",
    "job_failed",
]
Severity = Literal["page", "ticket"]
DriftType = Literal["sudden", "gradual", "incremental", "recurring"]
"""Gama et al., A survey on concept drift adaptation, 2014: a step, a growing mixture of old and new, a ramp, and a return to what was seen before."""


class Evidence(msgspec.Struct, frozen=True):
    """One reason of a verdict. `ratio` is the statistic over its own threshold: 1 is the crossing."""

    channel: str
    """The test that speaks, for instance `drift` or `quality`."""
    feature: str
    """What it looked at."""
    camera: str
    """Empty: all cameras together."""
    ratio: float
    value: float
    """Now, in the feature's unit."""
    reference: float
    """In the version's baseline, in the same unit."""
    detail: str = ""


class Estimate(msgspec.Struct, frozen=True):
    """Quality before and now with a 95 % interval. `kind` says whether labels or an estimate without labels speak."""

    metric: str
    """For instance `accuracy`."""
    kind: Literal["labels", "estimate"]
    before: float
    now: float
    low: float
    high: float
    n: int
    """Frames or labels that it rests on."""
    trusted: bool = True
    """False where the method's assumptions do not hold now."""


class Contribution(msgspec.Struct, frozen=True):
    """What a part has of the whole deviation: shares of one kind add up to at most 1."""

    kind: Literal["feature", "class", "camera"]
    name: str
    share: float
    """In [0, 1]."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of an incident at one moment. `since` is when the change began as far as the evidence tells."""

    incident_id: str
    cause: Cause
    severity: Severity
    headline: str
    action: str
    """What a person should do next."""
    site: str
    cameras: tuple[str, ...]
    version: str
    """The champion at that time."""
    since: float
    opened_at: float
    evidence: tuple[Evidence, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    examples: tuple[str, ...] = ()
    """Frame-store paths of frames that show it."""
    reference_examples: tuple[str, ...] = ()
    """Frame-store paths of frames that the same cameras took before it, to be laid beside the examples."""
    drift_type: DriftType | None = None
    """How the change came; None while the evidence does not tell."""
    recurs: str = ""
    """The version that served when this regime was seen before, for `recurring`."""
    contributions: tuple[Contribution, ...] = ()
    """The features, classes and cameras that make most of the deviation, largest share first within each kind."""
    labels_wanted: int = 0
    """Labels of uniformly sampled frames, taken since it began, that would settle whether it does harm; 0 when none are needed."""
    labels_have: int = 0
    """How many of them have come."""
    report: str = ""
    """Path of its page on the monitor's HTTP server, where the data behind it are laid out; "" without one."""
    acknowledged_by: str = ""
    """Who has seen it; "" nobody yet."""
