"""The pages of cameras: all of them, filtered and in pages, the worst first; and of each its state and why, its channels, its course, frames and incidents."""

from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import quote, urlencode

from contracts.health import Answer
from monitor.camera_detail import CameraDetail
from monitor.console import charts, shell
from monitor.console.fleet import worst_first
from monitor.console.incidents import HEAD, rows_of
from monitor.console.photographs import Photograph, figures
from monitor.console.shell import PREFIX, Frame, ago, badge, clock, facts, ratio, span, table
from monitor.console.versions import link
from monitor.console.view import View
from monitor.health import WORDS
from monitor.overview import STATES, CameraView, Overview

A_PAGE: Final = 50
MOST_CHANNELS: Final = 20
MEANS: Final[Mapping[str, str]] = {
    "quiet": "It looks as its version's reference does.",
    "suspect": "A channel is above its limit, not long enough yet to be sure.",
    "drifted": "It has looked unlike its version's reference for long enough to be sure.",
    "fault": "The camera itself is at fault: its frames are neither judged for drift nor trained on until it is well.",
    "no_verdict": "Its drift cannot be judged; camera faults and labels still are.",
    "warming": "Not enough frames yet for a verdict.",
    "away": "It sent nothing for ten minutes.",
    "audit": "An audit camera: scored and counted, never judged, stored or trained on.",
}


def path_of(camera: str) -> str:
    """Where a camera's page lies."""
    return f"{PREFIX}/cameras/{quote(camera, safe='')}"


def listed(frame: Frame, seen: Overview | None, asked: Mapping[str, str], number: int) -> Answer:
    """Cameras in pages, the worst first; `asked` may name a `state`, a `site`, and a text `q` that stands in the name or the site."""
    everything = seen.cameras if seen is not None else []
    state, site, text = asked.get("state", ""), asked.get("site", ""), asked.get("q", "").strip()
    needle = text.casefold()
    some = [
        one
        for one in everything
        if (not site or one.site == site) and (not needle or needle in one.camera.casefold() or needle in one.site.casefold())
    ]
    counts = Counter(one.state for one in some)
    found = worst_first([one for one in some if one.state == state] if state in STATES else some)
    last = max(1, -(-len(found) // A_PAGE))
    number = min(max(1, number), last)
    rows = [_row(one, frame.now) for one in found[(number - 1) * A_PAGE : number * A_PAGE]]
    kept = {name: value for name, value in (("site", site), ("q", text)) if value}
    filters = "".join(_filter(one, state, counts, kept) for one in ("", *STATES) if not one or counts[one] or one == state)
    where = f"{PREFIX}/cameras?{urlencode({**kept, **({'state': state} if state in STATES else {})})}"
    empty = "No camera is like that." if everything else "No camera has sent a frame yet, or this monitor does not judge them now."
    body = f"""<h1>Cameras</h1>
<form class="search" method="get" action="{PREFIX}/cameras" role="search">{_kept(site, state)}
<input type="search" name="q" maxlength="100" value="{escape(text, quote=True)}" placeholder="camera or site" aria-label="Camera or site">
<button>Find</button></form>
{_of_site(site, text, state)}<nav class="filters" aria-label="State">{filters}</nav><p class="soft">{len(found):,} camera{"" if len(found) == 1 else "s"}</p>
{table("all", ("camera", "site", "state", "why", "worst", "version", "last frame"), rows, empty)}
{shell.pages(f"{where}&page=", number, last, ("Back", "Next"))}"""
    return shell.page(frame, "cameras", "Cameras", body, refresh_s=30)


def one(
    frame: Frame, view: View, name: str, detail: CameraDetail, shown: tuple[list[Photograph], list[Photograph]], left_out: str
) -> Answer:
    """A camera. `shown` are its newest stored frames, and those of when it was last quiet; `left_out` says why some are not."""
    seen = detail.view
    newest, before = shown
    sides = figures("Newest stored frames", newest) + (figures("When it was last quiet", before) if before else "")
    why = f'<p class="soft">{escape(left_out)}</p>' if left_out else ""
    pictures = f'<h2>What it sees</h2><div class="sides">{sides}</div>{why}' if newest or before else _no_pictures(seen, why)
    channels = table(
        "channels",
        ("channel", "times its limit", "blocks in a row", "since"),
        [
            (
                escape(one.name),
                ratio(one.ratio),
                str(one.run) if one.run else "",
                ago(one.since, frame.now) if one.since else "",
            )
            for one in detail.channels[:MOST_CHANNELS]
        ],
        "None yet.",
    )
    course = charts.course(detail.course, detail.unit)
    rows = rows_of(view.incidents.of_camera(name)[:20], frame.now)
    body = f"""<p class="kind">{badge(seen.state)} camera of {escape(seen.site or "no site")}</p>
<h1>{escape(name)}</h1>
<p class="lead">{escape(MEANS.get(seen.state, ""))} {escape(_why(seen))}</p>
{_notes(seen)}
{facts(_facts(detail, frame.now))}
<h2>Incidents</h2>{table("incidents", HEAD, rows, "None that the log still tells of.")}
{pictures}
<h2>Channels</h2><p class="soft">At the newest block, the worst first; 1 is the limit that was calibrated on the reference.</p>{channels}
{f'<h2>Its course</h2><div class="card">{course}</div>' if course else ""}
{_faults(detail)}"""
    return shell.page(frame, "cameras", name, body, refresh_s=30)


def unknown(frame: Frame, name: str, busy: bool) -> Answer:
    """No such camera, or none that can be looked at now."""
    if busy:
        text = "The monitor knows it, and is too busy to look at it now: it calibrates a version, or waits for its store. Load the page again in a minute."
        return shell.page(frame, "cameras", name, f"<h1>{escape(name)}</h1><p>{text}</p>", 503, refresh_s=10)
    text = (
        "No frame of a camera with this name was judged here. Is the name right, does it send, and does serving know it "
        "(<code>[serving.cameras.NAME]</code>)? A monitor that stands by knows none."
    )
    return shell.page(
        frame, "cameras", "No such camera", f'<h1>No such camera</h1><p>{text} <a href="{PREFIX}/cameras">All cameras</a></p>', 404
    )


def _row(one: CameraView, now: float) -> tuple[str, ...]:
    worst = max(one.ratios, key=one.ratios.__getitem__, default="")
    return (
        f'<a href="{path_of(one.camera)}">{escape(one.camera)}</a>',
        escape(one.site),
        badge(one.state),
        escape(_why(one)),
        f'{ratio(one.worst)} <small class="soft">{escape(worst)}</small>' if worst else "",
        escape(one.version),
        ago(one.last_at, now) if one.last_at else "",
    )


def _why(one: CameraView) -> str:
    return f"It {WORDS[one.reason]}." if one.state == "fault" and one.reason in WORDS else one.reason


def _filter(state: str, here: str, counts: Mapping[str, int], kept: Mapping[str, str]) -> str:
    current = ' aria-current="true"' if state == here else ""
    query = escape(urlencode({**kept, **({"state": state} if state else {})}))
    count = counts[state] if state else sum(counts.values())
    return f'<a href="{PREFIX}/cameras{f"?{query}" if query else ""}"{current}>{state.replace("_", " ") or "all"} {count:,}</a>'


def _kept(site: str, state: str) -> str:
    """What a search keeps."""
    fields = {"site": site, "state": state if state in STATES else ""}
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value, quote=True)}">' for name, value in fields.items() if value
    )


