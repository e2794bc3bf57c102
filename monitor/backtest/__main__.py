"""`keepsight backtest` (`python -m monitor.backtest`): parses the command line, opens what is read, replays, prints and writes."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from contracts.errors import KeepsightError, SettingsError
from contracts.log import open_bus
from contracts.logs import log_to_stderr
from contracts.settings import exit_with, load
from monitor.backtest import command, table
from monitor.backtest.inputs import Inputs, recording_files
from monitor.backtest.ledger import Line
from monitor.backtest.ordering import OutOfOrderError
from monitor.backtest.progress import Progress
from monitor.backtest.recorded import RecordingError
from monitor.backtest.running import Seen, Trial, replay
from monitor.backtest.summary import Summary, summarise
from monitor.backtest.topic import LogPast
from monitor.backtest.truth import read_truth, time_of
from monitor.backtest.versions import VersionFolders
from monitor.settings import MonitorSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Run a backtest; 0 when it was done, 2 when it cannot be, 130 after Ctrl-C."""
    try:
        parsed, rest = command.parser().parse_known_args(sys.argv[1:] if argv is None else argv)
        log_to_stderr("backtest", "WARNING")
        return _run(parsed, _settings(parsed, rest))
    except KeepsightError as error:
        return exit_with(error)
    except KeyboardInterrupt:
        return 130


def _run(parsed: argparse.Namespace, settings: MonitorSettings) -> int:
    versions = VersionFolders(parsed.baseline)
    model = versions.given.model
    budgets = _budgets(parsed.budget) or (settings.pages_per_camera_month,)
    policies = [settings.model_copy(update={"pages_per_camera_month": budget}).policy() for budget in budgets]
    changes = read_truth(parsed.truth) if parsed.truth else None
    out = _folder(parsed.out)
    with ExitStack() as open_things:
        scratch = Path(open_things.enter_context(tempfile.TemporaryDirectory(prefix=".sorting-", dir=out)))
        inputs = _inputs(parsed, settings, scratch, open_things)
        while True:
            trials = [Trial(model, policy, versions) for policy in policies]
            for trial in trials:
                trial.standards(versions.given.version)  # seconds of calibration that are not the stream's
            began = time.monotonic()
            progress = Progress(sys.stderr, time.monotonic, inputs.done)
            try:
                seen = replay(inputs.read(), model, trials, inputs.place, progress)
                break
            except OutOfOrderError as error:
                inputs.sort(str(error))
                sys.stderr.write(f"{error} is not in order of time: sorting on disk, and starting again\n")
            finally:
                progress.end()
        seconds = time.monotonic() - began
    _check(seen, model)
    summary = summarise(
        model=model, baseline=f"{parsed.baseline} (version {versions.given.version})", policy=policies[0], seen=seen, trials=trials,
        changes=changes, window_s=parsed.window_h * 3600.0, sources=inputs.sources(), seconds=seconds,
    )  # fmt: skip
    lines = [line for trial in trials for line in trial.ledger.lines(trial.budget)]
    _write(out, lines, summary)
    sys.stdout.write(table.text(summary, lines) + f"\nwritten: {out / 'incidents.ndjson'}, {out / 'summary.json'}\n")
    return 0


def _inputs(parsed: argparse.Namespace, settings: MonitorSettings, scratch: Path, open_things: ExitStack) -> Inputs:
    events, labels = parsed.events or [], parsed.labels or []
    if not parsed.log:
        if not events:
            raise SettingsError("name what to replay: --events FILE... (or - for standard input), or --log URL")
        return Inputs(recording_files(events, labels), None, scratch)
    if events or labels:
        raise SettingsError("--log reads frames and labels: leave --events and --labels out")
    bus = open_bus(parsed.log, "keepsight-backtest", settings.log_security)
    open_things.callback(bus.close)
    since = time_of(parsed.since, "--since") if parsed.since else 0.0
    until = time_of(parsed.until, "--until") if parsed.until else time.time()
    return Inputs([], LogPast(bus, parsed.log, since, until), scratch)


def _settings(parsed: argparse.Namespace, rest: list[str]) -> MonitorSettings:
    named = ["--settings", str(parsed.settings)] if parsed.settings else []
    return load(MonitorSettings, [*named, *rest], "keepsight backtest", "Settings of the monitor that a backtest may try.")


def _budgets(text: str) -> tuple[float, ...]:
    try:
        budgets = tuple(float(one) for one in text.split(",") if one.strip())
    except ValueError:
        budgets = (0.0,)
    if any(not 0 < budget < float("inf") for budget in budgets) or len(set(budgets)) != len(budgets):
        raise SettingsError(f"--budget is {text!r}; give pages per camera-month above 0, each once, for instance 0.25,1,4")
    return budgets


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--out {path} is no folder that can be made: {error.strerror}") from None
    return path


def _check(seen: Seen, model: str) -> None:
    """Raises RecordingError when there was nothing to judge."""
    if not seen.events:
        raise RecordingError("there is no event to replay: the files are empty, or nothing lies between --since and --until")
    if model not in seen.models:
        others = ", ".join(sorted(seen.models))
        raise RecordingError(
            f"the baseline is of model {model!r}, the events are of {others}: name the folder of a version of theirs"
        )


def _write(out: Path, lines: list[Line], summary: Summary) -> None:
    files = {
        "incidents.ndjson": b"".join(msgspec.json.encode(line) + b"\n" for line in lines),
        "summary.json": msgspec.json.format(msgspec.json.encode(summary), indent=1) + b"\n",
    }
    for name, content in files.items():
        unfinished = out / f".{name}.unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(out / name)


if __name__ == "__main__":
    sys.exit(main())
