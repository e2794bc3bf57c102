"""`keepsight labels` (`python -m retrain.labels.command`): label files into the log and out of it, the frames to label next, and labels to look at again.

Reads and writes the log, the model repository and the frame store alone, as the services do: it works beside a running house and beside a cluster alike.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contracts.errors import KeepsightError
from contracts.settings import exit_with, load
from retrain.labels import file_commands, list_commands
from retrain.labels.bar import Bar
from retrain.labels.house import HouseSettings
from retrain.labels.list_commands import MOST_NEXT

FORMATS: Final = ("csv", "coco", "yolo", "label-studio")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 when all labels were taken, 1 when some were not, 2 with the reason when it cannot be, 130 after Ctrl-C."""
    parsed = _parser().parse_args(argv)
    bar = Bar(sys.stderr, time.monotonic)
    try:
        named = ["--settings", str(parsed.settings)] if parsed.settings else []
        return int(parsed.run(parsed, load(HouseSettings, named, "keepsight labels", ""), bar))
    except KeepsightError as error:
        bar.end()
        return exit_with(error)
    except KeyboardInterrupt:
        bar.end()
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keepsight labels",
        description="Labels in, labels out, the frames to label next, and the labels to look at again: docs/labels.md.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = commands.add_parser(
        "import", help="put the labels of a file on the log", description="Put the labels of a file on the log."
    )
    one.add_argument("file", type=Path, metavar="FILE", help="the file; for YOLO its folder")
    one.add_argument("--format", choices=("auto", *FORMATS), default="auto", help="its format (default: by its content)")
    one.add_argument(
        "--pictures", type=Path, metavar="DIR", help="the pictures: those whose names hold no frame's id are found by their content"
    )
    one.add_argument(
        "--classes", type=Path, metavar="FILE", help="YOLO's classes: data.yaml, or a line a class (default: beside the labels)"
    )
    one.add_argument(
        "--by", default="", metavar="NAME", help="who labelled, where the file does not say (default: the user's name)"
    )
    one.add_argument(
        "--source",
        default="",
        metavar="NAME",
        help="take the pictures that are no stored frames, too: a candidate learns from them and is never judged on them. NAME says where they are from",
    )
    one.add_argument("--dry-run", action="store_true", help="say what would be taken and what not, and why; put nothing on the log")
    _finish(one, file_commands.import_)

    one = commands.add_parser(
        "export",
        help="write the newest label of every labelled frame to a file",
        description="Write the newest label of every labelled frame to a file.",
    )
    one.add_argument("out", type=Path, metavar="FILE", help="the file; for YOLO a folder")
    one.add_argument("--format", choices=FORMATS, default="csv", help="its format (default: csv)")
    one.add_argument("--pictures", type=Path, metavar="DIR", help="copy the frames there, too")
    one.add_argument("--since", default="", metavar="TIME", help="only frames captured from then on")
    _finish(one, file_commands.export)

    one = commands.add_parser(
        "next", help="the frames that are worth a label next", description="The frames that are worth a label next."
    )
    one.add_argument("count", type=int, nargs="?", default=50, metavar="COUNT", help=f"how many (default 50, at most {MOST_NEXT})")
    one.add_argument("--to", type=Path, metavar="DIR", help="copy the frames there, with a table to fill in")
    _finish(one, list_commands.next_)

    one = commands.add_parser(
        "review",
        help="look again at the labels that the last training run doubts",
        description="Look again at the labels that the last training run doubts.",
    )
    one.add_argument(
        "table", type=Path, nargs="?", metavar="FILE", help="a table that --to wrote, filled in (default: ask here, one by one)"
    )
    one.add_argument("--to", type=Path, metavar="DIR", help="copy the frames there, with a table to fill in")
    one.add_argument("--by", default="", metavar="NAME", help="who looks (default: the user's name)")
    _finish(one, list_commands.review)
    return parser


def _finish(parser: argparse.ArgumentParser, run: object) -> None:
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="the settings file (default: keepsight.toml here) [KEEPSIGHT_SETTINGS]"
    )
    parser.set_defaults(run=run)


if __name__ == "__main__":
    sys.exit(main())
