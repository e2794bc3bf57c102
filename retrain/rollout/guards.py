"""Whether a version under rollout does worse than it should: guards that may be looked at after every frame without paying for it in false alarms.

Each guard is a mixture sequential probability ratio test in its betting form (Robbins 1970; Waudby-Smith and Ramdas 2024): capital grows by
1 + c (x / p0 - 1) with each observation x in [0, 1], averaged over several c. As long as the conditional mean of x is at most p0 the capital is a
supermartingale, so by Ville's inequality it ever reaches 1/alpha with probability at most alpha, whatever the peeking. Frames of video repeat each
other: they are averaged over a camera's minute first. Hard limits act at once, on plain counts.

What a version could not answer leaves no event: errors are what the servers' reports count, beyond those of the parent on the same server meanwhile. A
machine that fails them both says nothing of the version. Their hard limit looks at the newest frames only: a version that begins to fail after a good day
has a long record that would hide it.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from contracts.events import FrameScored
from contracts.predictions import Classification, Prediction
from contracts.quality import wilson
from retrain.rollout.replicas import Fared

Role = Literal["shadow", "candidate", "champion"]
GUARDS: Final = ("errors", "invalid", "low_confidence", "labelled_error")
_FRACTIONS: Final = (0.02, 0.05, 0.1, 0.25, 0.5)
"""Shares of the capital that are bet; the small ones find small changes late, the large ones large changes soon."""
_Z_99: Final = 2.575829
_Z_999: Final = 3.090232
"""One-sided 99.9 %: 5 of 20 frames are surely more than 5 %. At one error in a thousand frames that comes once in 60 billion looks."""
_OWN_FRAMES: Final = 30
"""A camera with fewer shadow frames than this is compared with all cameras' share."""
_BLOCK_S: Final = 60.0
_MOST_P0: Final = 0.95
"""Above this null share nothing can be told from x <= 1."""


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """See the settings of the same names. `alpha` is the false-rollback rate of a whole rollout, shared by its guards."""

    alpha: float
    error_share: float
    error_limit: float
    error_frames: int
    invalid_share: float
    invalid_limit: float
    disagreement_limit: float
    limit_frames: int
    low_confidence: float
    low_confidence_tolerance: float


class Sequential(msgspec.Struct):
    """One test: the logarithm of the capital for each fraction, the highest it was on average, and how much it saw."""

    logs: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(_FRACTIONS))
    peak: float = 0.0
    n: int = 0
    total: float = 0.0
    expected: float = 0.0

    def update(self, x: float, p0: float) -> None:
        """An observation in [0, 1] whose mean should be at most `p0` (above 0), which must be known before `x`."""
        self.logs = [log + math.log1p(c * (x / p0 - 1)) for log, c in zip(self.logs, _FRACTIONS, strict=True)]
        top = max(self.logs)
        capital = top + math.log(sum(math.exp(log - top) for log in self.logs) / len(self.logs))
        self.peak = max(self.peak, capital)
        self.n, self.total, self.expected = self.n + 1, self.total + x, self.expected + p0

    def ratio(self, alpha: float) -> float:
        """The highest evidence so far over its threshold, in logarithms: 1 is the crossing."""
        return self.peak / math.log(1 / alpha)


class CameraShare(msgspec.Struct):
    """What the shadow showed on one camera, and its open minute: all frames and the invalid ones, those after the shadow and the unsure ones."""

    shadow_n: int = 0
    shadow_low: int = 0
    block: float = -1.0
    block_all: int = 0
    block_bad: int = 0
    block_n: int = 0
    block_low: int = 0


