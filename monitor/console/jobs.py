"""The pages of jobs: what trains, what waits and what to do about it, and of each job its steps, gates, techniques and verdict."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, get_args
from urllib.parse import quote

from contracts.events import JobAdvanced, JobState, RetrainRequested, TrialRow
from contracts.health import Answer
from monitor.console import shell
from monitor.console.ordered import orders_about
from monitor.console.shell import PREFIX, Frame, act, ago, badge, clock, facts, progress, span, table
from monitor.console.verdict import gates_table, verdict_page
from monitor.console.view import ACTIVE, JobView, View

A_PAGE: Final = 50
STATES: Final[tuple[JobState, ...]] = get_args(JobState)
_LABEL: Final = f'<a href="{PREFIX}/labels">Label frames</a>'
_VERSIONS: Final = f'<a href="{PREFIX}/versions">Versions</a>'
ADVICE: Final[Mapping[str, str]] = {
    "no_champion": "Bring a first version: <code>keepsight import-model</code>.",
    "job_active": "Nothing to do: one job trains at a time, this one follows by itself.",
    "rollout_active": f"Nothing to do while the rollout goes on; it is under {_VERSIONS}.",
    "cooldown": "Nothing to do: it starts by itself. A person's request does not wait for the cooldown: ask for a retraining.",
    "budget": "It starts when the budget allows. A person's request passes it: ask for a retraining.",
    "camera_fault": "Mend the cameras: frames of a faulty one teach nothing.",
    "labels": f"{_LABEL}: it starts when there are enough.",
    "data": f"{_LABEL} of the classes that are short, or allow it to train with fewer, by name.",
    "recurring": f"The same was seen before: a version that knew it may serve at once. Promote it under {_VERSIONS}, or wait.",
    "cost": "It does not pay by the prices in the settings. A person's request passes the rule: ask for a retraining.",
}
"""What a person can do about each hold (HTML)."""
TITLES: Final[Mapping[str, str]] = {
    "no_champion": "there is no version yet",
    "job_active": "another job trains",
    "rollout_active": "a rollout is under way",
    "camera_fault": "its cameras are faulty",
    "labels": "too few labels",
    "data": "too few labels of a class",
    "recurring": "an earlier version may serve",
}


def listed(frame: Frame, view: View, state: str, number: int) -> Answer:
    """All jobs, in pages; those that are not over first, in full."""
    active = sorted(view.jobs(ACTIVE), key=lambda job: ACTIVE.index(job.last.state))
    chosen = tuple(one for one in STATES if one == state)
    over = view.jobs(chosen)
    last = max(1, -(-len(over) // A_PAGE))
    number = min(max(1, number), last)
    shown = over[(number - 1) * A_PAGE : number * A_PAGE]
    now = "".join(_card(job, frame.now) for job in active[:10]) if number == 1 and not chosen else ""
    if not now and number == 1 and not chosen:
        now = '<p class="soft">No job trains or waits.</p>'
    ask = act(
        frame,
        "Ask for a retraining",
        "On the labels that are there. It does not wait for the cooldown and passes the budget.",
        f"{PREFIX}/jobs/ask",
    )
    filters = "".join(_filter(one, state) for one in ("", *STATES))
    rows = [_row(job, frame.now) for job in shown]
    whole = table("jobs", ("job", "state", "asked by", "technique", "version", "began", "in words"), rows, "No job yet.")
    where = f"{PREFIX}/jobs?{f'state={state}&' if chosen else ''}page="
    count = f'<p class="soft">{len(over):,} job{"" if len(over) == 1 else "s"}</p>'
    body = (
        f'<h1>Jobs</h1><section aria-label="Now" id="now">{now}</section><div class="acts">{ask}</div>'
        f'<h2>All jobs</h2><nav class="filters" aria-label="State">{filters}</nav>{count}{whole}{shell.pages(where, number, last)}'
    )
    return shell.page(frame, "jobs", "Jobs", body, refresh_s=_refresh_s(active))


def one(frame: Frame, view: View, job: JobView, there: tuple[bool, bool]) -> Answer:
    """A job. `there` says whether its verdict's page and its training curve can be shown."""
    event = job.last
    judged = job.judged or view.published(event.version)
    where = f"{PREFIX}/jobs/{quote(event.job_id, safe='')}"
    body = f"""<p class="kind">{badge(event.state)} job <span>{escape(event.job_id)}</span></p>
<h1>{escape(title(event))}</h1>
{_why(event)}{progress(event.progress, "how far the attempt is") if event.state == "running" else ""}
{facts(_facts(job, view.request(event.request_key), frame.now))}
<div class="acts">{_acts(frame, event, where)}</div>
{orders_about(view, event.job_id, frame.now)}
<h2>Gates</h2>{gates_table(judged.gates if judged else ())}
{_trials(job.judged.trials if job.judged else ())}
{verdict_page(where, there, judged.page if judged else "")}
<h2>Steps</h2>{_steps(job, frame.now)}"""
    return shell.page(frame, "jobs", f"Job {event.state}", body, refresh_s=5 if event.state == "running" and not any(there) else 0)


def unknown(frame: Frame) -> Answer:
    """No such job."""
    text = "No job has this id, or it is one of long ago. <code>keepsight jobs</code> reads the whole log."
    return shell.unknown(frame, "jobs", "job", text)


def title(event: JobAdvanced) -> str:
    """A job in a few words."""
    match event.state:
        case "running":
            return f"Training: {event.step or 'starting'}"
        case "held":
            return f"Waits: {TITLES.get(event.hold, event.hold.replace('_', ' '))}" if event.hold else "Waits"
        case "succeeded":
            return f"Made version {event.version}" if event.version else "Made a version"
        case "queued":
            return "Waits for its turn"
    return "Rejected" if event.state == "rejected" else "Failed"


