"""The pages of versions: who answers, what is on its way and on what evidence, which servers have it, and of each version its lineage, figures and verdict."""

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from contracts import manifest as manifests
from contracts.channels import Channels
from contracts.events import RolloutAdvanced, ServingReported
from contracts.health import Answer
from contracts.manifest import Manifest
from contracts.quality import Metric
from monitor.console import shell
from monitor.console.catalogue import Catalogue
from monitor.console.ordered import orders_about
from monitor.console.orders import OVER, STOPPABLE
from monitor.console.shell import PREFIX, Frame, act, ago, badge, clock, facts, progress, table
from monitor.console.verdict import gates_count, gates_table, verdict_page
from monitor.console.view import View

A_PAGE: Final = 25
ANCESTORS: Final = 20
SILENT_S: Final = 60.0
"""Four reports that did not come."""


def listed(frame: Frame, view: View, catalogue: Catalogue, number: int) -> Answer:
    """All versions, in pages; before them who answers now and what is on its way. Raises StoreError."""
    channels, versions = catalogue.now()
    last = max(1, -(-len(versions) // A_PAGE))
    number = min(max(1, number), last)
    rows = [_row(one, view, catalogue, channels, frame.now) for one in versions[(number - 1) * A_PAGE : number * A_PAGE]]
    rollout = view.newest_rollout()
    head = ("version", "is", "rollout", "made", "parent", "origin", "accuracy", "gates")
    body = f"""<h1>Versions</h1>
{_now(channels, frame.now) if number == 1 else ""}
{rollout_card(frame, rollout) if rollout is not None and rollout.state not in OVER and number == 1 else ""}
<div class="acts">{roll_back_act(frame, channels)}</div>
<h2>All versions</h2>
{table("versions", head, rows, "No version yet: bring one with keepsight import-model.")}
{shell.pages(f"{PREFIX}/versions?page=", number, last)}
{_servers(view.servers(), frame.now) if number == 1 else ""}"""
    under_way = rollout is not None and rollout.state not in OVER
    return shell.page(frame, "versions", "Versions", body, refresh_s=10 if under_way else 0)


def one(frame: Frame, view: View, catalogue: Catalogue, manifest: Manifest, there: tuple[bool, bool]) -> Answer:
    """A version. `there` says whether its verdict's page and its training curve can be shown. Raises StoreError."""
    version = manifest.version
    channels, _ = catalogue.now()
    published = view.published(version)
    story = view.rollout(version)
    where = f"{PREFIX}/versions/{quote(version, safe='')}"
    current = story[-1] if story else None
    under_way = current is not None and view.newest_rollout() == current and current.state not in OVER
    gates = f"<h2>Gates</h2>{gates_table(published.gates if published else ())}"
    body = f"""<p class="kind">{_roles(version, channels)}{badge(current.state) if current else ""}</p>
<h1>Version {escape(version)}</h1>
{rollout_card(frame, current) if current is not None and under_way else ""}
{facts(_facts(manifest, view, catalogue))}
<div class="acts">{_acts(frame, version, channels, where)}</div>
{orders_about(view, version, frame.now)}
{gates if published else ""}{_quality(manifest)}
{verdict_page(where, there)}
{_story(story)}
{_servers([one for one in view.servers() if any(held.version == version for held in one.versions)], frame.now)}"""
    return shell.page(frame, "versions", f"Version {version}", body)


def unknown(frame: Frame) -> Answer:
    """No such version."""
    text = f'No finished version has this name. <a href="{PREFIX}/versions">Those there are</a>.'
    return shell.page(frame, "versions", "No such version", f"<h1>No such version</h1><p>{text}</p>", 404)


def _now(channels: Channels | None, now: float) -> str:
    if channels is None:
        return '<p class="notice wait">The model has no version in service: bring one with <code>keepsight import-model</code>.</p>'
    said = {
        "Champion": f"{link(channels.champion)}, {ago(channels.changed_at, now)}",
        "Candidate": f"{link(channels.candidate)} answers {channels.share:.0%} of the cameras" if channels.candidate else "",
        "Shadow": f"{link(channels.shadow)} is scored beside every answer" if channels.shadow else "",
        "Previous": f"{link(channels.previous)}, where a rollback goes" if channels.previous else "",
        "Last change": f"{escape(channels.reason or 'no reason given')} ({escape(channels.by)})",
    }
    return f'<section class="card" id="channels" aria-label="Who answers">{facts(said)}</section>'


def rollout_card(frame: Frame, rollout: RolloutAdvanced) -> str:
    """What is on its way, and what may be decided of it."""
    where = f"{PREFIX}/versions/{quote(rollout.version, safe='')}"
    acts = ""
    if rollout.state == "awaiting_approval":
        acts = act(
            frame, "Approve", "Its rollout begins: shadow first, then more and more cameras, on evidence.", f"{where}/approve"
        )
    if rollout.state in STOPPABLE:
        before = rollout.state == "awaiting_approval"
        explained = "It is refused for good." if before else f"The cameras go back to version {rollout.parent} at once."
        acts += act(frame, "Reject", explained, f"{where}/reject", danger=True)
    share = f"<p>{progress(rollout.share, 'share of the cameras')} of the cameras</p>" if rollout.state == "canary" else ""
    return (
        f'<article class="card now {shell.tone(rollout.state)}" id="rollout"><p class="kind">{badge(rollout.state)} {ago(rollout.occurred_at, frame.now)}</p>'
        f'<h2>Version {link(rollout.version)} after {link(rollout.parent)}</h2><p class="lead">{escape(rollout.reason)}</p>{share}'
        f'<div class="acts">{acts}</div></article>'
    )


def _row(version: str, view: View, catalogue: Catalogue, channels: Channels | None, now: float) -> tuple[str, ...]:
    manifest, story, published = catalogue.manifest(version), view.rollout(version), view.published(version)
    return (
        f'<a href="{PREFIX}/versions/{quote(version, safe="")}"><b>{escape(version)}</b></a>',
        _roles(version, channels),
        badge(story[-1].state) if story else "",
        ago(manifest.created_at, now) if manifest else "cannot be read",
        link(manifest.lineage.parent) if manifest and manifest.lineage.parent else "",
        escape(manifest.lineage.origin) if manifest else "",
        _headline(manifest) if manifest else "",
        escape(gates_count(published.gates)) if published else "",
    )


def _roles(version: str, channels: Channels | None) -> str:
    roles = ("champion", "candidate", "shadow", "previous") if channels is not None else ()
    return "".join(f"{badge(role)} " for role in roles if getattr(channels, role) == version)


def _headline(manifest: Manifest) -> str:
    if manifest.benchmark is not None:
        return f"{_metric(manifest.benchmark.balanced_accuracy)} balanced"
    return f"{_metric(manifest.detection.map50)} AP50" if manifest.detection is not None else ""


def _metric(metric: Metric) -> str:
    return f'{metric.value:.3f} <small class="soft">[{metric.low:.3f}, {metric.high:.3f}]</small>'


def _facts(manifest: Manifest, view: View, catalogue: Catalogue) -> dict[str, str]:
    lineage = manifest.lineage
    job = view.job_of(lineage.request_key) if lineage.request_key else None
    return {
        "Made": f"{clock(manifest.created_at)}, {escape(lineage.origin)}",
        "Job": f'<a href="{PREFIX}/jobs/{quote(job.last.job_id, safe="")}">{escape(job.last.job_id)}</a>' if job else "",
        "Lineage": _lineage(manifest, catalogue),
        "Technique": escape(lineage.technique),
        "Network": escape(lineage.recipe),
        "Trained from": escape(", ".join(f"{count:,} {name}" for name, count in lineage.trained_from.items())),
        "Suspended rules": escape("; ".join(lineage.overrides)),
        "Notes": escape(lineage.notes),
        "Task": f"{escape(manifest.task)}: {escape(', '.join(manifest.labels[:30]))}{'…' if len(manifest.labels) > 30 else ''}",
        "Model": f"<code>{escape(manifests.digest(manifest))}</code>",
        "Data": f"<code>{escape(lineage.dataset)}</code>" if lineage.dataset else "",
    }


def _lineage(manifest: Manifest, catalogue: Catalogue) -> str:
    """The version and those that it was made from, the newest first."""
    chain, parent = [f"<b>{escape(manifest.version)}</b>"], manifest.lineage.parent
    seen = {manifest.version}
    while parent and parent not in seen and len(chain) <= ANCESTORS:
        seen.add(parent)
        before = catalogue.manifest(parent)
        chain.append(link(parent) if before is not None else f"{escape(parent)} (gone)")
        parent = before.lineage.parent if before is not None else ""
    return " ← ".join([*chain, *(["…"] if parent else [])])


def link(version: str) -> str:
    """A version's name, to its page."""
    return f'<a href="{PREFIX}/versions/{quote(version, safe="")}">{escape(version)}</a>'


def roll_back_act(frame: Frame, channels: Channels | None) -> str:
    """The order to go back; "" where there is no way back."""
    if channels is None or channels.previous is None:
        return ""
    explained = f"Version {channels.previous} answers all cameras at once; what is on its way is stopped."
    fields = confirm(channels.previous)
    return act(frame, f"Roll back to version {channels.previous}", explained, f"{PREFIX}/versions/rollback", fields, danger=True)


def _acts(frame: Frame, version: str, channels: Channels | None, where: str) -> str:
    if channels is not None and channels.champion == version:
        return roll_back_act(frame, channels)
    fields = confirm(version) + (
        '<label class="check"><input type="checkbox" name="force" value="yes"> At once: without shadow and canary, still watched</label>'
    )
    return act(frame, "Promote", "It comes to all cameras by the steps of a rollout, on evidence.", f"{where}/promote", fields)


def confirm(version: str) -> str:
    return (
        f'<label><span>Type <b>{escape(version)}</b> to confirm</span> <input name="confirm" required maxlength="64" autocomplete="off"'
        ' autocapitalize="off" spellcheck="false"></label>'
    )


def _quality(manifest: Manifest) -> str:
    rows: list[tuple[str, Metric]] = []
    if manifest.benchmark is not None:
        found = manifest.benchmark
        rows = [("accuracy", found.accuracy), ("balanced accuracy", found.balanced_accuracy)]
        rows += [
            (name, metric) for name, metric in (("recall", found.recall), ("precision", found.precision)) if metric is not None
        ]
        rows += [(f"recall of {name}", metric) for name, metric in list(found.per_class.items())[:40]]
    elif manifest.detection is not None:
        seen = manifest.detection
        rows = [("AP at IoU 0.5", seen.map50), ("AP at IoU 0.5 to 0.95", seen.map), ("frame loss", seen.frame_loss)]
        rows += [(f"AP of {name}", metric) for name, metric in list(seen.per_class.items())[:40]]
    if not rows:
        return ""
    cells = [(escape(name), f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", f"{one.n:,}") for name, one in rows]
    where = "On the reference frames that it came with" if manifest.lineage.origin == "import" else "On its sealed gate set"
    return f"<h2>{where}</h2>{table('benchmark', ('figure', 'value', '95 %', 'n'), cells, '')}"


def _story(story: Sequence[RolloutAdvanced]) -> str:
    if not story:
        return ""
    rows = [(clock(one.occurred_at), badge(one.state), f"{one.share:.0%}", escape(one.reason)) for one in reversed(story)]
    return f"<h2>Rollout</h2>{table('story', ('when', 'state', 'cameras', 'why'), rows, '')}"


def _servers(servers: Sequence[ServingReported], now: float) -> str:
    if not servers:
        return ""
    rows = []
    for server in servers[:100]:
        silent = now - server.occurred_at > SILENT_S
        for held in server.versions:
            bad = held.failed + held.invalid
            rows.append(
                (
                    escape(server.replica) + (f" {badge('silent')}" if silent else ""),
                    link(held.version),
                    escape(held.role),
                    f"{held.answered:,}",
                    f"<b>{bad:,}</b>" if bad else "0",
                    f"<code>{escape(held.digest[:12])}</code>",
                    ago(server.occurred_at, now),
                )
            )
    head = ("server", "version", "as", "frames scored", "failed", "model", "said")
    return f"<h2>Servers</h2>{table('servers', head, rows, '')}"
