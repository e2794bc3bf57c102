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
from contracts.logs import log_to_stderr
from contracts.settings import exit_with, load
from monitor.backtest import command, table
from monitor.backtest.inputs import Inputs, log_past, recording_files
from monitor.backtest.ledger import Line
from monitor.backtest.ordering import OutOfOrderError
from monitor.backtest.progress import Progress
from monitor.backtest.recorded import RecordingError
from monitor.backtest.running import Seen, Trial, replay
from monitor.backtest.summary import Summary, summarise
from monitor.backtest.truth import read_truth, time_of
from monitor.backtest.versions import VersionFolders
from monitor.settings import MonitorSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Run a backtest; 0 when it was done, 1 when a file was cut off, 2 when it cannot be, 130 after Ctrl-C."""
    try:
        parsed, rest = command.parser().parse_known_args(sys.argv[1:] if argv is None else argv)
        command.refuse_unknown(rest)
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
        scratch = _scratch(out, open_things)
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
    _check(seen, model, inputs)
    summary = summarise(
        model=model, baseline=f"{parsed.baseline} (version {versions.given.version})", policy=policies[0], seen=seen, trials=trials,
        changes=changes, window_s=parsed.window_h * 3600.0, sources=inputs.sources(), seconds=seconds,
    )  # fmt: skip
    lines = [line for trial in trials for line in trial.ledger.lines(trial.budget)]
    _write(out, lines, summary)
    sys.stdout.write(table.text(summary, lines) + f"\nwritten: {out / 'incidents.ndjson'}, {out / 'summary.json'}\n")
    cut_off = [f"{source.name} {source.cut_off}" for source in summary.sources if source.cut_off]
    if cut_off:
        sys.stderr.write(f"keepsight: {'; '.join(cut_off)}: replayed is what it holds until there. Fetch it again for the rest\n")
    return 1 if cut_off else 0


def _inputs(parsed: argparse.Namespace, settings: MonitorSettings, scratch: Path, open_things: ExitStack) -> Inputs:
    events, labels = parsed.events or [], parsed.labels or []
    if not parsed.log:
        if not events:
            raise SettingsError("name what to replay: --events FILE... (or - for standard input), or --log URL")
        if parsed.since or parsed.until:
            raise SettingsError("--since and --until go with --log: files are replayed whole")
        return Inputs(recording_files(events, labels), None, scratch)
    if events or labels:
        raise SettingsError("--log reads frames and labels: leave --events and --labels out")
    since = time_of(parsed.since, "--since") if parsed.since else 0.0
    until = time_of(parsed.until, "--until") if parsed.until else time.time()
    if since >= until:
        raise SettingsError(f"--since {parsed.since} does not lie before --until {parsed.until or '(now)'}")
    past = log_past(parsed.log, settings.log_security, since, until)
    open_things.callback(past.close)
    return Inputs([], past, scratch)


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


def _scratch(out: Path, open_things: ExitStack) -> Path:
    """A folder for sorting; it shows before the work that results can be written."""
    try:
        return Path(open_things.enter_context(tempfile.TemporaryDirectory(prefix=".sorting-", dir=out)))
    except OSError as error:
        raise SettingsError(f"nothing can be written to --out {out}: {error.strerror}") from None


def _check(seen: Seen, model: str, inputs: Inputs) -> None:
    """Raises RecordingError when there was nothing to judge."""
    if not seen.events:
        raise RecordingError(f"there is no event to replay: {inputs.emptiness()}")
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
        try:
            unfinished.write_bytes(content)
            unfinished.replace(out / name)
        except OSError as error:
            raise RecordingError(f"{out / name} cannot be written: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
