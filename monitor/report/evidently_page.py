"""The process that makes one report: reads the incident's frames back from the log and lays them out with Evidently beside the version's reference.

`python -m monitor.report.evidently_page PAGE.html`, with the task as a line on standard input. The one module that imports Evidently and pandas, which
take seconds and hundreds of megabytes: the monitor itself never does. Ends with 0 and the page in place, or with 1 and the reason as the last line on
standard error. It ends at once when standard input closes: nobody waits for the page any more.
"""

import heapq
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contracts.errors import KeepsightError
from contracts.events import FrameScored, IncidentClosed
from contracts.frame_store import FrameStore
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.repository import ModelRepository
from monitor.report import task as tasks
from monitor.report.figures import SAID, Everything, Figure, beside, compare, rights
from monitor.report.gather import Reading
from monitor.report.page import Content, render
from monitor.report.photographs import Photographs, photographs
from monitor.report.rows import Answers, Layout, Rows, live_answers, reference_answers
from monitor.report.shapes import Shape, encode, shapes
from monitor.report.shelf import SHAPES
from monitor.report.task import Task

if TYPE_CHECKING:
    import pandas

NEEDED: Final = ("evidently", "pandas")
INSTALL: Final = "Evidently is not installed beside the monitor; install it with: pip install 'keepsight[report]'"
READ_S: Final = 90.0
"""Seconds for reading frames and labels back from the log."""
LEAST_ROWS: Final = 30
"""Fewer frames or labels than this lay out nothing."""
TRUTH: Final = "true class"
_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class _Data:
    """Both sides, and what was left out."""

    reference: Rows
    current: Rows
    everything: Everything
    known: Answers
    told: Answers
    incident: Incident
    """As the log told it last."""
    closed_at: float | None
    """When it was over; None while it is open."""
    notes: list[str]


