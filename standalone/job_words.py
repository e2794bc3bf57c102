"""Jobs in words for a terminal: a line or two each, one job in full, the decisions, and what a person can do about a hold."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from contracts.events import Decided, GateResult, TrialRow
from standalone.job_history import JobSeen, Seen

_BAR: Final = 20
_SHORT: Final = 8
_WIDE: Final = 160
ADVICE: Final[Mapping[str, str]] = {
    "no_champion": "bring a first version: keepsight import-model or train-model",
    "rollout_active": "keepsight status shows the rollout; one that awaits approval ends by keepsight approve VERSION, or reject",
    "cooldown": "it starts by itself; `keepsight retrain --reason TEXT` does not wait",
    "budget": "it starts when the budget allows; `keepsight retrain --reason TEXT` does not wait",
    "camera_fault": "mend the cameras: keepsight status names their incidents",
    "cost": "see the settings cost_*; `keepsight retrain --reason TEXT` is not weighed",
    "labels": "keepsight labels next 50 --to FOLDER hands out frames to label",
    "data": "keepsight labels next 50 --to FOLDER hands out frames; a class with too few is let pass by "
    "keepsight jobs override {job} --by NAME --reason TEXT",
}
"""What a person can do. Another job and a rollout end by themselves, and a hold for an archived version says it in its reason."""


def short(job_id: str) -> str:
    """The end of an id: what ids of one day differ in."""
    return job_id[-_SHORT:]


def when(at: float) -> str:
    """A moment in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def bar(progress: float) -> str:
    """How far, drawn."""
    done = round(max(0.0, min(1.0, progress)) * _BAR)
    return f"[{'#' * done}{'-' * (_BAR - done)}] {progress:4.0%}"


def state_of(job: JobSeen) -> str:
    """Its state, and what it waits for."""
    last = job.last
    return f"{last.state}: {last.hold.replace('_', ' ')}" if last.state == "held" and last.hold else last.state


def doing(job: JobSeen) -> str:
    """Where it stands, in a line."""
    last = job.last
    if last.state == "running":
        figures = ", ".join(f"{name} {value:.3g}" for name, value in sorted(last.metrics.items()))
        return " ".join(part for part in (bar(last.progress), last.step, f"({figures})" if figures else "") if part)
    version = f"version {last.version}: " if last.version else ""
    return _cut(version + last.detail)


def advice(job: JobSeen) -> str:
    """What a person can do about it; "" where there is nothing to do."""
    return ADVICE.get(job.last.hold, "").format(job=job.job_id) if job.last.state == "held" else ""


def table(found: Seen, model: str, most: int) -> list[str]:
    """The newest jobs, oldest first, a line each, and a second one where a person can do something."""
    jobs = list(found.jobs.values())
    if not jobs:
        return [f"{model}: no training job yet; `keepsight retrain --reason TEXT` asks for one"]
    lines = [f"{'job':<{_SHORT + 1}} {'since':<20}  {'asked by':<9}  {'state':<21}  {'technique':<9}  what"]
    for job in jobs[-most:]:
        named = f"…{short(job.job_id)}"
        about = f"{named} {when(job.moments[-1].at):<20}  {job.last.by or job.last.trigger:<9.16}  {state_of(job):<21}  {job.technique:<9}  {doing(job)}"
        lines.append(about)
        if hint := advice(job):
            lines.append(f"{'':<{_SHORT + 3}}{hint}")
    if (older := len(jobs) - most) > 0:
        lines.append(f"and {older} older: --all")
    return lines


def whole(job: JobSeen) -> list[str]:
    """One job in full."""
    last, request = job.last, job.request
    lines = [f"job {job.job_id}  {state_of(job)}", f"  {doing(job)}"]
    if hint := advice(job):
        lines.append(f"  {hint}")
    facts = {
        "asked by": last.by or last.trigger,
        "attempt": str(last.attempt) if last.attempt > 1 else "",
        "technique": job.technique,
    }
    if request is not None:
        facts |= {
            "reason": request.reason,
            "cause": " ".join(filter(None, (request.cause or "", request.drift_type or ""))).replace("_", " "),
            "change since": when(request.since) if request.since else "",
            "cameras": ", ".join(request.cameras),
            "left out": ", ".join(request.excluded_cameras),
            "seen before": f"version {request.recurs} served it" if request.recurs else "",
            "incident": request.incident_id,
        }
    if job.rollout is not None:
        facts["rollout"] = f"version {job.rollout.version} {job.rollout.state.replace('_', ' ')}: {job.rollout.reason}"
    facts["verdict"] = job.page
    lines += [f"  {name:<13}{_cut(value)}" for name, value in facts.items() if value]
    lines += ["course", *(f"  {when(one.at)}  {_moment(one.state, one.hold)}: {_cut(one.detail)}" for one in job.moments)]
    return lines + _trials(job.trials) + _gates(job.gates)


def decided(decisions: Iterable[Decided]) -> list[str]:
    """Decisions, a line each: when, what, and its facts by name."""
    lines = [f"{when(one.occurred_at)}  {one.sequence:>6}  {one.kind:<18} {_facts(one)}" for one in decisions]
    return lines or ["no decision stands on the log yet"]


def as_json(jobs: Sequence[JobSeen], decisions: Sequence[Decided] | None) -> str:
    """The same for a program: the jobs with all that is known of them, and the decisions where they were asked for."""
    told: dict[str, Any] = {"jobs": [msgspec.to_builtins(job) for job in jobs]}
    if decisions is not None:
        told["decisions"] = [{**msgspec.to_builtins(one), "body": msgspec.json.decode(one.body)} for one in decisions]
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _moment(state: str, hold: str) -> str:
    return f"{state} ({hold.replace('_', ' ')})" if hold else state


def _trials(trials: Sequence[TrialRow]) -> list[str]:
    if not trials:
        return []
    lines = ["techniques", f"  {'technique':<11}{'new':>7}{'old':>7}{'both':>7}{'seconds':>9}{'MiB':>7}{'ms/frame':>10}  why"]
    for one in trials:
        figures = (
            f"{one.new:>7.3f}{one.old:>7.3f}{one.harmonic:>7.3f}{one.seconds:>9.1f}{one.peak_mib:>7.0f}{one.latency_ms:>10.2f}"
        )
        lines.append(f"{'>' if one.chosen else ' '} {one.technique:<11}{figures}  {_cut(one.why)}")
    return lines


def _gates(gates: Sequence[GateResult]) -> list[str]:
    return ["gates", *(f"  {one.verdict:<13}{one.gate:<16}{_cut(one.detail)}" for one in gates)] if gates else []


def _facts(one: Decided) -> str:
    facts = msgspec.json.decode(one.body, type=dict[str, Any])
    return _cut("; ".join(f"{name} {_plain(value)}" for name, value in facts.items() if value not in ("", None, [])), 2 * _WIDE)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _cut(text: str, most: int = _WIDE) -> str:
    """On one line, without what would steer a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
