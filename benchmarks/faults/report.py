"""What the run found as the form that benchmarks have, and its page: the faults, the reconciliation, the incidents, the processes."""

import math
from collections.abc import Sequence
from typing import Final

from benchmarks import form
from benchmarks.faults.book import lost
from benchmarks.faults.course import Course
from benchmarks.faults.faults import Fault
from benchmarks.faults.reconcile import Equation, Found
from benchmarks.faults.spans import cause_of, quiet, seen
from benchmarks.form import Figure, Result, Run

LOAD: Final = "load"
FAULTS: Final = "faults"
RECONCILIATION: Final = "reconciliation"
INCIDENTS: Final = "incidents"
PROCESSES: Final = "processes"
_PACKAGES: Final = ("onnxruntime", "numpy", "simplejpeg", "uvicorn", "kafka-python")


def caveats(left_out: Sequence[str], kafka: bool) -> tuple[str, ...]:
    """What the page must be read with."""
    log = "The log is one genuine Kafka broker."
    if not kafka:
        log = "The embedded log and all state lie on filesystems in memory (tmpfs), so that each can be full alone: an fsync costs nothing there."
    return (
        "One machine: cameras, services and faults share its cores, so that latencies say little of a quiet server; they are from when a frame was due "
        "to its answer, tries at the other server included. Refused is also what nobody took: cameras whose frames have no id of their own send them once.",
        "A fault is recovered when all services are ready, spools are empty and the monitor is behind by some seconds of the load at most. Beside a "
        "fault's own time cameras' figures cover its recovery.",
        "kill -9 and full filesystems are genuine; power cuts are not tried: an answered frame is with the operating system by then, not yet on the disk "
        "(docs/operating-serving.md).",
        log,
        "Memory grows for minutes in every process: caches that are bounded fill. Whether it stays is for a soak to show (tests/integration/"
        "test_serving_soak.py).",
        "A sampled frame is stored after its answer, by design: what a kill or a full disk cuts off is not in the frame store, and cannot be labelled.",
        *(f"Left out: {reason}." for reason in left_out),
    )


def result(
    course: Course, found: Found, sides: Sequence[Equation], faults: Sequence[Fault], away: str, run: Run, command: str, quick: bool
) -> Result:
    """All figures. What a figure is beside its value stands in its `peers`."""
    figures = [
        *_load(course, found),
        *_faults(course, found),
        *_reconciliation(sides),
        *_incidents(course, found),
        *_processes(course, found),
    ]
    about = tuple(f"{fault.name}: {away if fault.name == 'log away' else fault.about}." for fault in faults)
    whole = form.Run(run.date, run.commit, run.load, run.took_s, (*run.caveats, *about))
    return Result(
        name="faults-quick" if quick else "faults",
        date=run.date,
        command=command,
        machine=form.machine(),
        versions=form.versions(_PACKAGES),
        quick=quick,
        caveats=[],
        runs=dict.fromkeys((FAULTS, INCIDENTS, LOAD, PROCESSES, RECONCILIATION), whole),
        figures=figures,
    )


def _load(course: Course, found: Found) -> list[Figure]:
    frames = found.book.frames
    photographs = [sent for sent in frames if sent.kind == "photograph"]
    unknown = found.book.of_fate("unknown")
    arrived = sum(sent.frame_id in found.logged.frames for sent in unknown if sent.frame_id)
    calm = seen(quiet(frames, course.spans), 0.0, math.inf)
    figures = {
        "photographs sent": len(photographs),
        "of these answered": sum(sent.fate == "accepted" for sent in photographs),
        "of these refused": sum(sent.fate == "refused" for sent in photographs),
        "of these without an answer": sum(sent.fate == "unknown" for sent in photographs),
        "sent again because a try failed": sum(len(sent.attempts) > 1 for sent in photographs),
        "tries that were cut": len(lost(frames)),
        "frames without an answer that are on the log": arrived,
        "requests of garbage": len(frames) - len(photographs),
        "sampled frames on the log": len(found.logged.stored),
        "of these not in the frame store": found.unstored,
        "labels posted": len(found.book.labels),
        "labels accepted": sum(bool(posted.event_id) for posted in found.book.labels),
        "events dropped by a full disk, as counted": found.dropped,
        "dead letters": found.logged.dead.total(),
    }
    return [
        *(Figure(LOAD, name, "", float(value)) for name, value in figures.items()),
        Figure(LOAD, "p50 while nothing is wrong", "ms", calm.p50_ms),
        Figure(LOAD, "p99 while nothing is wrong", "ms", calm.p99_ms),
    ]


