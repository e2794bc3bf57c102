"""False alarms per camera-month and delays of the video channel on simulated sites (sites.py): the production code from closed minutes on.

Every opening of an alarm of an unlabelled channel of a camera counts, whatever became of it: stricter than pages. An alarm closes after four hours below
its limit. Pages are counted by the design's rule beside it. The peers judge the same minute means of luma in the same run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import ks_2samp, wasserstein_distance

from benchmarks.form import Figure, poisson_interval
from benchmarks.monitor.sites import ASPECTS, CAMERAS, LUMA, START, Floats, Sites
from monitor.incidents.severity import ANSWERS
from monitor.video import bank, limits
from monitor.video.aspect import DAY, Aspect
from monitor.video.bank import CLOSE, State
from monitor.video.plan import SHARES

PART: Final = "camera-months"
SEED: Final = 7000
"""Limits were tuned on seeds 100 and 101, and are reported on these: SEED for false alarms, SEED + 1 for delays, SEED + 2 for other budgets."""
REFERENCE_DAYS: Final = 28
MONTH_DAYS: Final = 30
SHIFTS: Final = (4.0, 2.0, 1.0)
HORIZON_DAYS: Final = 3
TOGETHER: Final = 60
"""Minutes within which two channels speak of one change."""
CAVEATS: Final = (
    "camera-months: simulated sites (benchmarks/monitor/sites.py): stationary weather, no seasons, no maintenance. Cameras of a site share their weather, so "
    "self alarms come in groups and the Poisson interval is narrower than the truth for them; the interval over whole sites stands beside it.",
    "camera-months: sigma is the standard deviation of the camera's own-context residual of the minute mean (self residual, as the almanac has it after 28 "
    "days); the shift is in luma alone, on one camera of eight. The month's false alarms are of days 29 to 58; those of the days before stand apart.",
    "camera-months: `always` alarms in every minute, `never` in none. The peers judge luma alone, with 28 days as reference where they take one.",
)


class Alarm(NamedTuple):
    """An opening: the minute since the start, where, and of what."""

    minute: int
    site: int
    camera: int
    family: str
    scope: str


@dataclass
class Watched:
    """Sites under watch: the records of every aspect, and the alarms that opened."""

    shape: tuple[int, ...]
    budget: float
    watched: tuple[Aspect, ...] = ASPECTS
    alarms: list[Alarm] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = {aspect.name: bank.start(aspect, self.shape) for aspect in self.watched}
        self.tails = {aspect.name: limits.tails(aspect, self.budget * SHARES[aspect.name]) for aspect in self.watched}

    def minute(self, number: int, means: dict[str, Floats]) -> None:
        """Judge minute `number` since the start; `means` by aspect [..., K, F]."""
        frozen = np.logical_or.reduce([state.alarmed() for state in self.states.values()])
        for aspect in self.watched:
            state = self.states[aspect.name]
            before = state.live["opened"] > 0
            bank.step(aspect, state, means[aspect.name], START + number, self.tails[aspect.name], frozen)
            for site, camera, c, p in np.argwhere((state.live["opened"] > 0) & ~before):
                self.alarms.append(Alarm(number, int(site), int(camera), aspect.channels[c].family, aspect.scopes[p]))


def figures(quick: bool) -> list[Figure]:
    """All figures of this part."""
    sites = 3 if quick else 20
    month = Watched((sites, CAMERAS), 1.0)
    luma = _live(month, Sites(sites, SEED))
    peers = _peers(luma)
    found = _rates(month, peers)
    for budget in () if quick else (0.25, 4.0):
        other = Watched((5, CAMERAS), budget)
        _live(other, Sites(5, SEED + 2))
        found.append(_rate(f"false alarms at budget {budget:g}", other, _of_month(other.alarms), goal=budget))
    return found + _delays(sites, onsets=3 if quick else 6) + _sizes()


def _live(watched: Watched, sites: Sites) -> Floats:
    """Reference and month; returns luma [minutes, sites, CAMERAS]."""
    luma = []
    for day in range(REFERENCE_DAYS + MONTH_DAYS):
        features = sites.features(sites.day())
        luma.append(features["image"][..., LUMA].astype(np.float32))
        for m in range(DAY):
            watched.minute(day * DAY + m, {name: values[m] for name, values in features.items()})
    return np.concatenate(luma)


def _of_month(alarms: list[Alarm]) -> list[Alarm]:
    return [alarm for alarm in alarms if alarm.minute >= REFERENCE_DAYS * DAY]


def _pages(alarms: list[Alarm]) -> list[Alarm]:
    """By the design's rule: two families within an hour of which one speaks of answers, or the picture of one camera against its peers. Those of one
    camera that are nearer than an alarm's closing are one page."""
    found: list[Alarm] = []
    last: dict[tuple[int, int], int] = {}
    for alarm in alarms:
        here = (alarm.site, alarm.camera)
        near = {a.family for a in alarms if (a.site, a.camera) == here and 0 <= alarm.minute - a.minute <= TOGETHER}
        is_page = (alarm.family, alarm.scope) == ("image", "peer") or (len(near) > 1 and any(family in near for family in ANSWERS))
        if is_page and alarm.minute - last.get(here, -DAY) > CLOSE:
            found.append(alarm)
            last[here] = alarm.minute
    return found


