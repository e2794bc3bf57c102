"""An incident's page, in the order in which somebody who was woken asks: what is wrong since when, what to do, how bad it is, and what speaks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import quote

from contracts.channels import Channels
from contracts.events import RolloutAdvanced
from contracts.health import Answer
from contracts.incidents import Contribution, Estimate, Evidence, Incident
from monitor.console import charts, shell
from monitor.console.incident_book import IncidentView
from monitor.console.incident_story import led_to, timeline
from monitor.console.incidents import parted, path_of, words
from monitor.console.ordered import orders_about
from monitor.console.orders import FALSE, OVER
from monitor.console.photographs import Photograph, figures
from monitor.console.shell import PREFIX, Frame, act, ago, badge, clock, facts, ratio, table
from monitor.console.versions import confirm, link, roll_back_act, rollout_card
from monitor.console.view import View
from monitor.report.shapes import Shape

MOST_CAMERAS: Final = 12
MOST_NAMED: Final = 500
"""With those that are folded away: some 50 kB of a page."""
CAUSES: Final[Mapping[str, str]] = {
    "camera_fault": "the camera itself: lens, mount, cable or light",
    "environment_change": "light, exposure, haze or vibration: all cameras that share it show it",
    "population_change": "another mix of the known classes, or objects unlike the reference's",
    "new_class": "some frames hold what the model was never taught",
    "concept_drift": "inputs look as ever, answers have become wrong: the criterion changed, or the labels did",
    "pipeline_change": "pictures changed their size or codec: something was deployed to cameras or gateway",
    "quality_decay": "answers are wrong by the labels, and the inputs cannot be judged here",
    "job_failed": "a training job failed to its last attempt",
}
TYPES: Final[Mapping[str, str]] = {
    "sudden": "from one block to the next",
    "gradual": "old and new in turn, the new growing",
    "incremental": "a slow ramp",
    "recurring": "what was seen before came back",
}


@dataclass(frozen=True, slots=True)
class Exhibits:
    """What lies beside an incident: photographs of before and since with what is missing of them, distributions, and the names of runbooks."""

    before: Sequence[Photograph] = ()
    since: Sequence[Photograph] = ()
    left_out: str = ""
    shapes: Sequence[Shape] = ()
    runbooks: frozenset[str] = frozenset()


def one(frame: Frame, view: View, shown: IncidentView, exhibits: Exhibits, channels: Channels | None) -> Answer:
    """The page."""
    incident = shown.incident
    what, much = parted(incident.headline)
    opened = f"opened {ago(incident.opened_at, frame.now)}"
    body = f"""<p class="kind">{badge(incident.severity)} {badge(shown.state)} {opened} · {escape(incident.site or "all sites")}</p>
