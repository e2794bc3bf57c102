"""The figures of a replay: per budget what it would have cost and found, with intervals, and what a reader must know to trust them."""

from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec
from scipy.special import gammaincinv

from monitor.backtest.recorded import Source
from monitor.backtest.running import Seen, Trial
from monitor.backtest.truth import Change, Found, score
from monitor.policy import Policy

MONTH_S: Final = 30 * 86_400.0
SCHEMA: Final = 1
SPEED_SLACK: Final = 1.25
"""Frames a second that differ by more than this factor from the setting shift the budget by as much: then it is said."""


class Rate(msgspec.Struct, frozen=True):
    """Events per camera-month with the exact 95 % Poisson interval (Garwood 1936)."""

    value: float
    low: float
    high: float


class Kind(msgspec.Struct, frozen=True):
    """The marked changes of one cause. Delays in seconds, over those that were found; None without any."""

    cause: str
    changes: int
    found: int
    missed: int
    paged: int
    median_delay_s: float | None
    worst_delay_s: float | None
    median_page_delay_s: float | None


class Marked(msgspec.Struct, frozen=True):
    """One marked change and what became of it. Delays in seconds; None: it was not found, or not paged."""

    name: str
    at: float
    until: float | None
    cameras: tuple[str, ...]
    site: str
    cause: str
    type: str
    found: bool
    delay_s: float | None
    page_delay_s: float | None
    incident_id: str
    told_cause: str
    told_type: str
    already_open: str


class BudgetFigures(msgspec.Struct, frozen=True):
    """What one budget would have given. Without marked changes every page counts as false: the rate is then an upper bound."""

    budget: float
    incidents: int
    tickets: int
    pages: int
    false_incidents: int
    false_pages: int
    false_pages_per_camera_month: Rate
    false_incidents_per_camera_month: Rate
    reminders: int
    retrain_requests: int
    missed: int
    demoted: dict[str, str]
    """Versions whose drift was told as tickets only, with the reason."""
    kinds: list[Kind]
    changes: list[Marked]


class Summary(msgspec.Struct, frozen=True):
    """summary.json. `events_per_second` and `seconds` depend on the machine, all else follows from the events. Times in Unix seconds."""

    schema: int
    model: str
    baseline: str
    first_at: float
    last_at: float
    cameras: int
    camera_months: float
    frames_per_second: float
    """Of an `items` camera while it sends, the median over cameras; 0 without one."""
    events: int
    broken: int
    refused: int
    unused: dict[str, int]
    versions: dict[str, int]
    unjudged: dict[str, str]
    """Versions without a verdict on drift, with the reason."""
    unready: dict[str, str]
    """Cameras that were not, or not fully, judged for drift even in the end, with the reason. They count as watched."""
    has_truth: bool
    window_s: float
    seconds: float
    events_per_second: float
    false_pages_per_camera_month: float
    """The first budget's, as those of `delay_s`, for scripts."""
    delay_s: dict[str, float | None]
    """Of each marked change to its first incident; None: missed."""
    budgets: list[BudgetFigures]
    sources: list[Source]
    policy: Policy
    notes: list[str]
    broken_reasons: list[str]


def summarise(
    *, model: str, baseline: str, policy: Policy, seen: Seen, trials: Sequence[Trial], changes: list[Change] | None, window_s: float,
    sources: list[Source], seconds: float,
) -> Summary:  # fmt: skip
    """The figures of a finished replay."""
    months = sum(watched.seconds for watched in seen.cameras.values()) / MONTH_S
    speeds = [w.frames / w.seconds for w in seen.cameras.values() if w.seconds and w.stream == "items"]
    inside = [change for change in changes or [] if seen.first_at <= change.at <= seen.last_at]
    figures = [_figures(trial, inside, window_s, months) for trial in trials]
    unjudged = {version: why for version in sorted(seen.versions) if (why := trials[0].standards(version).unjudged)}
    unready = {camera: why for camera, why in trials[0].unready().items() if why not in unjudged.values()}
    speed = median(speeds) if speeds else 0.0
    first = figures[0]
    return Summary(
        schema=SCHEMA,
        model=model,
        baseline=baseline,
        first_at=seen.first_at,
        last_at=seen.last_at,
        cameras=len(seen.cameras),
        camera_months=months,
        frames_per_second=speed,
        events=seen.events,
        broken=sum(source.broken for source in sources),
        refused=seen.refused,
        unused=seen.unused,
        versions=dict(sorted(seen.versions.items())),
        unjudged=unjudged,
        unready=unready,
        has_truth=changes is not None,
        window_s=window_s,
        seconds=seconds,
        events_per_second=seen.events / seconds if seconds else 0.0,
        false_pages_per_camera_month=first.false_pages_per_camera_month.value,
        delay_s={marked.name: marked.delay_s for marked in first.changes},
        budgets=figures,
        sources=sources,
        policy=policy,
        notes=_notes(seen, speed, policy, changes, inside, unjudged, sources, model) + _unready(unready) + _doubts(figures, months),
        broken_reasons=[reason for source in sources for reason in source.reasons] + seen.reasons,
    )


def rate(count: int, months: float) -> Rate:
    """A count over camera-months; zeros where nothing was watched."""
    if not months:
        return Rate(0.0, 0.0, 0.0)
    low = float(gammaincinv(count, 0.025)) if count else 0.0
    return Rate(count / months, low / months, float(gammaincinv(count + 1, 0.975)) / months)