class Guards(msgspec.Struct):
    """All guards of one rollout, with their counts."""

    tests: dict[str, Sequential] = msgspec.field(default_factory=lambda: {name: Sequential() for name in GUARDS})
    given: int = 0
    errors: int = 0
    recent: Fared = Fared()
    recent_parent: Fared = Fared()
    broken: str = ""
    frames: int = 0
    invalid: int = 0
    pairs: int = 0
    disagreements: int = 0
    shadow_n: int = 0
    shadow_low: int = 0
    worse: int = 0
    better: int = 0

    def report(self, own: Fared, parent: Fared, limits: GuardLimits) -> None:
        """What version and parent were given on one server between two of its reports."""
        self.given, self.errors = self.given + own.frames, self.errors + own.errors
        self.recent, self.recent_parent = self.recent.plus(own), self.recent_parent.plus(parent)
        if self.recent.frames >= limits.error_frames:
            self._judge_recent(limits)
        p0 = limits.error_share + parent.share
        if own.frames and p0 <= _MOST_P0:
            self.tests.setdefault("errors", Sequential()).update(own.share, p0)

    def frame(self, event: FrameScored, role: Role, camera: CameraShare, labels: tuple[str, ...], limits: GuardLimits) -> None:
        """A frame that the version scored in `role`; `labels` is what it may answer."""
        bad = invalid(event.prediction, labels)
        low = event.confidence < unsure_below(event.prediction, len(labels), limits.low_confidence)
        self.frames, self.invalid = self.frames + 1, self.invalid + bad
        if role == "shadow":
            camera.shadow_n, camera.shadow_low = camera.shadow_n + 1, camera.shadow_low + low
            self.shadow_n, self.shadow_low = self.shadow_n + 1, self.shadow_low + low
        compared = role != "shadow" and self.shadow_n > 0
        if event.stream == "items":
            self._saw(camera, limits, 1, bad, compared, compared and low)
            return
        block = event.captured_at // _BLOCK_S
        if block not in (camera.block, camera.block - 1):  # a frame that comes late counts with the open minute, and closes none
            self._saw(camera, limits, camera.block_all, camera.block_bad, camera.block_n, camera.block_low)
            camera.block, camera.block_all, camera.block_bad, camera.block_n, camera.block_low = block, 0, 0, 0, 0
        camera.block_all, camera.block_bad = camera.block_all + 1, camera.block_bad + bad
        camera.block_n, camera.block_low = camera.block_n + compared, camera.block_low + (compared and low)

    def pair(self, same: bool) -> None:
        """Candidate and parent scored the same frame and agreed, or not."""
        self.pairs += 1
        self.disagreements += not same

    def label(self, own: float, parent: float) -> None:
        """A truth arrived for a frame that both scored, with these losses (0 to 1). Only frames on which they differ can tell them apart (McNemar)."""
        if own == parent:
            return
        self.worse += own > parent
        self.better += own < parent
        self.tests["labelled_error"].update(float(own > parent), 0.5)

    def alarm(self, limits: GuardLimits) -> str | None:
        """The reason to roll back, with its counts; None while there is none."""
        if self.broken:
            return self.broken
        if self.frames >= limits.limit_frames and self.invalid > limits.invalid_limit * self.frames:
            return f"hard limit: {self.invalid} of {self.frames} answers were invalid, above {limits.invalid_limit:.0%}"
        if self.pairs >= limits.limit_frames and self.disagreements > limits.disagreement_limit * self.pairs:
            return (
                f"hard limit: it contradicted its parent on {self.disagreements} of {self.pairs} frames,"
                f" above {limits.disagreement_limit:.0%}"
            )
        alpha = limits.alpha / len(GUARDS)
        for name, test in self.tests.items():
            if test.ratio(alpha) >= 1:
                return f"guard {name}: {self._counts(name)} (sequential test at alpha {alpha:.2g})"
        return None

    def ratios(self, limits: GuardLimits) -> dict[str, float]:
        """Each test's evidence over its threshold."""
        return {name: test.ratio(limits.alpha / len(GUARDS)) for name, test in self.tests.items()}

    def summary(self) -> str:
        """The counts, for the reason of a step."""
        parts = [f"{self.invalid} of {self.frames} answers invalid"]
        if self.errors:
            parts.insert(0, f"failed on {self.errors} of {self.given} frames")
        if self.pairs:
            parts.append(f"differs from its parent on {self.disagreements} of {self.pairs} frames")
        if self.shadow_n:
            parts.append(f"low confidence on {self.shadow_low} of {self.shadow_n} in the shadow")
        if (test := self.tests["low_confidence"]).n:
            parts.append(f"{test.total:.0f} of {test.n} since")
        if self.worse or self.better:
            parts.append(f"of labelled frames it was worse than its parent on {self.worse}, better on {self.better}")
        return ", ".join(parts)

    def _saw(self, camera: CameraShare, limits: GuardLimits, frames: int, bad: int, compared: int, low: int) -> None:
        """One observation of a camera: a frame, or a minute of video."""
        if frames:
            self.tests["invalid"].update(bad / frames, limits.invalid_share)
        if compared and (p0 := self._null(camera, limits.low_confidence_tolerance)) <= _MOST_P0:
            self.tests["low_confidence"].update(low / compared, p0)

    def _null(self, camera: CameraShare, tolerance: float) -> float:
        """The share that the same camera showed in the shadow at most: the upper 99 % bound and the tolerance."""
        own = camera.shadow_n >= _OWN_FRAMES
        low, n = (camera.shadow_low, camera.shadow_n) if own else (self.shadow_low, self.shadow_n)
        return wilson(low, n, _Z_99).high + tolerance

    def _judge_recent(self, limits: GuardLimits) -> None:
        own, parent = self.recent, self.recent_parent
        self.recent = self.recent_parent = Fared()
        if not self.broken and wilson(own.errors, own.frames, _Z_999).low > limits.error_limit + parent.share:
            too = f", its parent on {parent.errors} of {parent.frames}" if parent.errors else ""
            self.broken = f"hard limit: it failed on {own.errors} of the newest {own.frames} frames, surely above {limits.error_limit:.0%}{too}"

    def _counts(self, name: str) -> str:
        test = self.tests[name]
        if name == "labelled_error":
            return f"of labelled frames on which one of the two was worse, it was on {test.total:.0f} of {test.n}"
        return f"a mean of {test.total / test.n:.3f} over {test.n} observations where at most {test.expected / test.n:.3f} was expected"


def unsure_below(prediction: Prediction, classes: int, share: float) -> float:
    """Below which confidence an answer counts as unsure: `share` of the way from a guess to certainty. A guess is 1/K of K classes, of boxes the toss-up 0."""
    chance = 1 / max(1, classes) if isinstance(prediction, Classification) else 0.0
    return chance + share * (1 - chance)


def invalid(prediction: Prediction, labels: tuple[str, ...]) -> bool:
    """Whether an answer cannot be meant: not finite, outside [0, 1], not summing to 1, or a class that the version does not have."""
    if isinstance(prediction, Classification):
        values = (*prediction.probabilities, prediction.rest)
        named = bool(prediction.labels) and set(prediction.labels) <= set(labels)
        return not (named and all(0 <= p <= 1 for p in values) and abs(sum(values) - 1) < 0.01)
    return any(
        not (0 <= box.score <= 1 and box.x1 <= box.x2 and box.y1 <= box.y2 and box.label in labels) for box in prediction.boxes
    )