<h1>{escape(what)}</h1>
{_lead(much)}{_standing(shown)}
<div class="acts">{_acts(frame, shown)}{_back(frame, shown, _under_way(view), channels)}</div>
{facts(_facts(incident, shown, frame.now))}
{_way(frame, _under_way(view), channels)}
{_estimates(incident.estimates)}
{_photographs(exhibits)}
{_shapes(incident, exhibits.shapes)}
{_evidence(incident.evidence)}
{_contributions(incident.contributions)}
{led_to(view, incident, frame.now)}
{timeline(shown)}
{orders_about(view, incident.incident_id, frame.now)}
{_more(incident, exhibits.runbooks)}"""
    return shell.page(frame, "incidents", what, body, refresh_s=20 if shown.closed_at is None else 0)


def _lead(much: str) -> str:
    return f'<p class="lead">{escape(much)}</p>' if much else ""


def _standing(shown: IncidentView) -> str:
    if shown.closed_at is not None:
        return f'<p class="notice good"><b>It is over</b> since {clock(shown.closed_at)}. {escape(shown.resolution)}</p>'
    by = shown.incident.acknowledged_by
    seen = f'<p class="notice soft">Seen by {escape(by)}.</p>' if by else ""
    return f'{seen}<p class="notice wait"><b>What to do.</b> {escape(shown.incident.action)}</p>'


def _acts(frame: Frame, shown: IncidentView) -> str:
    incident, where = shown.incident, path_of(shown.incident.incident_id)
    found = ""
    if incident.cause != "job_failed":
        if shown.closed_at is None and not incident.acknowledged_by:
            explained = "Says that you have seen it: reminders end. Nothing else changes."
            found += act(frame, "Acknowledge", explained, f"{where}/acknowledge")
        if not shown.false_alarm:
            explained = "It closes, its cameras' drift is muted until they are quiet, and its channels' limits stay raised above it for weeks."
            found += act(frame, "Mark as a false alarm", explained, f"{where}/false-alarm", confirm(FALSE), danger=True)
    explained = (
        "On the labels that are there. It does not wait for the cooldown and passes the budget; gates and rollout stand as ever."
    )
    return found + act(frame, "Ask for a retraining", explained, f"{where}/retrain")


def _under_way(view: View) -> RolloutAdvanced | None:
    rollout = view.newest_rollout()
    return rollout if rollout is not None and rollout.state not in OVER else None


def _back(frame: Frame, shown: IncidentView, rollout: RolloutAdvanced | None, channels: Channels | None) -> str:
    """The way back from the version that an open incident is about, where it serves and nothing is on its way: then the order stands there."""
    incident = shown.incident
    here = (
        shown.closed_at is None
        and incident.cause != "camera_fault"
        and channels is not None
        and channels.champion == incident.version
    )
    return roll_back_act(frame, channels) if here and rollout is None else ""


def _way(frame: Frame, rollout: RolloutAdvanced | None, channels: Channels | None) -> str:
    """What is on its way, and the way back."""
    if rollout is None:
        return ""
    return f'<h2>On its way</h2>{rollout_card(frame, rollout)}<div class="acts">{roll_back_act(frame, channels)}</div>'


def _facts(incident: Incident, shown: IncidentView, now: float) -> dict[str, str]:
    kind = f"{incident.drift_type}: {TYPES[incident.drift_type]}" if incident.drift_type else ""
    wanted, label = incident.labels_wanted, f'<a href="{PREFIX}/labels">Label frames</a>'
    return {
        "Since": f"{clock(incident.since)}, {ago(incident.since, now)}",
        "Cameras": _cameras(incident.cameras),
        "Cause": f"<b>{escape(words(incident.cause))}</b>: {escape(CAUSES.get(incident.cause, ''))}",
        "Type": escape(kind) + (f"; version {link(incident.recurs)} served it then" if incident.recurs else ""),
        "Version": link(incident.version) if incident.version else "",
        "Labels": f"{incident.labels_have:,} of {wanted:,} that would settle whether it does harm. {label}" if wanted else "",
        "Last word": ago(shown.said_at, now),
    }


def _cameras(names: Sequence[str]) -> str:
    """The first of them, and more folded away."""
    first, more, left = names[:MOST_CAMERAS], names[MOST_CAMERAS:MOST_NAMED], len(names) - MOST_NAMED
    shown = ", ".join(map(_camera, first))
    if not more:
        return shown
    rest = ", ".join(map(_camera, more)) + (f" and {left:,} more" if left > 0 else "")
    return f"{shown} <details><summary>and {len(names) - MOST_CAMERAS:,} more</summary>{rest}</details>"


def _camera(name: str) -> str:
    return f'<a href="{PREFIX}/cameras/{quote(name, safe="")}">{escape(name)}</a>'


def _estimates(estimates: Sequence[Estimate]) -> str:
    if not estimates:
        return ""
    rows = [
        (
            escape(words(one.metric)),
            f'<span class="number">{one.before:.3f}</span>',
            f'<b class="number">{one.now:.3f}</b> <small class="soft number">{one.low:.2f} to {one.high:.2f}</small>',
            f"{one.n:,} labels" if one.kind == "labels" else "the model's own expectation, without labels",
            "yes" if one.trusted else '<span class="badge wait">no</span> inputs have left the reference, or two methods disagree',
        )
        for one in sorted(estimates, key=lambda one: not one.trusted)  # what can be relied on stands first
    ]
    return f"<h2>What it costs</h2>{table('estimates', ('figure', 'before', 'now', 'by', 'to be trusted'), rows, '')}"


def _photographs(exhibits: Exhibits) -> str:
    if not exhibits.before and not exhibits.since and not exhibits.left_out:
        return ""
    left_out = f'<p class="soft">{escape(exhibits.left_out)}</p>' if exhibits.left_out else ""
    sides = figures("Since it began", exhibits.since) + figures("Before it began", exhibits.before)
    return f"""<h2>What the cameras see</h2><p class="soft">Sampled frames, the newest of each side. Where only some frames changed, most may look as ever.</p>
<div class="sides" id="photographs">{sides}</div>{left_out}"""


def _shapes(incident: Incident, shapes: Sequence[Shape]) -> str:
    if not shapes and incident.report:
        where = f'<a href="{escape(incident.report, quote=True)}">its report</a>'
        return (
            f'<h2>What moved</h2><p class="soft">It is drawn here once {where} is made, some ten seconds after it is asked for.</p>'
        )
    if not shapes:
        return ""
    drawn = "".join(map(charts.shape, shapes))
    return f"""<h2>What moved</h2><p class="soft">What lies farthest from the reference: <span class="key before">reference</span> and
<span class="key now">since it began</span>, as shares of frames. The distance is 0 for the same, 1 for nothing in common.</p>
<div class="card shapes" id="shapes">{drawn}</div>"""


def _evidence(evidence: Sequence[Evidence]) -> str:
    rows = [
        (
            escape(one.channel),
            escape(one.feature),
            _camera(one.camera) if one.camera else "all",
            ratio(one.ratio),
            f'<span class="number">{one.value:.4g}</span>',
            f'<span class="number">{one.reference:.4g}</span>',
            escape(one.detail),
        )
        for one in evidence
    ]
    head = ("channel", "led by", "camera", "times its limit", "now", "reference", "in words")
    return f"<h2>Evidence</h2>{table('evidence', head, rows, '')}" if rows else ""


def _contributions(contributions: Sequence[Contribution]) -> str:
    rows = [
        (one.kind, escape(one.name), f'<progress max="1" value="{one.share:.3f}" aria-label="share"></progress> {one.share:.0%}')
        for one in contributions
    ]
    head = ("kind", "name", "share of the deviation")
    return f"<h2>Where it comes from</h2>{table('contributions', head, rows, '')}" if rows else ""


def _more(incident: Incident, runbooks: frozenset[str]) -> str:
    lines = []
    if incident.report:
        where = escape(incident.report, quote=True)
        lines.append(f'<a href="{where}">The report</a>: every column beside the reference, and Evidently\'s own page')
    lines += [
        f'<a href="{PREFIX}/runbooks/{name}">The runbook</a>: what to look at, in which order'
        for name in sorted(runbooks)
        if name == "KeepsightIncident"
    ]
    number = escape(incident.incident_id)
    lines.append(f"Its id is <code>{number}</code>, for <code>keepsight acknowledge</code> and <code>keepsight false-alarm</code>")
    return f'<h2>More</h2><ul class="plain">{"".join(f"<li>{line}</li>" for line in lines)}</ul>'
