"""Whether a version under rollout does worse than it should: guards that may be looked at after every frame without paying for it in false alarms.

Each guard is a mixture sequential probability ratio test in its betting form (Robbins 1970; Waudby-Smith and Ramdas 2024): capital grows by
1 + c (x / p0 - 1) with each observation x in [0, 1], averaged over several c. As long as the conditional mean of x is at most p0 the capital is a
supermartingale, so by Ville's inequality it ever reaches 1/alpha with probability at most alpha, whatever the peeking. Frames of video repeat each
other: they are averaged over a camera's minute first. Hard limits act at once, on plain counts.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from contracts.events import FrameScored, Stream
from contracts.predictions import Classification, Prediction
from contracts.quality import wilson

Role = Literal["shadow", "candidate", "champion"]
GUARDS: Final = ("invalid", "low_confidence", "labelled_error")
_FRACTIONS: Final = (0.02, 0.05, 0.1, 0.25, 0.5)
"""Shares of the capital that are bet; the small ones find small changes late, the large ones large changes soon."""
_Z_99: Final = 2.575829
_OWN_FRAMES: Final = 30
"""A camera with fewer shadow frames than this is compared with all cameras' share."""
_BLOCK_S: Final = 60.0
_MOST_P0: Final = 0.95
"""Above this null share nothing can be told from x <= 1."""


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """See the settings of the same names. `alpha` is the false-rollback rate of a whole rollout, shared by its guards."""

    alpha: float
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
    """What the shadow showed on one camera, and its open minute since."""

    shadow_n: int = 0
    shadow_low: int = 0
    block: float = -1.0
    block_n: int = 0
    block_low: int = 0


class Guards(msgspec.Struct):
    """All guards of one rollout, with their counts."""

    tests: dict[str, Sequential] = msgspec.field(default_factory=lambda: {name: Sequential() for name in GUARDS})
    frames: int = 0
    invalid: int = 0
    pairs: int = 0
    disagreements: int = 0
    shadow_n: int = 0
    shadow_low: int = 0
    only_candidate_wrong: int = 0
    only_parent_wrong: int = 0

    def frame(self, event: FrameScored, role: Role, camera: CameraShare, labels: tuple[str, ...], limits: GuardLimits) -> None:
        """A frame that the version scored in `role`; `labels` is what it may answer."""
        bad = invalid(event.prediction, labels)
        self.frames += 1
        self.invalid += bad
        self.tests["invalid"].update(float(bad), limits.invalid_share)
        low = event.confidence < low_confidence(len(labels), limits.low_confidence)
        if role == "shadow":
            camera.shadow_n, camera.shadow_low = camera.shadow_n + 1, camera.shadow_low + low
            self.shadow_n, self.shadow_low = self.shadow_n + 1, self.shadow_low + low
        elif self.shadow_n:
            self._compare(event.stream, event.captured_at, low, camera, limits.low_confidence_tolerance)

    def pair(self, same: bool) -> None:
        """Candidate and parent scored the same frame and agreed, or not."""
        self.pairs += 1
        self.disagreements += not same

    def label(self, candidate_right: bool, parent_right: bool) -> None:
        """A truth arrived for a frame that both scored. Only frames on which one was wrong can tell them apart (McNemar)."""
        if candidate_right == parent_right:
            return
        self.only_candidate_wrong += parent_right
        self.only_parent_wrong += candidate_right
        self.tests["labelled_error"].update(float(parent_right), 0.5)

    def alarm(self, limits: GuardLimits) -> str | None:
        """The reason to roll back, with its counts; None while there is none."""
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
        if self.pairs:
            parts.append(f"differs from its parent on {self.disagreements} of {self.pairs} frames")
        if self.shadow_n:
            parts.append(f"low confidence on {self.shadow_low} of {self.shadow_n} in the shadow")
        if (test := self.tests["low_confidence"]).n:
            parts.append(f"{test.total:.0f} of {test.n} since")
        if self.only_candidate_wrong or self.only_parent_wrong:
            parts.append(
                f"of labelled frames only it was wrong on {self.only_candidate_wrong}, only its parent on {self.only_parent_wrong}"
            )
        return ", ".join(parts)

    def _compare(self, stream: Stream, captured_at: float, low: bool, camera: CameraShare, tolerance: float) -> None:
        p0 = self._null(camera, tolerance)
        if p0 > _MOST_P0:
            return
        if stream == "items":
            self.tests["low_confidence"].update(float(low), p0)
            return
        block = captured_at // _BLOCK_S
        if block != camera.block and camera.block_n:
            self.tests["low_confidence"].update(camera.block_low / camera.block_n, p0)
            camera.block_n = camera.block_low = 0
        camera.block, camera.block_n, camera.block_low = block, camera.block_n + 1, camera.block_low + low

    def _null(self, camera: CameraShare, tolerance: float) -> float:
        """The share that the same camera showed in the shadow at most: the upper 99 % bound and the tolerance."""
        own = camera.shadow_n >= _OWN_FRAMES
        low, n = (camera.shadow_low, camera.shadow_n) if own else (self.shadow_low, self.shadow_n)
        return wilson(low, n, _Z_99).high + tolerance

    def _counts(self, name: str) -> str:
        test = self.tests[name]
        if name == "labelled_error":
            return f"of frames on which one of the two was wrong, it was wrong on {test.total:.0f} of {test.n}"
        return f"a mean of {test.total / test.n:.3f} over {test.n} observations where at most {test.expected / test.n:.3f} was expected"


def low_confidence(classes: int, share: float) -> float:
    """Below which confidence an answer counts as unsure: `share` of the way from a guess (1/K) to certainty."""
    chance = 1 / max(1, classes)
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