def _faults(course: Course, found: Found) -> list[Figure]:
    figures = []
    for span in course.spans:
        until = span.recovered_at if math.isfinite(span.recovered_at) else course.ended_at
        cameras = seen(found.book.frames, span.began_at, until)
        figures.append(
            Figure(
                FAULTS,
                "|".join((span.name, *span.said)),
                "s",
                round(span.recovery_s, 1) if math.isfinite(span.recovery_s) else None,
                ok=math.isfinite(span.recovery_s),
                peers={
                    "at": round(span.began_at - course.began_at),
                    "lasted": round(span.healed_at - span.began_at, 1),
                    "answered": cameras.answered,
                    "refused": cameras.refused,
                    "no answer": cameras.unanswered,
                    "sent again": cameras.retried,
                    "p99 ms": round(cameras.p99_ms, 1) if cameras.answered else None,
                },
            )
        )
    return figures


def _reconciliation(sides: Sequence[Equation]) -> list[Figure]:
    return [
        Figure(
            RECONCILIATION,
            f"{one.name}|{one.about}",
            "",
            float(one.right - one.left),
            goal=f"0 to {one.slack}" if one.slack else "0",
            ok=one.holds,
            peers={"left": float(one.left), "right": float(one.right)},
        )
        for one in sides
    ]


def _incidents(course: Course, found: Found) -> list[Figure]:
    """A line each, with the fault that it belongs to."""
    figures = []
    for incident in sorted(found.logged.opened.values(), key=lambda one: one.opened_at):
        fault = cause_of(incident, course.spans) or "none"
        closed = found.logged.closed.get(incident.incident_id, "open at the end")
        figures.append(
            Figure(
                INCIDENTS,
                f"{incident.headline}|{fault}|{closed}",
                "s",
                round(incident.opened_at - course.began_at),
                ok=fault != "none",
            )
        )
    return figures


def _processes(course: Course, found: Found) -> list[Figure]:
    figures = []
    for name, series in found.series.items():
        trend = course.vitals.trend(name)
        figures.append(
            Figure(
                PROCESSES,
                name,
                "MiB/h",
                round(trend.slope, 1) if trend else None,
                peers={
                    "minutes": round(trend.minutes, 1) if trend else None,
                    "first MiB": round(trend.first_mib, 1) if trend else None,
                    "last MiB": round(trend.last_mib, 1) if trend else None,
                    "descriptors at most": trend.most_descriptors if trend else None,
                    "at the end": trend.last_descriptors if trend else None,
                    "series": series,
                },
            )
        )
    return figures


def page(result: Result) -> str:
    """The result as Markdown."""
    run = result.runs[LOAD]
    versions = ", ".join(f"{name} {number}" for name, number in result.versions.items())
    sides = _of(result, RECONCILIATION)
    failed = sum(one.ok is False for one in sides)
    verdict = f"**{failed} of {len(sides)} equations do not hold.**" if failed else f"All {len(sides)} equations hold."
    lines = [
        f"# {result.name}", "",
        f"{result.date}, `{result.command}`; {result.machine}; {versions}. On {run.commit or 'no checkout'}, load {run.load[0]:g} to {run.load[1]:g}, "
        f"{run.took_s / 60:.1f} min. {verdict}", "",
        "## The load", "",
        *_rows(("what", "count"), [(f.name, f"{_n(f.value)} {f.unit}".strip()) for f in _of(result, LOAD)]),
        "## The faults", "",
        *_rows(
            ("fault", "at s", "lasted s", "answered", "refused", "no answer", "sent again", "p99 ms", "well again after s", "warnings meanwhile"),
            [
                (name, *(_n(value) for value in f.peers.values()), "**never**" if f.value is None else _n(f.value), said.replace("|", ", "))
                for f in _of(result, FAULTS)
                for name, _, said in [f.name.partition("|")]
            ],
        ),
        "## The reconciliation", "",
        *_rows(
            ("equation", "left", "right", "difference", "allowed", "holds", "witnesses"),
            [
                (name, _n(f.peers["left"]), _n(f.peers["right"]), _n(f.value), f.goal, "yes" if f.ok else "**no**", about)
                for f in sides
                for name, _, about in [f.name.partition("|")]
            ],
        ),
        "## Incidents that were opened", "",
        *_rows(
            ("at s", "headline", "the fault", "how it ended"),
            [(_n(f.value), headline, fault if f.ok else "**none**", closed) for f in _of(result, INCIDENTS) for headline, fault, closed in [f.name.split("|")]],
        ),
        "## Processes", "", "Of the longest life of each, from twenty seconds after its start.", "",
        *_rows(
            ("service", "minutes", "first MiB", "last MiB", "descriptors at most", "at the end", "series", "MiB an hour"),
            [(f.name, *(_n(value) for value in f.peers.values()), _n(f.value)) for f in _of(result, PROCESSES)],
        ),
        "## To be read with", "",
        *(f"- {caveat}" for caveat in result.caveats), "",
    ]  # fmt: skip
    return "\n".join(lines)


def _of(result: Result, part: str) -> list[Figure]:
    return [figure for figure in result.figures if figure.part == part]


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, or the word that there is nothing."""
    if not rows:
        return ["None.", ""]
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(' '.join(cell.split()) for cell in row)} |" for row in rows),
        "",
    ]


def _n(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"
