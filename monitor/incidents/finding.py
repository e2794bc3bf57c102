"""A finding: what one camera's newest judged block says, as plain values. Items and video both make it; triage and the desks read nothing else."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from contracts.incidents import Evidence
from monitor.detectors.ewma import Floats
from monitor.incidents.history import Course

Family = Literal["image", "embedding", "softmax", "performance"]
Scope = Literal["self", "peer"]
"""Against the camera's own reference, or against the other cameras of its site at the same time."""
MOST_PARTS = 5


class Part(NamedTuple):
    """One feature's part in a channel's deviation."""

    feature: str
    value: float
    """Now, as watched (some statistics are logarithms)."""
    normal: float
    errors: float
    """The deviation in standard errors, with its sign."""
    share: float
    """Of the channel's squared deviation, 0 to 1."""


class Reading(NamedTuple):
    """One channel: its statistic over its own limit (1 is the crossing), since when, and its largest parts, at most MOST_PARTS, largest first."""

    channel: str
    family: Family
    scope: Scope
    ratio: float
    since: float
    """When its excursion began, Unix seconds; 0 while it is quiet."""
    parts: tuple[Part, ...]


class Performance(NamedTuple):
    """What the model expects of itself: the reference's accuracy, and by how much CBPE's and ATC's means moved since, with 95 % half-widths."""

    accuracy: float
    cbpe: float
    cbpe_half: float
    atc: float
    atc_half: float


class Expectation(NamedTuple):
    """A rate of a class that the model expects of itself: the reference's, how far the expectation moved since, and the 95 % half-width."""

    metric: str
    """For instance `recall of crack`."""
    before: float
    moved: float
    half: float


class Shape(NamedTuple):
    """How the frames of the newest blocks lie beside the reference one by one; lengths in standard deviations of single frames."""

    mean: Floats
    """[F]: where the mean frame lies"""
    moved: float
    """Squared length of the means' movement."""
    explained: float
    """The share of it that another mix of the known classes explains, 0 to 1."""
    mixture: float
    """Of what that leaves: 0 when all frames moved together, (1 - p) / p when a share p of them did and the others stayed."""
    image: float
    """The largest movement left among the image statistics, that of `statistic`."""
    embedding: float
    """The length of the movement left in the embedding."""
    entropy: float
    """Of the model's answers, left over in the same sense, in deviations of single frames: above 0 it is less sure than on another mix."""
    statistic: str
    mix: tuple[tuple[str, float, float], ...]
    """Each class's share in the reference and in the mix that comes nearest."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One camera under one version. `above` counts blocks in a row with a channel at its limit; `blocks` all that were judged."""

    camera: str
    version: str
    blocks: int
    above: int
    block_since: float
    readings: tuple[Reading, ...]
    performance: Performance | None = None
    shape: Shape | None = None
    course: Course | None = None
    """How it came about, block by block."""
    expected: tuple[Expectation, ...] = ()
    departure: Floats | None = None
    """Of video, [10 + A] or [10]: how far the last hour lies from what the camera shows at this time of day, in the features' floors: the image statistics,
    then the embedding's axes where these have a history."""

    def ratio(self, family: Family, scope: Scope | None = None) -> float:
        """The highest ratio among a family's channels, 0 without one."""
        return max((r.ratio for r in self.readings if r.family == family and scope in (None, r.scope)), default=0.0)

    def loud(self) -> list[Reading]:
        """The channels at or above their limits, else the worst one; highest ratio first."""
        ordered = sorted(self.readings, key=lambda reading: -reading.ratio)
        return [reading for reading in ordered if reading.ratio >= 1] or ordered[:1]

    def evidence(self) -> list[Evidence]:
        """The loud channels, each with the feature that leads it."""
        return [
            Evidence(
                reading.channel,
                reading.parts[0].feature,
                self.camera,
                round(reading.ratio, 3),
                *_short(reading.parts[0].value, reading.parts[0].normal),
            )
            for reading in self.loud()
            if reading.parts
        ]

    def since(self) -> float:
        """When the excursion of the channels above their limits began."""
        return min((reading.since for reading in self.readings if reading.ratio >= 1 and reading.since), default=self.block_since)


def _short(value: float, normal: float) -> tuple[float, float]:
    """Both to four figures, and to 0 what is no more than a thousandth of their distance."""
    least = abs(value - normal) / 1000
    return tuple(float(f"{each:.4g}") if abs(each) > least else 0.0 for each in (value, normal))  # type: ignore[return-value]