def _rates(month: Watched, peers: dict[str, float | None]) -> list[Figure]:
    counted = _of_month(month.alarms)
    cameras = int(np.prod(month.shape))
    young = [alarm for alarm in month.alarms if alarm.minute < REFERENCE_DAYS * DAY]
    low, high = _over_sites(counted, month.shape[0])
    per = "alarms per camera-month"
    return [
        _rate("false alarms, all channels", month, counted, goal=1.0, peers=peers),
        Figure(
            PART, "the same, interval over whole sites", per, len(counted) / cameras, low, high, "<= 1 (upper bound)", high <= 1
        ),
        *(_rate(f"false alarms, {scope}", month, [a for a in counted if a.scope == scope], goal=1.0) for scope in ("self", "peer")),
        _rate("false pages", month, _pages(counted), goal=1.0),
        _rate(
            "false alarms while warming up (days 8 to 28)",
            month,
            young,
            months=cameras * (REFERENCE_DAYS - 7) / MONTH_DAYS,
            goal=1.0,
        ),
        Figure(
            PART, "camera-months", "camera-months", cameras * 1.0, goal=">= 160 (whole run)", ok=True if cameras >= 160 else None
        ),
    ]


def _rate(
    name: str,
    watched: Watched,
    alarms: list[Alarm],
    goal: float,
    months: float | None = None,
    peers: dict[str, float | None] | None = None,
) -> Figure:
    exposure = months if months is not None else float(np.prod(watched.shape))
    low, high = poisson_interval(len(alarms), exposure)
    return Figure(
        PART,
        name,
        "alarms per camera-month",
        len(alarms) / exposure,
        low,
        high,
        f"<= {goal:g} (upper bound)",
        high <= goal,
        peers or {},
    )


