"""Which cause a set of moved channels points to, and with what evidence. The cause is a first reading for a person, with the numbers beside it.

In this order, since each question presumes that the ones before it were answered no:
1. Did the form of the pictures (size, codec) change on these cameras just before? A change of the pipeline.
2. Does another mix of the known classes explain the movement? A change of population: p(x | y) is as ever.
3. Did only a share of the frames move, and the rest stay, though the change is not on its way any more? Something new lies among the known: a new class.
4. Do the peers of the one camera see nothing? The camera.
5. Did the image statistics move at least half as far as the embedding? Light, weather, optics: the environment.
6. Is the model unsure on frames that all moved? A new class alone; else objects unlike the reference's, of the classes that it knows: population.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from contracts.incidents import Cause, Contribution, Estimate, Evidence
from monitor.detectors import cbpe
from monitor.incidents.drift_type import Told
from monitor.incidents.finding import Expectation, Finding, Shape

EXPLAINED: Final = 0.6
"""Of the squared movement, by another mix of classes. On photographs of solar cells and digits (benchmarks/monitor/injected.py, the tuning seeds):
0.7 to 1 where the mix was changed, 0 to 0.4 elsewhere."""
MIXTURE: Final = 0.35
"""Of (1 - p) / p: three in four frames moved. Measured 0.7 to 3.3 where a share of 0.2 to 0.5 was new, -0.1 to 0.1 where all frames moved."""
IMAGE: Final = 0.5
"""Of image over embedding: 0.5 to 2.7 under dark, haze, noise and blur, 0.1 to 0.4 for new objects, tilt and dirt."""
UNSURE: Final = 0.25
"""Deviations of entropy: 0.3 to 0.8 where unknown digits come, -1 where another product is answered with confidence."""
DOUBT: Final = 0.25
"""So near to a threshold, as a share of it, the other side is named as well."""
MOST_FEATURES: Final = 6


class Diagnosis(NamedTuple):
    """The cause, the one that it is hard to tell from here (None where the evidence is clear), and the evidence."""

    cause: Cause
    other: Cause | None
    evidence: tuple[Evidence, ...]


def diagnose(findings: Sequence[Finding], told: Told | None, *, cameras: int, pipeline: bool) -> Diagnosis:
    """The likeliest cause of drift on a number of `cameras`, which the desk took for no fault of one of them (see looks_like_the_camera).

    `told`: how the drift came, if that is known. `pipeline`: their pictures have had another size or codec since.
    """
    if pipeline:
        changed = Evidence("triage", "picture form", "", 1.0, 1.0, 1.0, "the size or codec changed just before")
        return Diagnosis("pipeline_change", None, (changed,))
    numbers = _numbers(findings, told)
    if numbers is None:
        return Diagnosis(_by_channels(findings), None, ())
    cause = _answer(numbers, lone=False)
    others = [_answer(flipped, lone=False) for flipped in _flipped(numbers)]
    if cameras == 1:
        others.append(_answer(numbers, lone=True))
    return Diagnosis(cause, next((other for other in others if other != cause), None), _evidence(numbers, findings))


def looks_like_the_camera(findings: Sequence[Finding]) -> bool:
    """Whether one camera's drift, its peers being quiet, lies in how the picture is taken rather than in what it shows."""
    numbers = _numbers(findings, None)
    if numbers is None:
        return all(f.ratio("image") >= 1 and f.ratio("image") >= f.ratio("embedding") for f in findings)
    return _answer(numbers, lone=True) == "camera_fault"


class _Numbers(NamedTuple):
    """What the questions are asked of: medians over the cameras."""

    explained: float
    mixture: float
    image: float
    """The movement of the image statistics over the embedding's"""
    unsure: float
    under_way: bool


def _numbers(findings: Sequence[Finding], told: Told | None) -> _Numbers | None:
    """None where frames bring no form."""
    shapes = _shapes(findings)
    if not shapes:
        return None
    return _Numbers(
        _median([shape.explained for shape in shapes]),
        _median([shape.mixture for shape in shapes]),
        _median([shape.image / max(shape.embedding, 1e-9) for shape in shapes]),
        _median([shape.entropy for shape in shapes]),
        told is not None and told.goes_on,
    )


def _answer(numbers: _Numbers, lone: bool) -> Cause:
    """Questions 2 to 6."""
    if numbers.explained >= EXPLAINED:
        return "population_change"
    if numbers.mixture >= MIXTURE and not numbers.under_way:
        return "new_class"
    if lone:
        return "camera_fault"
    if numbers.image >= IMAGE:
        return "environment_change"
    return "new_class" if numbers.unsure >= UNSURE else "population_change"


def _flipped(numbers: _Numbers) -> list[_Numbers]:
    """The same with each number that is near its threshold on the other side of it."""
    near = {"explained": EXPLAINED, "mixture": MIXTURE, "image": IMAGE, "unsure": UNSURE}
    values = numbers._asdict()
    flips = [
        _Numbers(**{**values, name: at - 1e-9 if values[name] >= at else at})
        for name, at in near.items()
        if abs(values[name] - at) <= DOUBT * at
    ]
    return [*flips, numbers._replace(under_way=False)]


