"""Which cause a set of moved channels points to, and with what evidence. The cause is a first reading for a person, with the numbers beside it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from contracts.incidents import Cause, Estimate
from monitor.detectors import cbpe
from monitor.incidents.finding import Family, Finding

LIGHT: Final = frozenset(
    {"luma_mean", "contrast", "saturation", "red_ratio", "blue_ratio", "clipped_dark", "clipped_bright", "noise"}
)
"""Statistics that light, weather and exposure move; sharpness and entropy also follow from other objects."""
FAMILIES: Final[tuple[Family, ...]] = ("image", "embedding", "softmax", "performance")


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
        sum(f.ratio(family) >= 1 for family in FAMILIES) >= 2 and max(f.ratio("softmax"), f.ratio("performance")) >= 1
        for f in findings
    )


def estimates_of(findings: Sequence[Finding]) -> tuple[Estimate, ...]:
    """Accuracy as the model expects it of itself, by CBPE and by ATC: means over the cameras.

    Marked untrusted where the two disagree beyond their intervals, and where the embedding has left the reference: there a model may be wrong with
    confidence, and both may rise while the truth falls.
    """
    judged = [(f, f.performance) for f in findings if f.performance is not None and f.blocks]
    if not judged:
        return ()
    accuracy, *means = np.mean([tuple(performance) for _, performance in judged], axis=0).tolist()
    moved, half = (means[0], means[2]), (means[1], means[3])
    trusted = abs(moved[0] - moved[1]) <= half[0] + half[1] and max(f.ratio("embedding") for f, _ in judged) < 1
    blocks = sum(f.blocks for f, _ in judged)
    return tuple(
        Estimate(
            metric=f"accuracy ({name})",
            kind="estimate",
            before=round(accuracy, 4),
            now=round(cbpe.estimate(accuracy, moved[i]), 4),
            low=round(cbpe.estimate(accuracy, moved[i] - half[i]), 4),
            high=round(cbpe.estimate(accuracy, moved[i] + half[i]), 4),
            n=blocks,
            trusted=trusted,
        )
        for i, name in enumerate(("CBPE", "ATC"))
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
