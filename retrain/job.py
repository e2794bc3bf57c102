"""A training job as it stands: what was asked, how far it is, and who may run it now."""

from typing import Final, Literal

import msgspec

from contracts.events import JobState

Trigger = Literal["monitor", "operator", "calendar"]
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
    cameras: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    incident_id: str = ""
    state: JobState = "queued"
    hold: str = ""
    """What it waits for, from a closed set (see trigger/policy.py)."""
    detail: str = ""
    step: str = ""
    attempt: int = 1
    round: int = 1
    """Training requests made of it: one more each time the training process held for more labels."""
    labels_seen: int = 0
    """Labels that its last word about waiting counted."""
    labels_tried: int = 0
    """New labels that the last held round had."""
    steps_read: int = 0
    """Bytes of the training process's step lines that were turned into events."""
    not_before: float = 0.0
    """When a failed attempt may be repeated."""
    started_at: float | None = None
    finished_at: float | None = None
    cancelled: bool = False
    """It ended because nobody wanted it any more: no run to be counted."""
    candidate: str = ""
    rolled_back: bool = False
    owner: str = ""
    lease_until: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it came to an end."""
        return self.state in OVER
