"""What the servers' reports say together: who stands on which version, who fell silent, and how a version fares. Pure.

A rollback is done when every server answers with the old model again. A server that fell silent without a farewell may still answer cameras with the
bad one, so it counts as not done, by name. One that has no version ready answers nobody and is not waited for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from contracts.events import Role, ServingReported, VersionServed


class Fared(NamedTuple):
    """Frames given to a version: scored, failed on, and answered with values that were not finite."""

    answered: int = 0
    failed: int = 0
    invalid: int = 0

    @property
    def frames(self) -> int:
        """All of them."""
        return sum(self)

    @property
    def errors(self) -> int:
        """Those that nobody could be answered for."""
        return self.failed + self.invalid

    @property
    def share(self) -> float:
        """Errors among all; 0 where there was no frame."""
        return self.errors / self.frames if self.frames else 0.0

    def plus(self, more: "Fared") -> "Fared":
        """Both together."""
        return Fared(self.answered + more.answered, self.failed + more.failed, self.invalid + more.invalid)


@dataclass(frozen=True, slots=True)
class Standing:
    """`answering`: the servers that live and answer frames. `missing`: those that fell silent, each with since how many seconds. By name."""

    answering: tuple[ServingReported, ...]
    missing: tuple[tuple[str, float], ...]

    def all_on(self, digest: str, role: Role, sequence: int) -> bool:
        """Whether every server holds the model `digest` in `role`, by channels no older than `sequence`; False while no server reports."""
        return bool(self.answering) and not self.lacking(digest, role, sequence)

    def counted(self) -> str:
        """How many answer, in words."""
        count = len(self.answering)
        return "1 server answers" if count == 1 else f"{count} servers answer"

    def lacking(self, digest: str, role: Role, sequence: int) -> tuple[str, ...]:
        """The servers of which that is not known, each with what is known of it."""
        behind = [
            f"{report.replica} ({_held(report, role)})"
            for report in self.answering
            if report.sequence < sequence or (digest, role) not in {(one.digest, one.role) for one in report.versions}
        ]
        return *behind, *(f"{name} (silent)" for name, _ in self.missing)


def standing(reports: Mapping[str, ServingReported], now: float, silent_s: float) -> Standing:
    """Of each server's last report at `now` (Unix seconds); one whose report is older than `silent_s` is missing, unless it took its leave."""
    stays = [report for _, report in sorted(reports.items()) if not report.leaving]
    return Standing(
        tuple(report for report in stays if report.versions and now - report.occurred_at <= silent_s),
        tuple((report.replica, now - report.occurred_at) for report in stays if now - report.occurred_at > silent_s),
    )


def fared(before: ServingReported | None, after: ServingReported, version: str, since: float) -> Fared:
    """How a version fared between two reports of one server.

    Of a server that was not heard of before, all counts when it started after `since` (Unix seconds), else nothing: there is nothing to compare with.
    """
    if before is None and after.started_at < since:
        return Fared()
    new = _counts(after, version)
    old = _counts(before, version) if before is not None and before.started_at == after.started_at else Fared()
    if any(now < then for now, then in zip(new, old, strict=True)):  # let go and loaded again meanwhile
        return new
    return Fared(*(now - then for now, then in zip(new, old, strict=True)))


def _counts(report: ServingReported, version: str) -> Fared:
    served = next((one for one in report.versions if one.version == version), None)
    return Fared(served.answered, served.failed, served.invalid) if served is not None else Fared()


def _held(report: ServingReported, role: Role) -> str:
    held: VersionServed | None = next((one for one in report.versions if one.role == role), None)
    return f"version {held.version if held else 'none'} as {role}, channels {report.sequence}"