def _of_site(site: str, text: str, state: str) -> str:
    if not site:
        return ""
    query = escape(urlencode({name: value for name, value in (("q", text), ("state", state)) if value}))
    return f'<p>Of site <b>{escape(site)}</b>. <a href="{PREFIX}/cameras?{query}">Of all sites</a></p>'


def _facts(detail: CameraDetail, now: float) -> dict[str, str]:
    seen = detail.view
    width, height, codec = detail.picture
    counts = ", ".join(f"{count:,} {fate}" for fate, count in seen.frames.items() if count)
    quality = ", ".join(
        f"{name.replace('_', ' ')} {metric['value']:.3f} ({metric['low']:.2f} to {metric['high']:.2f})"
        for name, metric in detail.realised.items()
        if name in ("accuracy", "frame_f1")
    )
    return {
        "Last frame": f"{clock(seen.last_at)}, {ago(seen.last_at, now)}" if seen.last_at else "",
        "Answered by": f"version {link(seen.version)}" if seen.version else "",
        "Stream": detail.stream,
        "Picture": f"{width} x {height}, {escape(codec)}" if width else "",
        "Frames": escape(counts),
        "Judged": f"{seen.blocks:,} {'minutes' if detail.stream == 'video' else 'blocks'}" if seen.blocks else "",
        "By labels": f"{quality}, of {detail.labels:,} labels" if quality else "",
    }


def _notes(seen: CameraView) -> str:
    return "".join(f'<p class="notice wait">{escape(text)}</p>' for text in (seen.doubt, seen.demoted) if text)


def _no_pictures(seen: CameraView, why: str) -> str:
    if not why and not seen.blocks and seen.state != "fault":
        return ""
    told = "None of its newest frames is stored: serving keeps a sampled share (<code>sample_share</code>), and retention takes the oldest."
    return "<h2>What it sees</h2>" + (why or f'<p class="soft">{told}</p>')


def _faults(detail: CameraDetail) -> str:
    rows = [(clock(since), clock(until), span(until - since)) for since, until in reversed(detail.faults)]
    if detail.fault:
        rows.insert(0, (clock(detail.fault_since), f"{badge('open')} {escape(WORDS.get(detail.fault, detail.fault))}", ""))
    return f"<h2>Faults</h2>{table('faults', ('from', 'until', 'lasted'), rows, '')}" if rows else ""