def _evidence(numbers: _Numbers, findings: Sequence[Finding]) -> tuple[Evidence, ...]:
    shape = _shapes(findings)[0]
    words = {
        "class mix": (
            numbers.explained,
            EXPLAINED,
            f"share of the movement that another mix of known classes explains: {_mix(shape)}",
        ),
        "mixture": (numbers.mixture, MIXTURE, "0: all frames moved together; 1: half of them did, the others are as ever"),
        "image over embedding": (numbers.image, IMAGE, f"movement of {shape.statistic} over the embedding's"),
        "entropy": (numbers.unsure, UNSURE, "of the answers, beyond what the mix explains, in deviations of single frames"),
    }
    return tuple(
        Evidence("triage", name, "", round(max(0.0, value / at), 3), round(value, 3), at, detail)
        for name, (value, at, detail) in words.items()
    )


def _by_channels(findings: Sequence[Finding]) -> Cause:
    """Questions 5 and 6 to the channels' own ratios."""
    image, embedding = _median([f.ratio("image") for f in findings]), _median([f.ratio("embedding") for f in findings])
    if image >= max(1.0, embedding):
        return "environment_change"
    return "new_class" if embedding >= 1 and _unsure(findings) else "population_change"


def contributions(findings: Sequence[Finding]) -> tuple[Contribution, ...]:
    """What makes most of the deviation, largest share first within each kind; a kind's shares add up to at most 1.

    Features: each loud channel's own decomposition, channels weighted by their squared ratios; waves of the kernel have no name that says anything.
    Classes: the change of each class's share in the mix that comes nearest, scaled by how much the mix explains. Cameras: their squared ratios.
    """
    loud = [(finding.camera, reading) for finding in findings for reading in finding.loud()]
    whole = sum(reading.ratio**2 for _, reading in loud) or 1.0
    features: dict[str, float] = {}
    cameras: dict[str, float] = {}
    for camera, reading in loud:
        weight = reading.ratio**2 / whole
        cameras[camera] = cameras.get(camera, 0.0) + weight
        for part in reading.parts:
            if not part.feature.startswith("kernel"):
                features[part.feature] = features.get(part.feature, 0.0) + weight * part.share
    classes: dict[str, float] = {}
    shapes = _shapes(findings)
    for shape in shapes:
        changed = sum(abs(now - was) for _, was, now in shape.mix) or 1.0
        for label, was, now in shape.mix:
            classes[label] = classes.get(label, 0.0) + shape.explained * abs(now - was) / changed / len(shapes)
    return (*_largest("feature", features), *_largest("class", classes), *_largest("camera", cameras))


def estimates_of(findings: Sequence[Finding]) -> tuple[Estimate, ...]:
    """Accuracy as the model expects it of itself, by CBPE and by ATC, then precision and recall by class, by CBPE: means over the cameras.

    Marked untrusted where the two disagree beyond their intervals, and where frames have left the reference: there a model may be wrong with confidence,
    and both may rise while the truth falls.
    """
    judged = [(f, f.performance) for f in findings if f.performance is not None and f.blocks]
    if not judged:
        return ()
    accuracy, *means = np.mean([tuple(performance) for _, performance in judged], axis=0).tolist()
    moved, half = (means[0], means[2]), (means[1], means[3])
    trusted = abs(moved[0] - moved[1]) <= half[0] + half[1] and not any(_left(f) for f, _ in judged)
    blocks = sum(f.blocks for f, _ in judged)
    rates: dict[str, list[Expectation]] = {}
    for finding, _ in judged:
        for expectation in finding.expected:
            rates.setdefault(expectation.metric, []).append(expectation)
    figures = [("accuracy (CBPE)", accuracy, moved[0], half[0]), ("accuracy (ATC)", accuracy, moved[1], half[1])]
    for metric, each in rates.items():
        before, change, width = np.mean([(e.before, e.moved, e.half) for e in each], axis=0).tolist()
        figures.append((f"{metric} (CBPE)", before, change, width))
    return tuple(_estimate(*figure, blocks, trusted) for figure in figures)


def _estimate(metric: str, before: float, moved: float, half: float, blocks: int, trusted: bool) -> Estimate:
    now, low, high = (round(cbpe.estimate(before, change), 4) for change in (moved, moved - half, moved + half))
    return Estimate(metric, "estimate", round(before, 4), now, low, high, blocks, trusted)


def _left(finding: Finding) -> bool:
    """Whether frames lie where the reference has none: the embedding is beyond its limit, or any channel is and something new is among them."""
    shape = finding.shape
    new = shape is not None and shape.explained < EXPLAINED and (shape.mixture >= MIXTURE or shape.entropy >= UNSURE)
    return finding.ratio("embedding") >= 1 or (new and finding.above > 0)


def _unsure(findings: Sequence[Finding]) -> bool:
    """Whether entropy rose above its limit on most of the cameras."""
    said = [
        e for f in findings for e in f.evidence() if e.channel == "softmax" and e.feature == "entropy" and e.value > e.reference
    ]
    return len(said) * 2 > len(findings)


def _shapes(findings: Sequence[Finding]) -> list[Shape]:
    return [finding.shape for finding in findings if finding.shape is not None]


def _mix(shape: Shape) -> str:
    """The classes whose share changed most, in words."""
    ordered = sorted(shape.mix, key=lambda entry: -abs(entry[2] - entry[1]))[:3]
    return ", ".join(f"{label} {was:.0%} -> {now:.0%}" for label, was, now in ordered)


def _largest(kind: str, shares: dict[str, float]) -> list[Contribution]:
    ordered = sorted(shares.items(), key=lambda entry: -entry[1])[:MOST_FEATURES]
    return [Contribution(kind, name, round(min(1.0, share), 4)) for name, share in ordered if share >= 0.005]  # type: ignore[arg-type]  # one of three


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