def _unready(unready: dict[str, str]) -> list[str]:
    """Cameras by the reason; while they learn they raise no false page, and the rate looks better than it is."""
    by_reason: dict[str, list[str]] = {}
    for camera, why in unready.items():
        by_reason.setdefault(why, []).append(camera)
    return [
        f"{len(cameras)} of the cameras ({', '.join(cameras[:3])}{', …' if len(cameras) > 3 else ''}) had no full verdict on drift even in the end: {why}."
        for why, cameras in by_reason.items()
    ]


def _doubts(figures: list[BudgetFigures], months: float) -> list[str]:
    """Where a version cannot keep a budget, and where the events are too few to tell: even no false page leaves 3.7 over the camera-months possible."""
    notes = [f"At budget {one.budget:g}, version {version}: {why}." for one in figures for version, why in one.demoted.items()]
    least = min(one.budget for one in figures)
    if not months or rate(0, months).high > least:
        needed = rate(0, 1.0).high / least
        notes.append(
            f"{months:.3g} camera-months are too few to show that a budget of {least:g} is kept: it takes {needed:.3g} without a false page."
        )
    return notes


def _figures(trial: Trial, changes: list[Change], window_s: float, months: float) -> BudgetFigures:
    entries = list(trial.ledger.entries.values())
    found = score(changes, entries, window_s)
    pages = [entry for entry in entries if entry.paged_at is not None]
    false_pages = sum(not entry.change for entry in pages)
    false_incidents = sum(not entry.change for entry in entries)
    return BudgetFigures(
        budget=trial.budget,
        incidents=len(entries),
        tickets=len(entries) - len(pages),
        pages=len(pages),
        false_incidents=false_incidents,
        false_pages=false_pages,
        false_pages_per_camera_month=rate(false_pages, months),
        false_incidents_per_camera_month=rate(false_incidents, months),
        reminders=sum(entry.reminders for entry in entries),
        retrain_requests=trial.ledger.retrain_requests,
        missed=sum(one.missed for one in found),
        demoted=_demoted(trial),
        kinds=[_kind(cause, [one for one in found if one.change.cause == cause]) for cause in sorted({c.cause for c in changes})],
        changes=[_marked(one) for one in found],
    )


def _demoted(trial: Trial) -> dict[str, str]:
    """Of the versions that drift was told of: asking the others costs a rehearsal."""
    told = {entry.latest.version for entry in trial.ledger.entries.values() if entry.latest.cause != "camera_fault"}
    return {version: why for version in sorted(told) if version and (why := trial.standards(version).demoted)}


def _kind(cause: str, found: list[Found]) -> Kind:
    delays = [one.delay_s for one in found if one.delay_s is not None]
    pages = [one.page_delay_s for one in found if one.page_delay_s is not None]
    return Kind(
        cause=cause,
        changes=len(found),
        found=len(delays),
        missed=len(found) - len(delays),
        paged=len(pages),
        median_delay_s=median(delays) if delays else None,
        worst_delay_s=max(delays, default=None),
        median_page_delay_s=median(pages) if pages else None,
    )


def _marked(one: Found) -> Marked:
    change = one.change
    return Marked(
        change.name, change.at, change.until, change.cameras, change.site, change.cause, change.type,
        not one.missed, one.delay_s, one.page_delay_s, one.incident_id, one.cause, one.type, one.already_open,
    )  # fmt: skip


def _notes(
    seen: Seen, speed: float, policy: Policy, changes: list[Change] | None, inside: list[Change], unjudged: dict[str, str],
    sources: list[Source], model: str,
) -> list[str]:  # fmt: skip
    """What a reader must know, most important first."""
    notes = []
    if changes is None:
        notes.append("No changes are marked (--truth): every page counts as false, so the rate is an upper bound.")
    for change in changes or []:
        if change not in inside:
            notes.append(f"{change.name} lies outside of the events' time: left out.")
        for camera in sorted(set(change.cameras) - set(seen.cameras)):
            notes.append(f"{change.name} names the camera {camera}, which sent nothing.")
    if speed and not 1 / SPEED_SLACK <= speed / policy.frames_per_second <= SPEED_SLACK:
        notes.append(
            f"The cameras sent {speed:.3g} frames a second (median), the settings say {policy.frames_per_second:g}: "
            f"limits are calibrated for the latter. Set frames_per_second = {speed:.3g}."
        )
    notes += [
        f"{seen.versions[version]:,} frames of version {version} were judged for camera health only: {why}."
        for version, why in unjudged.items()
    ]
    notes += [f"{count:,} events of model {other} left out." for other, count in sorted(seen.models.items()) if other != model]
    for source in sources:
        notes += [f"{source.name}: {source.broken:,} broken lines passed over."] if source.broken else []
        notes += [f"{source.name} was not in order of time: sorted on disk first."] if source.sorted else []
        notes += [f"{source.name}: {source.late:,} events came late, and were judged when they came."] if source.late else []
        notes += [f"{source.name} {source.cut_off}: only what it holds until there was replayed."] if source.cut_off else []
    empty = [source.name for source in sources if not (source.events or source.broken or source.cut_off)]
    notes += [f"Empty: {', '.join(empty)}."] if empty else []
    if seen.refused:
        notes.append(f"{seen.refused:,} events could not be judged; the live monitor sends such to the dead letters.")
    if seen.unused:
        notes.append(
            f"{', '.join(f'{count:,} {kind}' for kind, count in sorted(seen.unused.items()))} left out: the monitor does not read them."
        )
    return notes
