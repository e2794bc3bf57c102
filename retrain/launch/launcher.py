"""What the service needs of whoever runs training processes: on this host (local.py), in a cluster, or under torchrun."""

from typing import Literal, NamedTuple, Protocol

from retrain.request import CandidateOutcome, Step


class Death(NamedTuple):
    """How a process that left no outcome ended, in kind and for a person. `disrupted`: its host was taken away, not its own doing."""

    kind: Literal["failed", "killed", "out_of_memory", "disrupted", "vanished", "timed_out"]
    detail: str


class Progress(NamedTuple):
    """Steps since the last look, and the place up to which they were read: whatever the launcher counts in, 0 at first."""

    steps: list[Step]
    read: int


class Run(Protocol):
    """A training process, ours or found."""

    def ended(self) -> bool:
        """Whether the process is gone."""

    def waits(self) -> str:
        """Why it has not begun yet, where that is known; else empty."""

    def progress(self, read: int) -> Progress:
        """The steps after place `read`."""

    def outcome(self) -> CandidateOutcome | None:
        """What it answered, once it ended; None when it died before. Raises VersionError where that is no outcome, StoreError while nobody can look."""

    def death(self) -> Death:
        """How a process that left no outcome ended."""

    def last_words(self) -> str:
        """The end of its standard error."""

    def stop(self, grace_s: float) -> None:
        """End it in order, after `grace_s` by force. The folder stays, and the job can go on from it."""

    def abandon(self, grace_s: float) -> None:
        """The service goes away: end what would end with its host, as `stop` does; leave what runs elsewhere, whoever follows finds it by its name."""


class Launcher(Protocol):
    """Starts training processes, each in its job's folder."""

    def open(self, folder: str, name: str) -> Run:
        """The process `name` in the folder at a URL: the one that runs, the one that ended while we were away, or a new one. Never a second one.

        Raises StoreError while that cannot be told or done.
        """

    def find(self, folder: str, name: str) -> Run | None:
        """The process `name` that lives, to end it; None once it is gone. Starts nothing. Raises StoreError while that cannot be told."""
