"""A training job as it stands: what was asked, how far it is, and who may run it now."""

from typing import Final, Literal

import msgspec

from contracts.events import JobState
from contracts.incidents import Cause, DriftType

Trigger = Literal["monitor", "operator", "calendar", "new_class"]
WAITING: Final = ("queued", "held")
OVER: Final = ("succeeded", "rejected", "failed")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A training job. Times are Unix seconds; `version` is the champion that the request speaks of ("" asks for whichever serves)."""

    job_id: str
    request_key: str
    trigger: Trigger
    version: str
    reason: str
    since: float
    created_at: float
    by: str = ""
    """Who asked for it, where a person did."""
    cameras: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    incident_id: str = ""
    state: JobState = "queued"
    hold: str = ""
    """What it waits for, from a closed set (see trigger/policy.py)."""
    detail: str = ""
    step: str = ""
    attempt: int = 1
    disruptions: int = 0
    """Processes whose host was taken away; they cost no attempt."""
    round: int = 1
    """Training requests made of it: one more each time the training process held for more labels."""
    labels_seen: int = 0
    """Labels that its last word about waiting counted."""
    labels_tried: int = 0
    """New labels that the last held round had."""
    steps_read: int = 0
    """Up to where the training process's steps were turned into events, as its launcher counts."""
    not_before: float = 0.0
    """When a failed attempt may be repeated."""
    started_at: float | None = None
    finished_at: float | None = None
    cancelled: bool = False
    """It ended because nobody wanted it any more: no run to be counted."""
    candidate: str = ""
    rolled_back: bool = False
    owner: str = ""
    """The life of a service whose training process it is; "" between two."""
    fence: int = 0
    """Raised at each start and take-over: what was started under an older one is not published."""
    cause: Cause | None = None
    drift_type: DriftType | None = None
    recurs: str = ""
    """The version that was champion when the same was seen before."""
    harm: float | None = None
    """Share of answers that are wrong beyond what is tolerated, as the request said."""
    settled: bool = False
    """Its incident closed: nothing follows."""
    override: str = ""
    """Who let it train with too few labels of a class, and why."""
    device_s: float = 0.0
    """Seconds that its training processes ran, times devices: what the budget counts."""
    attempt_from_s: float = 0.0
    """How many of these were over when the attempt began."""
    new_classes: tuple[str, ...] = ()
    """Classes that the champion does not know and enough labels name: the candidate learns them."""
    lacks: str = ""
    """Why its last round was held; empty once another may begin."""

    @property
    def over(self) -> bool:
        """Whether it came to an end."""
        return self.state in OVER


class StepRow(msgspec.Struct, frozen=True):
    """A step of a job's training process: the digests of what went in and came out, and when (Unix seconds)."""

    job_id: str
    step: str
    input: str
    output: str
    attempt: int
    fence: int
    began_at: float
    ended_at: float | None = None