def _why(event: JobAdvanced) -> str:
    advice = ADVICE.get(event.hold, "") if event.state == "held" else ""
    words = f'<p class="lead">{escape(event.detail)}</p>' if event.detail else ""
    return words + (f'<p class="notice wait"><b>What to do.</b> {advice}</p>' if advice else "")


def _card(job: JobView, now: float) -> str:
    event = job.last
    bar = f"<p>{progress(event.progress, 'how far the attempt is')}</p>" if event.state == "running" else ""
    since = job.moments[-1].began_at if job.moments else event.occurred_at
    return (
        f'<article class="card now {shell.tone(event.state)}"><p class="kind">{badge(event.state)} since {span(now - since)}</p>'
        f'<h2><a href="{PREFIX}/jobs/{quote(event.job_id, safe="")}">{escape(title(event))}</a></h2>{_why(event)}{bar}</article>'
    )


def _row(job: JobView, now: float) -> tuple[str, ...]:
    event = job.last
    version = f'<a href="{PREFIX}/versions/{quote(event.version, safe="")}">{escape(event.version)}</a>' if event.version else ""
    link = f'<a href="{PREFIX}/jobs/{quote(event.job_id, safe="")}"><code>{escape(event.job_id[:8])}…{escape(event.job_id[-4:])}</code></a>'
    words = event.hold.replace("_", " ") + ": " if event.hold else ""
    return (
        link,
        badge(event.state),
        escape(event.by or event.trigger),
        escape(_technique(job)),
        version,
        ago(job.began_at, now),
        escape(words + _short(event.detail)),
    )


def _short(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _technique(job: JobView) -> str:
    return (job.last.technique or (job.judged.technique if job.judged else "")).replace("_", " ")


def _refresh_s(active: Sequence[JobView]) -> int:
    if not active:
        return 0
    return 5 if any(job.last.state == "running" for job in active) else 30


def _filter(state: str, here: str) -> str:
    current = ' aria-current="true"' if state == here else ""
    return f'<a href="{PREFIX}/jobs{f"?state={state}" if state else ""}"{current}>{state or "all"}</a>'


def _facts(job: JobView, request: RetrainRequested | None, now: float) -> dict[str, str]:
    event = job.last
    said = {
        "Asked by": escape(event.by or event.trigger or (request.requested_by if request else "")),
        "Began": f"{clock(job.began_at)}, {ago(job.began_at, now)}",
        "Last word": ago(event.occurred_at, now),
        "Attempt": str(event.attempt) if event.attempt > 1 else "",
        "Technique": escape(_technique(job)),
        "Version": f'<a href="{PREFIX}/versions/{quote(event.version, safe="")}">{escape(event.version)}</a>'
        if event.version
        else "",
    }
    if request is not None:
        incident = request.incident_id
        said |= {
            "Reason": escape(request.reason),
            "Cause": escape(" ".join(filter(None, (request.cause or "", request.drift_type or ""))).replace("_", " ")),
            "Change since": clock(request.since) if request.since else "",
            "Cameras": escape(
                ", ".join(request.cameras[:20]) + (f" and {len(request.cameras) - 20} more" if len(request.cameras) > 20 else "")
            ),
            "Left out": escape(", ".join(request.excluded_cameras[:20])),
            "Seen before": f"version {escape(request.recurs)} served it" if request.recurs else "",
            "Incident": f'<a href="{PREFIX}/incidents/{quote(incident, safe="")}">{escape(incident)}</a>' if incident else "",
        }
    return said


def _acts(frame: Frame, event: JobAdvanced, where: str) -> str:
    found = ""
    if event.state == "held" and event.hold == "data":
        explained = "The job trains although a class has fewer labelled frames than the rule asks for. The version's manifest will name you."
        found += act(frame, "Train with too few labels", explained, f"{where}/override")
    if event.state in ACTIVE:
        explained = "The job ends without a version, and what it trained is lost. The champion goes on."
        found += act(frame, "Cancel the job", explained, f"{where}/cancel", danger=True)
    return found


def _trials(trials: Sequence[TrialRow]) -> str:
    if not trials:
        return ""
    rows = [
        (
            f"{'<b>' if one.chosen else ''}{escape(one.technique.replace('_', ' '))}{'</b> ' + badge('done') if one.chosen else ''}",
            escape(one.recipe),
            f"{one.new:.3f}",
            f"{one.old:.3f}",
            f"{one.harmonic:.3f}",
            span(one.seconds),
            f"{one.peak_mib:,.0f} MiB",
            f"{one.latency_ms:.2f} ms",
            escape(one.why),
        )
        for one in trials
    ]
    head = ("technique", "network", "new frames", "old frames", "harmonic mean", "took", "memory", "latency", "in words")
    return f"<h2>Techniques that were tried</h2>{table('trials', head, rows, '')}".replace(">done<", ">chosen<")


def _steps(job: JobView, now: float) -> str:
    ends = [moment.began_at for moment in job.moments[1:]]
    rows = []
    for number, (began_at, event) in enumerate(job.moments):
        over = ends[number] if number < len(ends) else (now if event.state in ACTIVE else None)
        figures = ", ".join(f"{name} {value:.4g}" for name, value in list(event.metrics.items())[:8])
        rows.append(
            (
                clock(began_at),
                badge(event.state),
                escape(event.step if event.state == "running" else event.hold.replace("_", " ")),
                span(over - began_at) if over is not None else "",
                escape(event.detail) + (f'<br><small class="soft">{escape(figures)}</small>' if figures else ""),
            )
        )
    return table("steps", ("began", "state", "step", "took", "in words"), rows, "Its steps are of long ago.")
