"""What the monitor remembers of one camera, whatever version scores it: ids seen, counts, its usual picture, its symptom and its open fault."""

from typing import Final

import msgspec

from contracts.events import Stream
from monitor.quality.labelled import Labelled
from monitor.recent import Recent

PAST_FAULTS: Final = 4
"""Ended faults remembered, so that labels that come late for frames taken during one are still left out."""


class Counts(msgspec.Struct, array_like=True):
    """Frames of a camera by what became of them; `frames` counts all but repeats."""

    frames: int = 0
    judged: int = 0
    repeats: int = 0
    late: int = 0
    audit: int = 0
    shadow: int = 0
    candidate: int = 0
    incomplete: int = 0
    faulted: int = 0


class Camera(msgspec.Struct, array_like=True):
    """One camera's memory. Times are Unix seconds of the event; "" and 0 stand for `not known yet`."""

    name: str
    site: str
    stream: Stream
    seen: Recent = msgspec.field(default_factory=Recent)
    labelled: Labelled = msgspec.field(default_factory=Labelled)
    counts: Counts = msgspec.field(default_factory=Counts)
    version: str = ""
    """The champion version that last answered it."""
    audit: bool = False
    """An audit camera's: counted, nothing else."""
    last_at: float = 0.0
    picture: tuple[int, int, str] = (0, 0, "")
    """Width, height and codec that are usual."""
    picture_frames: int = 0
    picture_since: float = 0.0
    """Since when it is another one than before; 0 when it never changed."""
    focus: float = 0.0
    """Slow mean of the log sharpness of frames without symptoms, over `focus_frames` of them."""
    focus_frames: int = 0
    focus_recent: list[tuple[float, float]] = []
    """Time and log sharpness of the newest frames, at most FOCUS_RUN of them."""
    phash: str = ""
    repeating: float = 0.0
    """The share of newest frames that nearly repeat the one before: high where `items` are a continuous scene."""
    symptom: str = ""
    symptom_run: int = 0
    symptom_since: float = 0.0
    healthy_run: int = 0
    fault: str = ""
    fault_since: float = 0.0
    past_faults: list[tuple[float, float]] = []
    muted: int = 0
    """A person called its drift a false alarm: blocks for which none is reported, ended by a quiet one."""
    accepted: str = ""
    """A symptom that a person called no fault: it is not reported while it lasts."""
    unjudged: str = ""
    """Why there is no verdict on its drift; "" when there is one."""

    def focus_now(self) -> float:
        """The mean log sharpness of the newest frames; the slow mean before there are any."""
        return sum([value for _, value in self.focus_recent]) / len(self.focus_recent) if self.focus_recent else self.focus

    def faulted_at(self, at: float) -> bool:
        """Whether a fault was open, or had begun, when a frame was taken."""
        return bool(self.fault and at >= self.fault_since) or any(since <= at <= until for since, until in self.past_faults)

    def faulted_since(self, since: float) -> bool:
        """Whether a fault was open at or after `since`."""
        return bool(self.fault) or any(until >= since for _, until in self.past_faults)

    def open_fault(self, kind: str, since: float) -> None:
        """The symptom is confirmed."""
        self.fault, self.fault_since, self.healthy_run = kind, since, 0

    def close_fault(self, at: float) -> None:
        """Healthy again."""
        self.past_faults = [*self.past_faults, (self.fault_since, at)][-PAST_FAULTS:]
        self.fault, self.symptom, self.symptom_run = "", "", 0
