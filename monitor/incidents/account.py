"""What a drift incident tells a person: cause, type, evidence, estimates, examples, headline and action, from the findings of its cameras."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from contracts.incidents import DriftType, Estimate, Evidence
from contracts.statistics import NUMERIC
from monitor.detectors.ewma import Floats
from monitor.incidents import drift_type, severity, triage, wording
from monitor.incidents.casebook import Casebook
from monitor.incidents.finding import Finding
from monitor.incidents.regimes import Regime
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standard

MOST_EVIDENCE: Final = 16
FORM_S: Final = 3600.0
"""Seconds between a new form of pictures and the drift that it explains."""


class Account:
    """Gives account of the drift of one model's cameras."""

    def __init__(self, policy: Policy, memory: Memory, standards: Callable[[str], Standard], book: Casebook) -> None:
        self._policy = policy
        self._memory = memory
        self._standards = standards
        self._book = book

    def fields(
        self, site: str, version: str, findings: list[Finding], joined: tuple[str, ...], labels: Iterable[Estimate], at: float
    ) -> dict[str, Any]:
        """The incident's fields as these findings tell them; `joined` cameras stay in it, and what labels said stays said."""
        told = drift_type.of([f.course for f in findings if f.course is not None])
        back = self._seen_before(version, findings)
        kind: DriftType | None = "recurring" if back else told.drift_type if told else None
        served = back.served if back else version if kind == "recurring" else ""
        demoted = {f.camera: why for f in findings if (why := self.demoted(f.camera))}
        page = severity.pages(severity.crossed([f for f in findings if f.camera not in demoted], at))
        cameras = tuple(sorted({*joined, *(f.camera for f in findings)}))
        cause, other, read = triage.diagnose(findings, told, cameras=len(cameras), pipeline=self._new_form(findings))
        since = sorted(f.since() for f in findings)[(len(findings) - 1) // 2]
        estimates = (*triage.estimates_of(findings), *labels)
        known = len({*cameras, *(c.name for c in self._memory.active(site, at))})
        mixed = any(e.feature == "class mix" and e.ratio >= 1 for e in read)
        lead = max((e for f in findings for e in f.evidence()), key=lambda e: e.ratio)
        return {
            "cause": cause,
            "severity": "page" if page else "ticket",
            "cameras": cameras,
            "since": since,
            "estimates": estimates,
            "evidence": (
                *strongest((e for f in findings for e in f.evidence()), MOST_EVIDENCE - 5),
                *read,
                *drift_type.evidence(told),
            ),
            "examples": self._book.examples(cameras),
            "reference_examples": self._book.usual(cameras),
            "drift_type": kind,
            "recurs": served,
            "contributions": triage.contributions(findings),
            "action": " ".join(
                (
                    wording.drift_action(cause, mixed),
                    *wording.doubt(cause, other),
                    *wording.again(back, version),
                    *wording.demotion(demoted),
                )
            ),
            "headline": wording.drift_headline(site, cause, version, since, cameras, known, lead, wording.course(kind, back), mixed)
            + wording.effect(estimates),
        }

    def demoted(self, camera: str) -> str:
        """Why a camera's drift is told as tickets only; "" when it may page."""
        known = self._memory.cameras[camera]
        if known.stream == "video":
            scene = self._memory.scenes.get(camera)
            return scene.demoted(self._policy.pages_per_camera_month) if scene is not None else ""
        return self._standards(known.version).demoted

    def _new_form(self, findings: list[Finding]) -> bool:
        """Whether several cameras' pictures changed their size or codec shortly before they drifted."""
        since = [(self._memory.cameras[f.camera].picture_since, f.since()) for f in findings]
        return len(since) > 1 and all(changed and -60.0 <= drifted - changed <= FORM_S for changed, drifted in since)

    def _seen_before(self, version: str, findings: list[Finding]) -> Regime | None:
        """The regime that these cameras, together, came back to."""
        reference, lies, departs = self._standards(version).reference, place(findings), departure(findings)
        if departs:
            return self._memory.regimes.nearest_departure(floats(departs), reference)
        return self._memory.regimes.nearest(floats(lies), reference) if reference is not None and lies else None


def strongest(evidence: Iterable[Evidence], most: int = MOST_EVIDENCE) -> tuple[Evidence, ...]:
    """The evidence with the highest ratios first."""
    return tuple(sorted(evidence, key=lambda e: -e.ratio)[:most])


def place(findings: Iterable[Finding]) -> bytes:
    """The mean frame of all findings, float32 [F]; empty where they have none."""
    means = [f.shape.mean for f in findings if f.shape is not None]
    return np.mean(means, axis=0).astype(np.float32).tobytes() if means else b""


def departure(findings: Iterable[Finding]) -> bytes:
    """The mean departure of all video findings, float32 [10 + A], or [10] where one has no history of its embedding; empty where they have none."""
    known = [f.departure for f in findings if f.departure is not None]
    least = min(map(len, known), default=0)
    return np.mean([each[:least] for each in known], axis=0).astype(np.float32).tobytes() if known else b""


def farther(one: bytes, other: bytes) -> bytes:
    """Of two departures the one whose image lies farther away: an hour's mean takes an hour to say how far, and speaks of the way back as well."""
    return max(one, other, key=lambda kept: float(np.linalg.norm(floats(kept)[: len(NUMERIC)])))


def floats(kept: bytes) -> Floats:
    """What `place` or `departure` made, as numbers."""
    return np.frombuffer(kept, np.float32).astype(np.float64)
