"""Writes the dashboards as JSON: `python -m dashboards.grafana`, or to another folder with the console's address of a deployment."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dashboards.grafana.board import rendered
from dashboards.grafana.boards import BOARDS
from dashboards.grafana.links import CONSOLE

HERE: Final = Path(__file__).parents[1] / "json"


def pages(console: str = CONSOLE) -> dict[str, str]:
    """Every dashboard's file name and content."""
    return {f"{board.uid}.json": rendered(board, console.rstrip("/")) for board in BOARDS}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.grafana", description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write to (default: %(default)s)")
    parser.add_argument("--console", default=CONSOLE, help="the operator console as a browser reaches it (default: %(default)s)")
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, content in pages(arguments.console).items():
        (arguments.out / name).write_text(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
