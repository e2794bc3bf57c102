"""Jobs while they go on: on a terminal in place, with a bar (rich, where it is installed); elsewhere printed again when something changed."""

import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Final, NamedTuple

_EVERY_S: Final = 1.0


class Picture(NamedTuple):
    """What is to be seen now: lines, how far the running job is (None: none runs), and whether all is over."""

    lines: Sequence[str]
    progress: float | None
    over: bool


def follow(look: Callable[[], Picture]) -> None:
    """Show until all is over, or Ctrl-C."""
    if sys.stdout.isatty() and find_spec("rich") is not None:
        _in_place(look)
    else:
        _line_by_line(look)


def _in_place(look: Callable[[], Picture]) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    with Live(auto_refresh=False, vertical_overflow="visible") as view:
        while True:
            now = look()
            bar = [] if now.progress is None else [ProgressBar(total=1.0, completed=now.progress, width=60)]
            view.update(Group(Text("\n".join(now.lines)), *bar), refresh=True)
            if now.over:
                return
            time.sleep(_EVERY_S)


def _line_by_line(look: Callable[[], Picture]) -> None:
    before: list[str] = []
    while True:
        now = look()
        if fresh := [line for line in now.lines if line not in before]:
            sys.stdout.write("\n".join([*fresh, ""]))
            sys.stdout.flush()
        before = list(now.lines)
        if now.over:
            return
        time.sleep(_EVERY_S)
