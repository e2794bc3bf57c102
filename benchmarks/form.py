"""The form of every benchmark's result: `benchmarks/results/NAME.json`, and `NAME.md` made from it, which the docs quote. Misses stay in the table."""

import math
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

RESULTS: Final = Path(__file__).parent / "results"


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured figure. `low` and `high` are its 95 % interval (or its spread); `goal` is what it should reach, `ok` whether it does."""

    part: str
    """The measurement that it belongs to."""
    name: str
    unit: str
    value: float | None
    """None: it could not be measured here, the caveats say why."""
    low: float | None = None
    high: float | None = None
    goal: str = ""
    """For instance `<= 1 (upper bound)`; "" where none was set."""
    ok: bool | None = None
    peers: dict[str, float | None] = {}
    """The same figure of each peer and dummy, from the same run."""


class Run(msgspec.Struct, frozen=True):
    """When and on what a part was measured: parts may run on different days."""

    date: str
    commit: str
    """`abc1234`, with `+` where files were changed since; "" outside a checkout."""
    load: tuple[float, float]
    """The machine's load (mean of a minute) before and after; two cores are full at 2, the benchmark's own share included."""
    took_s: float
    caveats: tuple[str, ...]


class Result(msgspec.Struct):
    """One benchmark: all its figures, with what they were measured on. `caveats` are those of all parts."""

    name: str
    date: str
    command: str
    machine: str
    versions: dict[str, str]
    quick: bool
    caveats: list[str]
    runs: dict[str, Run]
    """By part."""
    figures: list[Figure]


def machine() -> str:
    """The machine in words."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0.0)
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, Python {platform.python_version()}"


def load() -> float:
    """The machine's load, mean of a minute."""
    return round(os.getloadavg()[0], 1)


def commit() -> str:
    """The checkout's commit, `+` after it where files were changed since; "" outside a checkout."""
    git = ["git", "-C", str(RESULTS.parent)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return ""
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no", "--", ":!results"], capture_output=True, text=True
    )
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions; those that are not there are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def today() -> str:
    """The date, ISO 8601."""
    return datetime.now(UTC).date().isoformat()


def write(result: Result, folder: Path = RESULTS, page: Callable[[Result], str] | None = None) -> None:
    """Write NAME.json and NAME.md (`page` makes it where `table` does not fit).

    Parts that this run left out are kept as an earlier run of the same kind (quick or whole) measured them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    if path.exists():
        old = msgspec.json.decode(path.read_bytes(), type=Result)
        ran = {figure.part for figure in result.figures}
        if old.quick == result.quick:
            result.figures = sorted([f for f in old.figures if f.part not in ran] + result.figures, key=lambda f: f.part)
            result.runs = dict(sorted((old.runs | result.runs).items()))
    result.caveats = list(dict.fromkeys(caveat for run in result.runs.values() for caveat in run.caveats))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    path.with_suffix(".md").write_text((page or table)(result))


def table(result: Result) -> str:
    """The result as Markdown."""
    lines = [
        f"# {result.name}", "",
        f"{result.date}, `{result.command}`{' (quick run)' if result.quick else ''}; {result.machine}; "
        + ", ".join(f"{name} {number}" for name, number in result.versions.items()) + ".", "",
    ]  # fmt: skip
    for part in dict.fromkeys(figure.part for figure in result.figures):
        run = result.runs[part]
        on = f" on {run.commit}" if run.commit else ""
        took = f", {run.took_s / 60:.1f} min" if run.took_s else ""
        lines += [f"## {part}", "", f"{run.date}{on}, load {run.load[0]:g} to {run.load[1]:g}{took}.", ""]
        lines += ["| figure | unit | measured | 95 % | goal | reached | peers |", "|---|---|---|---|---|---|---|"]
        for f in (figure for figure in result.figures if figure.part == part):
            interval = f"{_short(f.low)} to {_short(f.high)}" if f.low is not None or f.high is not None else ""
            reached = {None: "", True: "yes", False: "**no**"}[f.ok]
            peers = "; ".join(f"{name} {_short(value)}" for name, value in f.peers.items())
            lines.append(f"| {f.name} | {f.unit} | {_short(f.value)} | {interval} | {f.goal} | {reached} | {peers} |")
        lines.append("")
    if result.caveats:
        lines += ["## To be read with", "", *(f"- {caveat}" for caveat in result.caveats), ""]
    return "\n".join(lines)


def poisson_interval(count: int, exposure: float) -> tuple[float, float]:
    """The exact 95 % interval (Garwood 1936) of a rate: `count` events over `exposure` units."""
    from scipy.stats import chi2

    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low / exposure), float(chi2.ppf(0.975, 2 * count + 2) / 2 / exposure)


def _short(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
