"""Writes the dashboards as JSON: `make generate` here; with a folder and an address, those of a deployment. `make check` asks whether they are fresh."""

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
    """Write what is stale and remove what no board makes; with --check only name it and return 1."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.grafana", description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write to (default: %(default)s)")
    parser.add_argument("--console", default=CONSOLE, help="the operator console as a browser reaches it (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that are stale")
    arguments = parser.parse_args(argv)
    folder: Path = arguments.out
    made = pages(arguments.console)
    stale = [folder / name for name, text in made.items() if not (folder / name).is_file() or (folder / name).read_text() != text]
    left_over = sorted(path for path in folder.glob("keepsight-*.json") if path.name not in made)
    if arguments.check:
        for path in (*stale, *left_over):
            print(f"{path} is stale: run `make generate` and commit the result")
        return 1 if stale or left_over else 0
    folder.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(made[path.name])
        print(f"{path} written")
    for path in left_over:
        path.unlink()
        print(f"{path} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
