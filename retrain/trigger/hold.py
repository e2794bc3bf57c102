"""What a waiting job is told: the kind of its reason, for a metric, and the sentence, for a person."""

from typing import Literal, NamedTuple

HoldKind = Literal[
    "no_champion",
    "job_active",
    "rollout_active",
    "recurring",
    "cooldown",
    "budget",
    "camera_fault",
    "cost",
    "data",
    "labels",
]
"""In the order in which they are asked: of several reasons the first is told."""


class Hold(NamedTuple):
    """Why a job waits."""

    kind: HoldKind
    reason: str
