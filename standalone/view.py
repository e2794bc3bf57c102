"""What one sees while the demo runs: on a terminal a live page (phase, cameras, timeline with an incident's like words folded), elsewhere one plain line
for each event.

Text from the log is data: it is shown as it is, never read as markup.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from standalone.facts import Entry
from standalone.timeline import folded

STYLES: Final = {"world": "bold cyan", "good": "green", "bad": "yellow", "neutral": "default"}
ABOVE: Final = 15
"""Lines of the page above the timeline's entries and below them; the rest of the terminal is theirs."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """A camera at this moment. `recent`: whether its last answers were right, newest last."""

    name: str
    frames: int
    version: str
    shows: str
    recent: tuple[bool, ...]


class View(Protocol):
    """Where the demo says what it does."""

    def phase(self, name: str, detail: str = "") -> None:
        """The demo goes on to something new."""

    def progress(self, fraction: float, detail: str) -> None:
        """How far the phase is, 0 to 1."""

    def entry(self, entry: Entry) -> None:
        """Something happened."""

    def cameras(self, states: Sequence[CameraState], labels: str) -> None:
        """The cameras now, and what the labels say."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def close(self) -> None:
        """The show is over."""


class PlainView:
    """One line an event, for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began = time.monotonic()
        self._tenth = -1

    def phase(self, name: str, detail: str = "") -> None:
        """See View."""
        self._tenth = -1
        self._line(time.monotonic() - self._began, f"== {name}" + (f": {detail}" if detail else ""))

    def progress(self, fraction: float, detail: str) -> None:
        """See View. A line for each fifth of the way."""
        if detail and (tenth := int(fraction * 5)) > self._tenth:
            self._tenth = tenth
            self._line(time.monotonic() - self._began, f"   {fraction:4.0%} {detail}")

    def entry(self, entry: Entry) -> None:
        """See View."""
        self._line(entry.at_s, f"{entry.event}: {entry.detail}")

    def cameras(self, states: Sequence[CameraState], labels: str) -> None:
        """See View. Nothing: this changes all the time."""

    def say(self, text: str) -> None:
        """See View."""
        print(text, file=self._out, flush=True)  # this is the user's view

    def close(self) -> None:
        """See View."""

    def _line(self, at_s: float, text: str) -> None:
        self.say(f"{at_s:7.1f} s  {text}")


class LiveView:
    """A page that redraws itself, for terminals."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._phase, self._detail, self._fraction = "", "", 0.0
        self._states: tuple[CameraState, ...] = ()
        self._labels = ""
        self._entries: list[Entry] = []
        self._live = Live(console=console, get_renderable=self._page, refresh_per_second=4, transient=False)
        self._live.start()

    def phase(self, name: str, detail: str = "") -> None:
        """See View."""
        self._phase, self._detail, self._fraction = name, detail, 0.0

    def progress(self, fraction: float, detail: str) -> None:
        """See View."""
        self._fraction, self._detail = min(1.0, fraction), detail

    def entry(self, entry: Entry) -> None:
        """See View."""
        self._entries.append(entry)

    def cameras(self, states: Sequence[CameraState], labels: str) -> None:
        """See View."""
        self._states, self._labels = tuple(states), labels

    def say(self, text: str) -> None:
        """See View."""
        self._console.print(Text(text))

    def close(self) -> None:
        """See View."""
        self._live.stop()

    def _page(self) -> RenderableType:
        parts: list[RenderableType] = [self._header()]
        if self._states:
            parts.append(self._camera_table())
        if self._entries:
            parts.append(Panel(self._timeline(), title="what happened", title_align="left", border_style="dim"))
        return Group(*parts)

    def _header(self) -> RenderableType:
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_column(ratio=3, no_wrap=True)
        head.add_column(ratio=4)
        head.add_column(justify="right", no_wrap=True)
        words = Text.assemble((self._phase, "bold"))
        clock = f"{time.monotonic() - self._began:5.0f} s"
        head.add_row(words, ProgressBar(total=1.0, completed=self._fraction, complete_style="cyan"), clock)
        return Panel(Group(head, Text(self._detail or " ", style="dim", no_wrap=True, overflow="ellipsis")), title="Keepsight")

    def _camera_table(self) -> RenderableType:
        table = Table(expand=True, box=None, pad_edge=True, header_style="dim")
        for name, justify in (
            ("camera", "left"),
            ("frames", "right"),
            ("version", "right"),
            ("on the line", "left"),
            ("last answers", "left"),
        ):
            table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
        for state in self._states:
            recent = Text.assemble(*(("✓", "green") if right else ("✗", "red") for right in state.recent))
            table.add_row(state.name, str(state.frames), state.version, state.shows, recent)
        return Group(table, Text(f" {self._labels}", style="dim"))

    def _timeline(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(justify="right", no_wrap=True, style="dim", width=7)
        grid.add_column(no_wrap=True, width=24)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for entry in folded(self._entries)[-max(3, self._console.height - ABOVE) :]:
            grid.add_row(f"{entry.at_s:.1f} s", Text(entry.event, style=STYLES[entry.tone]), Text(entry.detail))
        return grid


def open_view(plain: bool) -> View:
    """The live page on a terminal, plain lines elsewhere or when asked for."""
    console = Console()
    if plain or not console.is_terminal:
        return PlainView(sys.stdout)
    return LiveView(console)
