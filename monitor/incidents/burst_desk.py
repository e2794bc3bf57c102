"""The forced burst at the desk: a drift case whose estimate of accuracy is over its limit asks for labels, and their verdict is told and acted on.

Retraining is asked for here, for the label alarm and for a confirmed estimate alike: once an episode of the version, whichever comes first.
"""

from collections.abc import Sequence
from typing import Any

from monitor.incidents import wording
from monitor.incidents.casebook import Casebook
from monitor.incidents.cases import Case, retrain_request
from monitor.incidents.finding import Finding
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.quality.burst import Burst, Verdict
from monitor.quality.labels import LabelChannel


def asked(case: Case | None, findings: Sequence[Finding], wanted: int, headline: str, action: str) -> dict[str, Any]:
    """What an incident says of the labels it wants, beside its own words: nothing until an estimate of accuracy is over its limit on a camera.

    `case` is None for one that opens; `wanted` is 0 for a version without a benchmark, as there is nothing that labels could confirm.
    """
    if case is not None and case.label_alarm:
        return {}
    if case is not None and case.burst is not None:
        return {"action": case.incident.action}  # labels speak now: LabelDesk tells them
    asked_before = case.incident.labels_wanted if case is not None else 0
    over = max((finding.ratio("performance") for finding in findings), default=0.0) >= 1
    wanted = asked_before or (wanted if over else 0)
    if not wanted:
        return {}
    return {
        "labels_wanted": wanted,
        "headline": f"{headline} (label {wanted} frames to know)",
        "action": f"{wording.labels_wanted(wanted)} {action}",
    }


class BurstDesk:
    """Runs the bursts of one model's cases."""

    def __init__(self, policy: Policy, memory: Memory, book: Casebook) -> None:
        self._policy = policy
        self._memory = memory
        self._book = book

    def take(self, case: Case, of_version: LabelChannel, loss: float) -> Verdict:
        """A label of a frame that the case's cameras took since it began; the verdict it brings."""
        wanted = case.incident.labels_wanted
        if not wanted or of_version.overall is None:
            return ""
        if case.burst is None:
            case.burst = Burst(wanted, of_version.overall.tolerated)
        return case.burst.take(loss, self._policy.burst_alpha)

    def told(self, case: Case, verdict: Verdict) -> dict[str, Any]:
        """What the verdict changes of the incident."""
        accuracy = case.tally.accuracy()
        assert accuracy is not None  # a verdict rests on labels
        if verdict == "confirmed":
            return {"severity": "page", "action": wording.RETRAINING}
        return {"action": wording.unconfirmed(accuracy)}

    def confirmed(self, case: Case, of_version: LabelChannel, at: float) -> None:
        """The estimate was right. The episode's request is made, unless the label alarm made it before."""
        case.label_alarm = True
        if of_version.alarmed_at or of_version.version != self._memory.rollout.champion:
            return
        of_version.alarmed_at = at
        self.ask_for_retraining(case, of_version, at)

    def ask_for_retraining(self, case: Case, of_version: LabelChannel, at: float) -> None:
        """Say the episode's request, with the cameras left out that were at fault since the case began."""
        since = case.incident.since
        excluded = tuple(sorted(c.name for c in self._memory.cameras.values() if c.fault or c.faulted_since(since)))
        self._memory.mark("labels", of_version.version)
        self._book.say(retrain_request(case, of_version, self._book.model, at, excluded))
