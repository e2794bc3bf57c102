"""Which cause a set of moved channels points to, and with what evidence. The cause is a first reading for a person, with the numbers beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from contracts.events import Cause, Estimate, Evidence
from monitor.detectors import cbpe
from monitor.items.reference import Reference
from monitor.items.watch import Watch

LIGHT: Final = frozenset(
    {"luma_mean", "contrast", "saturation", "red_ratio", "blue_ratio", "clipped_dark", "clipped_bright", "noise"}
)
"""Statistics that light, weather and exposure move; sharpness and entropy also follow from other objects."""
Z_95: Final = 1.96


@dataclass(frozen=True, slots=True)
class Finding:
    """One camera's drift: its watch and what it is judged by."""

    watch: Watch
    reference: Reference

    def evidence(self) -> list[Evidence]:
        """Every channel above its limit, or the worst one, with the feature that leads it."""
        bank = self.watch.bank_of(self.reference)
        paired = list(zip(self.reference.channels, self.watch.ratios, strict=True))
        named = [pair for pair in paired if pair[1] >= 1] or [max(paired, key=lambda pair: pair[1])]
        found = []
        for channel, ratio in named:
            feature, value, normal = self.reference.leading(bank, channel)
            found.append(Evidence(channel.name, feature, self.watch.camera, round(ratio, 3), _short(value), _short(normal)))
        return sorted(found, key=lambda one: -one.ratio)

    def ratio(self, family: str) -> float:
        """The highest ratio among a family's channels, 0 without one."""
        pairs = zip(self.reference.channels, self.watch.ratios, strict=True)
        return max((ratio for channel, ratio in pairs if channel.family == family), default=0.0)

    def lead(self) -> Evidence:
        """The strongest evidence."""
        return self.evidence()[0]

    def since(self) -> float:
        """When the excursion of the channels above their limits began."""
        began = [at for at, run in zip(self.watch.since, self.watch.runs, strict=True) if run and at]
        return min(began, default=self.watch.block_since)


def cause_of(findings: Sequence[Finding]) -> Cause:
    """The likeliest cause of drift on these cameras.

    Light first: statistics that light moves lead over the embedding. A new class: the model has become unsure and the embedding has left the
    reference. Else other objects than the reference shows.
    """
    image, embedding = _median([f.ratio("image") for f in findings]), _median([f.ratio("embedding") for f in findings])
    if (
        image >= 1
        and image > embedding
        and any(e.channel == "image statistics" and e.feature in LIGHT for f in findings for e in f.evidence())
    ):
        return "environment_change"
    unsure = [
        e for f in findings for e in f.evidence() if e.channel == "softmax" and e.feature == "entropy" and e.value > e.reference
    ]
    if embedding >= 1 and len(unsure) * 2 > len(findings):
        return "new_class"
    return "population_change"


def looks_like_the_camera(findings: Sequence[Finding]) -> bool:
    """Whether one camera's drift, its peers being quiet, is led by how the picture is taken rather than by what it shows."""
    return all(f.ratio("image") >= 1 and f.ratio("image") >= f.ratio("embedding") for f in findings)


def is_page(findings: Sequence[Finding]) -> bool:
    """Two families above their limits on one camera, of which one speaks of the model's answers: more than a ticket."""
    return any(
        sum(f.ratio(family) >= 1 for family in ("image", "embedding", "softmax", "performance")) >= 2
        and max(f.ratio("softmax"), f.ratio("performance")) >= 1
        for f in findings
    )


def estimates_of(findings: Sequence[Finding]) -> tuple[Estimate, ...]:
    """Accuracy as the model expects it of itself, by CBPE and by ATC: means over the cameras.

    Marked untrusted where the two disagree beyond their intervals, and where the embedding has left the reference: there a model may be wrong with
    confidence, and both may rise while the truth falls.
    """
    judged = [f for f in findings if f.reference.accuracy is not None and f.watch.blocks]
    if not judged:
        return ()
    accuracy = sum(f.reference.accuracy or 0.0 for f in judged) / len(judged)
    moved = np.mean([f.watch.bank_of(f.reference)[-1, -2:] for f in judged], axis=0)
    half = Z_95 * np.mean([f.reference.error[-1, -2:] for f in judged], axis=0)
    trusted = abs(float(moved[0] - moved[1])) <= float(half.sum()) and max(f.ratio("embedding") for f in judged) < 1
    blocks = sum(f.watch.blocks for f in judged)
    return tuple(
        Estimate(
            metric=f"accuracy ({name})",
            kind="estimate",
            before=round(accuracy, 4),
            now=round(cbpe.estimate(accuracy, float(moved[i])), 4),
            low=round(cbpe.estimate(accuracy, float(moved[i] - half[i])), 4),
            high=round(cbpe.estimate(accuracy, float(moved[i] + half[i])), 4),
            n=blocks,
            trusted=trusted,
        )
        for i, name in enumerate(("CBPE", "ATC"))
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0


def _short(value: float) -> float:
    return float(f"{value:.4g}")