def _over_sites(alarms: list[Alarm], sites: int) -> tuple[float, float]:
    """A bootstrap interval of alarms per camera-month that draws whole sites."""
    counts = np.bincount([alarm.site for alarm in alarms], minlength=sites) / CAMERAS
    rng = np.random.default_rng(0)
    means = counts[rng.integers(0, sites, (10_000, sites))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def _peers(luma: Floats) -> dict[str, float | None]:
    """False alarms per camera-month of the usual rules on the first site's minute means; the dummies beside them."""
    from river.drift import ADWIN, PageHinkley

    cut = REFERENCE_DAYS * DAY
    streams = [(luma[:cut, 0, k].astype(float), luma[cut:, 0, k].astype(float)) for k in range(CAMERAS)]

    def mean_of(rule: Callable[[Floats, Floats], int]) -> float:
        return float(np.mean([rule(reference, live) for reference, live in streams]))

    def daily_ks(reference: Floats, live: Floats) -> int:
        return sum(ks_2samp(reference, day).pvalue < 0.05 for day in live.reshape(-1, DAY))

    def hourly_wasserstein(reference: Floats, live: Floats) -> int:
        spread = max(float(reference.std()), 1e-3)
        thinned = reference[::20]
        return sum(wasserstein_distance(thinned, hour) / spread > 0.1 for hour in live.reshape(-1, 60))

    def river(detector: type) -> Callable[[Floats, Floats], int]:
        def rule(reference: Floats, live: Floats) -> int:
            made, count = detector(), 0
            for x in np.concatenate([reference, live])[cut - 7 * DAY :].tolist():
                made.update(x)
                count += made.drift_detected
            return round(count * MONTH_DAYS / (MONTH_DAYS + 7))

        return rule

    return {
        "always": float(MONTH_DAYS * DAY),
        "never": 0.0,
        "daily K-S p < 0.05": mean_of(daily_ks),
        "hourly Wasserstein > 0.1": mean_of(hourly_wasserstein),
        "river ADWIN": mean_of(river(ADWIN)),
        "river Page-Hinkley": mean_of(river(PageHinkley)),
    }


def _delays(sites: int, onsets: int) -> list[Figure]:
    """Steps of luma on the first camera of each site, at random times of the first day after the reference."""
    image = ASPECTS[0]
    tail = limits.tails(image, SHARES["image"])
    state, simulated = bank.start(image, (sites, CAMERAS)), Sites(sites, SEED + 1)
    for day in range(REFERENCE_DAYS):
        values = simulated.features(simulated.day())["image"]
        for m in range(DAY):
            bank.step(image, state, values[m], START + day * DAY + m, tail)
    sigma = np.sqrt(state.almanac["overall"][:, 0, 0, LUMA])
    ahead = np.concatenate([simulated.features(simulated.day())["image"] for _ in range(HORIZON_DAYS + 1)])
    starts = np.random.default_rng(SEED).integers(0, DAY, onsets)
    delays = np.concatenate([_until(image, state, ahead, int(start), sigma, tail) for start in starts], axis=1)
    found = [
        Figure(
            PART,
            "luma: peer residual over self residual",
            "sigma",
            float(np.median(np.sqrt(state.almanac["overall"][:, :, 1, LUMA]))),
        )
    ]
    goals = {("peer", 4.0): 0.2, ("peer", 2.0): 3.0}
    for s, shift in enumerate(SHIFTS):
        for p, scope in enumerate(("self", "peer")):
            hours = delays[s, :, p]
            value = float(np.median(hours))
            low, high = (float(np.quantile(hours, q, method="nearest")) for q in (0.25, 0.75))
            goal = goals.get((scope, shift))
            dummies: dict[str, float | None] = {"always": 0.0, "never": None}
            found.append(
                Figure(
                    PART, f"median delay, {shift:g} sigma step, {scope} (low, high: quartiles)", "h", _finite(value), _finite(low), _finite(high),
                    f"<= {goal:g}" if goal else "", value <= goal if goal else None, dummies,
                )
            )  # fmt: skip
            share = float(np.isfinite(hours).mean())
            found.append(Figure(PART, f"{shift:g} sigma step, {scope}: told within {24 * HORIZON_DAYS} h", "share", share))
    return found


def _until(image: Aspect, reference: State, ahead: Floats, start: int, sigma: Floats, tail: Floats) -> Floats:
    """Hours [shifts, sites, self and peer] from the step's first minute to the end of the one in which its alarm opens; infinite beyond the horizon."""
    n = len(SHIFTS)
    state = State(np.repeat(reference.live[None], n, axis=0), np.repeat(reference.almanac[None], n, axis=0))
    found = np.full((n, len(sigma), 2), np.inf)
    for m in range(start + HORIZON_DAYS * DAY):
        values = np.repeat(ahead[m][None], n, axis=0)
        if m >= start:
            values[:, :, 0, LUMA] += np.array(SHIFTS)[:, None] * sigma
        bank.step(image, state, values, START + REFERENCE_DAYS * DAY + m, tail)
        if m >= start:
            opened = state.live["opened"][:, :, 0, 0, :]
            told = opened >= START + REFERENCE_DAYS * DAY + start  # one that was open before tells nothing of the step
            found = np.where(np.isinf(found) & told, (m - start + 1) / 60, found)
    return found


def _sizes() -> list[Figure]:
    """Records of a camera with the production's aspects: 32 axes, 64 Fourier features, three classes."""
    from monitor.video import aspects

    whole = (aspects.image(), aspects.answers(("a", "b", "c"), True), aspects.embedding(32), aspects.kernel())
    live, almanac = sum(a.live.itemsize for a in whole), sum(a.almanac.itemsize for a in whole)
    return [
        Figure(PART, "live records of a camera", "bytes", float(live), goal="<= 8192", ok=live <= 8192),
        Figure(PART, "almanac records of a camera, saved once a slot", "bytes", float(almanac)),
    ]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
