"""The command line of `keepsight backtest`."""

import argparse
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from contracts.errors import SettingsError
from monitor.settings import MonitorSettings

ABOUT: Final = """\
Replays recorded events through the production monitor, as fast as they can be read, and says what it would have told you at each budget:
pages, tickets, false pages per camera-month with their 95 % interval, and the delay to each change that you mark.

    keepsight backtest --events frames.*.ndjson.gz --labels labels.ndjson.gz --baseline repository/models/parts/3 \\
        --budget 0.25,1,4 --truth changes.csv --out out/october
    keepsight backtest --log kafka://host:9092 --since 2026-10-01 --until 2026-11-01 --baseline repository/models/parts/3 --out out/october
"""
MORE: Final = """\
Any setting of [monitor] may be tried, too: `--confirm-blocks 6 --frames-per-second 5` (keepsight-monitor --help lists them); they win over --settings.

DIR/incidents.ndjson has one line an incident and one more where a ticket became a page; DIR/summary.json the figures. The same events and settings
give the same files, but for the speed. Exit status: 0 done, 1 done without the end of a file that is cut off, 2 it could not be done.
docs/backtest.md tells how to tune a budget with it.
"""


HELP: Final = "`keepsight backtest --help` lists the options, `keepsight-monitor --help` the settings that may be tried"


def parser() -> argparse.ArgumentParser:
    """Knows the backtest's own options; what it does not know are settings of the monitor. Raises SettingsError for wrong ones."""
    parser = _Parser(
        prog="keepsight backtest",
        description=ABOUT,
        epilog=MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add: Callable[..., object] = parser.add_argument
    add(
        "--events",
        nargs="+",
        metavar="FILE",
        help="FrameScored events: NDJSON (the log's values, or `kcat -J`) or Parquet, gzip allowed; other events in them are used, too; - is standard input",
    )
    add("--labels", nargs="+", metavar="FILE", help="FrameLabelled events, likewise")
    add(
        "--log",
        metavar="URL",
        help="read the past from the log instead: kafka://host:port or embedded:///folder; nothing on it is changed",
    )
    add("--since", metavar="TIME", help="with --log: from this time on (ISO 8601 or Unix seconds; default: the earliest record)")
    add("--until", metavar="TIME", help="with --log: up to this time (default: now)")
    add(
        "--baseline",
        required=True,
        metavar="VERSION_DIR",
        help="the folder of the version that served (manifest.json, baseline.npz); other versions in the events are looked for beside it",
    )
    add("--settings", metavar="FILE", type=Path, help="the settings file; its section [monitor] counts [KEEPSIGHT_SETTINGS]")
    add(
        "--budget",
        default="",
        metavar="N[,N...]",
        help="pages per camera-month to try, all in one pass (default: the settings' pages_per_camera_month)",
    )
    add(
        "--truth",
        type=Path,
        metavar="FILE",
        help="what truly changed, as JSON, NDJSON or CSV: at, and optionally until, cameras, site, cause, type, name",
    )
    add(
        "--window-h",
        type=_positive,
        default=24.0,
        metavar="HOURS",
        help="an incident within so many hours of a marked change without `until` tells of it (default 24)",
    )
    add("--out", type=Path, required=True, metavar="DIR", help="where incidents.ndjson and summary.json go")
    return parser


def refuse_unknown(rest: Sequence[str]) -> None:
    """What the parser left over must be settings of the monitor with their values. Raises SettingsError with the nearest known option."""
    known = ["--settings", *(f"--{name.replace('_', '-')}" for name in MonitorSettings.model_fields)]
    valued = False
    for one in rest:
        name, equals, _ = one.partition("=")
        if valued:
            valued = False
        elif not one.startswith("--"):
            raise SettingsError(f"{one!r} belongs to no option: files are named behind --events and --labels; {HELP}")
        elif name not in known:
            own = [option for action in parser()._actions for option in action.option_strings]
            close = difflib.get_close_matches(name, [*own, *known], n=1, cutoff=0.75)
            raise SettingsError(f"there is no option {name}{f'; did you mean {close[0]}?' if close else ''}; {HELP}")
        else:
            valued = not equals


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in a line, as every refusal does, and not with the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}; {HELP}")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value