def main() -> int:
    """Make the page that the command line names."""
    task = tasks.decode(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    os.nice(10)
    if not all(map(find_spec, NEEDED)):
        return _refuse(INSTALL)
    try:
        page, drawn = make(task, time.monotonic, time.time())
    except KeepsightError as error:
        return _refuse(str(error))
    path = Path(sys.argv[1])
    if task.served:
        _put(path.with_suffix(SHAPES), encode(drawn))
    _put(path, page.encode())
    return 0


def _put(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def make(task: Task, clock: Callable[[], float], now: float) -> tuple[str, tuple[Shape, ...]]:
    """The page of a task, and what the incident's page draws. `clock` gives the seconds that the reading may take, `now` is when the page is made."""
    data = _gather(task, clock)
    if min(len(data.reference), len(data.current)) < LEAST_ROWS:
        data.notes.append(
            f"Evidently: {len(data.current)} frames of the incident and {len(data.reference)} of the reference could be read; it needs "
            f"{LEAST_ROWS} of each"
        )
        return render(_content(task, now, data, [], "")), ()
    parts, found = _evidently(data)
    figures = beside(compare(data.reference, data.current, data.everything), found)
    return render(_content(task, now, data, figures, parts)), shapes(data.reference, data.current, figures)


def _content(task: Task, now: float, data: _Data, figures: Sequence[Figure], evidently: str) -> Content:
    shown = Photographs()
    if task.frame_store:
        shown, left_out = photographs(FrameStore(task.frame_store), task.model, data.incident)
        data.notes.extend(left_out)
    counts = (len(data.reference), len(data.current), data.everything.frames, len(data.told.truth))
    return Content(
        task, data.incident, data.closed_at, now, figures, rights(data.known, data.told), *counts, data.notes, evidently, shown
    )


def _gather(task: Task, clock: Callable[[], float]) -> _Data:
    """Read both sides. Raises KeepsightError when the log or the repository do not answer."""
    deadline = clock() + READ_S
    bus = open_bus(task.log, "keepsight-report", task.security)
    try:
        reading = Reading(bus, task.model, lambda: clock() > deadline)
        word = reading.incidents().get(task.incident.incident_id)
        incident = word.incident if word is not None else task.incident
        closed_at = word.occurred_at if isinstance(word, IncidentClosed) else None
        until = float("inf") if closed_at is None else closed_at
        _, baseline = ModelRepository(task.repository).baseline(task.model, incident.version)
        layout = Layout(baseline)
        reference = layout.reference(baseline)
        everything = Everything(reference)
        newest: list[tuple[float, str, FrameScored]] = []
        left_out = 0
        for chunk in _chunks(reading.frames(incident, until), _CHUNK):
            rows, unusable = layout.live(chunk)
            everything.take(rows)
            left_out += unusable
            newest = heapq.nlargest(task.frames, [*newest, *((f.received_at, f.event_id, f) for f in chunk)])
        told = live_answers(list(reading.labels(incident, until)), incident.version)
    finally:
        bus.close()
    notes = list(reading.notes)
    if left_out:
        notes.append(f"{left_out:,} frames without the embedding or the kind of answer that the reference has")
    current, _ = layout.live([frame for _, _, frame in sorted(newest)])
    return _Data(reference, current, everything, reference_answers(baseline), told, incident, closed_at, notes)


def _evidently(data: _Data) -> tuple[str, dict[str, float]]:
    """Evidently's page, and its distance of each column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.core.metric_types import render_widgets
    from evidently.legacy.renderers.html_widgets import group_widget
    from evidently.presets import DataDriftPreset

    shown = _Shown()
    classes = [SAID] if data.reference.said and data.current.said else []
    definition = DataDefinition(numerical_columns=[shown(name) for name in data.reference.columns], categorical_columns=classes)
    tables = [Dataset.from_pandas(shown.table(rows, classes), definition) for rows in (data.current, data.reference)]
    # The methods are named: by default they change at 1,000 rows, so that verdicts would change with the size of the sample.
    drift = Report([DataDriftPreset(num_method="wasserstein", cat_method="jensenshannon")]).run(*tables)
    groups = [group_widget(title="Data drift", widgets=drift._widgets)]  # evidently is pinned; it has no public way to join reports
    try:
        quality = _quality(data, shown)
    except (
        Exception
    ) as error:  # many kinds; it fails where a side shows one class, or two of more: half a report is better than none
        data.notes.append(
            f"Classification quality: Evidently could not lay it out ({type(error).__name__}: {error}); ours stands above"
        )
    else:
        groups += [group_widget(title="Classification quality", widgets=quality)] if quality else []
    return render_widgets(groups), {
        shown.meant(m["config"]["column"]): float(m["value"]) for m in drift.dict()["metrics"] if "column" in m["config"]
    }


def _quality(data: _Data, shown: "_Shown") -> list[Any]:
    """Evidently's widgets of the classification quality; none, with the reason among the notes, without truth on both sides."""
    from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Report
    from evidently.presets import ClassificationPreset

    if min(len(data.known.truth), len(data.told.truth)) < LEAST_ROWS:
        data.notes.append(
            f"Classification quality: {len(data.told.truth)} labels of uniformly sampled frames came since the incident began and the truth of "
            f"{len(data.known.truth)} reference frames is known; it needs {LEAST_ROWS} of each"
        )
        return []
    names = sorted({*data.known.truth, *data.known.said, *data.told.truth, *data.told.said})
    task = (
        BinaryClassification(target=TRUTH, prediction_labels=SAID, pos_label=shown(names[-1]))
        if len(names) <= 2
        else MulticlassClassification(target=TRUTH, prediction_labels=SAID)
    )
    definition = DataDefinition(categorical_columns=[TRUTH, SAID], classification=[task])
    tables = [Dataset.from_pandas(shown.answers(one), definition) for one in (data.told, data.known)]
    return list(Report([ClassificationPreset()]).run(*tables)._widgets)


class _Shown:
    """Names as Evidently may show them: it writes them into a script unescaped, so none keeps a character that could end it. No two become one."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._meant: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self._shown:
            shown = "".join(_HARMLESS.get(c, c) if c.isprintable() else "·" for c in name[:60])
            while shown in self._meant:
                shown += "′"
            self._shown[name], self._meant[shown] = shown, name
        return self._shown[name]

    def meant(self, shown: str) -> str:
        """The name behind what is shown."""
        return self._meant.get(shown, shown)

    def table(self, rows: Rows, classes: Sequence[str]) -> "pandas.DataFrame":
        """Rows as Evidently takes them."""
        import pandas

        table = pandas.DataFrame(rows.values, columns=[self(name) for name in rows.columns])
        for name in classes:
            table[name] = [self(label) for label in rows.said]
        return table

    def answers(self, answers: Answers) -> "pandas.DataFrame":
        """Truths and answers as Evidently takes them."""
        import pandas

        return pandas.DataFrame({TRUTH: [self(label) for label in answers.truth], SAID: [self(label) for label in answers.said]})


_HARMLESS: Final = {"<": "‹", ">": "›", "&": "＆"}


def _chunks(frames: Iterable[FrameScored], size: int) -> Iterator[list[FrameScored]]:
    source = iter(frames)
    while chunk := list(islice(source, size)):
        yield chunk


def _end_with_the_asker() -> None:
    """Standard input ends when whoever asked is gone, however it went. Read below Python's buffer, whose lock a thread must not hold at the exit."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(3)


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
