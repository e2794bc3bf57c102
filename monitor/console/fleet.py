"""The first page: is anything wrong, and where? What is open, how well the champion answers, how cameras fare, how fresh it all is, what trains."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote, urlencode

from contracts.channels import Channels
from contracts.health import Answer
from monitor.console import charts, shell
from monitor.console.incident_book import IncidentView
from monitor.console.incidents import card
from monitor.console.jobs import title
from monitor.console.orders import OVER
from monitor.console.shell import PREFIX, Frame, ago, badge, facts, span, table
from monitor.console.versions import SILENT_S, link
from monitor.console.view import ACTIVE, View
from monitor.overview import STATES, CameraView, Overview

MOST_INCIDENTS: Final = 6
MOST_SITES: Final = 12
WRONG: Final = ("fault", "drifted", "suspect", "no_verdict")
"""The states of cameras that somebody should know of, the gravest first."""
BEHIND_S: Final = 60.0
"""So far behind the log, or without a frame for so long, is worth a word."""
METRICS: Final = ("accuracy", "balanced_accuracy", "recall", "precision", "auc", "map50", "frame_f1")
_SEND: Final = "keepsight-camera --server http://SERVING:8080 --camera NAME FOLDER"


def shown(frame: Frame, view: View, seen: Overview | None, channels: Channels | None, away: str) -> Answer:
    """The page. `seen` is None until the monitor has looked for the first time; `away` says why the channels are not known, "" when they are."""
    opened = view.incidents.open()
    body = f"""<h1>{_verdict(frame, opened, seen)}</h1>
{_standing(seen)}<section id="incidents" aria-label="Open incidents">{_incidents(frame, opened)}</section>
<div class="tiles">{_model(frame, view, seen, channels, away)}{_cameras(seen)}{_fresh(frame, view, seen)}{_training(frame, view)}</div>
{_sites(seen)}"""
    return shell.page(frame, "", "Fleet", body, refresh_s=15)


def _verdict(frame: Frame, opened: Sequence[IncidentView], seen: Overview | None) -> str:
    pages = sum(one.incident.severity == "page" for one in opened)
    tickets = len(opened) - pages
    said = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in (("page", pages), ("ticket", tickets)) if count]
    if said:
        return f"{' and '.join(said)} open"
    if seen is None or not seen.cameras or seen.role != "active":
        return "No frame yet" if seen is not None and seen.role == "active" else "No incident is open"
    unsure = _unsure(frame, seen)
    return f"No incident is open, but {unsure}" if unsure else "Nothing is wrong"


def _unsure(frame: Frame, seen: Overview) -> str:
    """Why nobody can say that nothing is wrong (HTML); "" where one can."""
    if frame.trouble:
        return "the log is not read to its end"
    if frame.now - seen.made_at > BEHIND_S:
        return f"the monitor has not looked for {span(frame.now - seen.made_at)}"
    if (behind := frame.now - seen.watermark) > BEHIND_S:
        return f"judging is behind by {span(behind)}" if seen.lag else f"no frame came for {span(behind)}"
    return f"version {escape(seen.champion)} cannot be judged" if seen.versions.get(seen.champion, {}).get("unjudged") else ""


def _standing(seen: Overview | None) -> str:
    """What keeps this page from telling all."""
    if seen is None:
        told = "The monitor has not looked at its cameras yet: that takes seconds after a start, longer where it waits for its state or the log."
        return f'<p class="notice wait">{told}</p>'
    if seen.role == "standby":
        told = "This monitor stands by: another replica judges, and its console shows the cameras. Incidents, jobs and versions are the same here."
        return f'<p class="notice wait">{told}</p>'
    if not seen.cameras:
        told = "or a <code>POST /v1/frames</code> to serving. A camera is judged from its first block of frames on."
        return f'<p class="lead">Send one: <code>{_SEND}</code>, {told}</p>'
    return ""


def _incidents(frame: Frame, opened: Sequence[IncidentView]) -> str:
    cards = "".join(card(one, frame.now) for one in opened[:MOST_INCIDENTS])
    left = len(opened) - MOST_INCIDENTS
    more = f'<p><a href="{PREFIX}/incidents">{left} more</a></p>' if left > 0 else ""
    return cards + more


def _tile(name: str, heading: str, body: str) -> str:
    return f'<section class="card" id="{name}"><h2>{heading}</h2>{body}</section>'


def _model(frame: Frame, view: View, seen: Overview | None, channels: Channels | None, away: str) -> str:
    if away:
        told = f'<p class="notice wait">Who is in service cannot be seen: {escape(away)}. Servers go on with the version that they have.</p>'
        return _tile("model", f"Model {escape(frame.model)}", told)
    if channels is None:
        return _tile(
            "model", "Model", '<p class="lead">No version is in service: bring one with <code>keepsight import-model</code>.</p>'
        )
    of_version = seen.versions.get(channels.champion, {}) if seen is not None else {}
    rollout = view.newest_rollout()
    way = ""
    if rollout is not None and rollout.state not in OVER:
        way = f"{link(rollout.version)} {badge(rollout.state)} {f'{rollout.share:.0%} of the cameras' if rollout.share else ''}"
    said = {"Champion": f"{link(channels.champion)}, since {span(frame.now - channels.changed_at)}", "On its way": way}
    return _tile("model", f"Model {escape(frame.model)}", facts(said) + _quality(of_version))


def _quality(of_version: Mapping[str, Any]) -> str:
    """Benchmark, realised and estimated, side by side."""
    benchmark, realised, estimated = (of_version.get(name) or {} for name in ("benchmark", "realised", "estimated"))
    rows = [
        (
            escape(name.replace("_", " ")),
            _metric(benchmark.get(name)),
            _metric(realised.get(name)),
            _metric(estimated) if name == "accuracy" and estimated else "",
        )
        for name in METRICS
        if name in benchmark or name in realised or (name == "accuracy" and estimated)
    ]
    unjudged = of_version.get("unjudged", "")
    told = f'<p class="notice wait">No verdict: {escape(unjudged)}</p>' if unjudged else ""
    labels = of_version.get("labels", 0)
    if not labels:
        told += f'<p class="soft">No label yet measures this version. <a href="{PREFIX}/labels">Label frames</a></p>'
    if estimated and (estimated["beyond"] or not estimated["agrees"]):
        why = (
            f"frames of {estimated['beyond']} of {estimated['cameras']} cameras have left the reference"
            if estimated["beyond"]
            else "two methods disagree"
        )
        told += f'<p class="soft">The estimate is not to be trusted: {why}.</p>'
    head = ("figure", "benchmark", f"by {labels:,} labels" if labels else "by labels", "estimated")
    return table("quality", head, rows, "No figure yet.") + told


def _metric(metric: Mapping[str, float] | None) -> str:
    if not metric:
        return ""
    return f'<b>{metric["value"]:.3f}</b> <small class="soft number">{metric["low"]:.2f} to {metric["high"]:.2f}</small>'


def _cameras(seen: Overview | None) -> str:
    if seen is None or not seen.cameras:
        return _tile("cameras", "Cameras", '<p class="soft">None yet.</p>')
    states = Counter(camera.state for camera in seen.cameras)
    counts = {state: states[state] for state in (*WRONG, "warming", "away", "audit", "quiet")}
    rows = "".join(
        f'<li><a href="{PREFIX}/cameras?state={state}">{badge(state)}</a> <span class="number">{count:,}</span></li>'
        for state, count in counts.items()
        if count
    )
    heading = f'<a href="{PREFIX}/cameras">{len(seen.cameras):,} camera{"" if len(seen.cameras) == 1 else "s"}</a>'
    return _tile("cameras", heading, f'{charts.bar(counts)}<ul class="states">{rows}</ul>')


def _fresh(frame: Frame, view: View, seen: Overview | None) -> str:
    servers = view.servers()
    silent = sum(frame.now - server.occurred_at > SILENT_S for server in servers)
    scoring = f"{len(servers)} report{'s' if len(servers) == 1 else ''}" if servers else "none has reported"
    said = {"Servers": scoring + (f", {badge('silent')} {silent}" if silent else "")}
    if seen is not None and seen.watermark:
        behind = frame.now - seen.watermark
        if seen.lag and behind > BEHIND_S:
            verdict = f'<span class="badge wait">behind</span> by {span(behind)}: {seen.lag:,} records wait to be judged'
        elif behind > BEHIND_S:
            verdict = f"no frame for {span(behind)}, and none waits: do the cameras send, and does serving reach the log?"
        else:
            verdict = f"up to date: {seen.lag:,} records wait to be judged"
        said = {"Judged up to": ago(seen.watermark, frame.now), "That is": verdict, **said}
    if seen is not None:
        said["Looked at"] = ago(seen.made_at, frame.now)
    return _tile("freshness", "Freshness", facts(said))


def _training(frame: Frame, view: View) -> str:
    active = sorted(view.jobs(ACTIVE), key=lambda job: ACTIVE.index(job.last.state))
    items = "".join(
        f'<li>{badge(job.last.state)} <a href="{PREFIX}/jobs/{quote(job.last.job_id, safe="")}">{escape(title(job.last))}</a>, '
        f"{ago(job.began_at, frame.now)}</li>"
        for job in active[:4]
    )
    jobs = f'<ul class="plain">{items}</ul>' if items else '<p class="soft">Nothing trains or waits.</p>'
    more = f'<p><a href="{PREFIX}/jobs">{len(active) - 4} more</a></p>' if len(active) > 4 else ""
    wanted = f'<p><a href="{PREFIX}/labels">{frame.wanted} frames wait for a label</a></p>' if frame.wanted else ""
    return _tile("training", "Training", jobs + more + wanted)


def _sites(seen: Overview | None) -> str:
    """The sites, those with most that is wrong first."""
    if seen is None or len({camera.site for camera in seen.cameras}) < 2:
        return ""
    sites: dict[str, Counter[str]] = {}
    for camera in seen.cameras:
        sites.setdefault(camera.site, Counter())[camera.state] += 1
    order = sorted(sites, key=lambda site: (*(-sites[site][state] for state in WRONG), site))
    rows = [
        (
            f'<a href="{PREFIX}/cameras?{escape(urlencode({"site": site}))}">{escape(site or "(no site)")}</a>',
            f"{sites[site].total():,}",
            *(f"{sites[site][state]:,}" if sites[site][state] else "" for state in WRONG),
            charts.bar({state: sites[site][state] for state in (*WRONG, *_REST)}),
        )
        for site in order[:MOST_SITES]
    ]
    head = ("site", "cameras", *(state.replace("_", " ") for state in WRONG), "all")
    left = len(order) - MOST_SITES
    more = f'<p class="soft">{left:,} more sites have nothing worse.</p>' if left > 0 else ""
    return f"<h2>Sites</h2>{table('sites', head, rows, '')}{more}"


_REST: Final = tuple(state for state in STATES if state not in WRONG)


def worst_first(cameras: Sequence[CameraView]) -> list[CameraView]:
    """Cameras by what is wrong with them, then by how far they are over their limits."""
    ranks = {state: rank for rank, state in enumerate((*WRONG, *_REST))}
    return sorted(cameras, key=lambda one: (ranks.get(one.state, len(ranks)), -one.worst, one.camera))
