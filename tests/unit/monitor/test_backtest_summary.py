"""The figures: rates with exact intervals, camera-months, delays by kind, and the notes that keep a reader from trusting too few events."""

import io
from typing import Any

import pytest
from scipy.stats import chi2

from monitor.backtest.ledger import Entry, Ledger
from monitor.backtest.progress import Progress
from monitor.backtest.recorded import Source
from monitor.backtest.running import Seen, Watched
from monitor.backtest.summary import MONTH_S, rate, summarise
from monitor.backtest.table import span, text
from monitor.backtest.truth import Change
from monitor.items.replay import Replay
from monitor.policy import Policy
from monitor.standard import Standard
from tests.unit.monitor.test_backtest_truth import entry


class Trial:
    """What a summary asks of a trial."""

    def __init__(self, budget: float, entries: list[Entry]) -> None:
        self.budget = budget
        self.ledger = Ledger()
        self.ledger.entries = {one.latest.incident_id: one for one in entries}

    def unready(self) -> dict[str, str]:
        return {f"cam-{n}": "1.2 of 28 days" for n in range(3, 8)}

    def standards(self, version: str) -> Standard:
        return Standard(None, None, "unknown" if version == "9" else "", 1.0, lambda: Replay(alarms=6, camera_months=2.0))


def seen(months: float, fps: float = 1.0, cameras: int = 2) -> Seen:
    each = months * MONTH_S / cameras
    watched = {f"cam-{n}": Watched(10_000.0, "items", int(fps * each), each) for n in range(1, cameras + 1)}
    return Seen(int(each), 0.0, 10_000.0, {"small": 5, "big": 2}, {"1": 100, "9": 3}, watched)


def summary(entries: list[Entry], changes: list[Change] | None, **options: Any) -> Any:
    given = {"months": 4.0, "fps": 1.0, **options}
    trials: Any = [Trial(1.0, entries)]
    return summarise(
        model="small", baseline="folder", policy=Policy(), seen=seen(given["months"], given["fps"]), trials=trials, changes=changes, window_s=3600.0,
        sources=[Source("frames", 7, broken=1, reasons=["frames:3: no"])], seconds=2.0,
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_the_interval_is_the_exact_poisson_one(count: int) -> None:
    found = rate(count, 2.0)
    assert found.value == count / 2
    assert found.low == pytest.approx(chi2.ppf(0.025, 2 * count) / 4 if count else 0.0)
    assert found.high == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 4)
    assert rate(count, 0.0).high == 0.0


def test_false_pages_delays_and_misses_by_hand() -> None:
    changes = [
        Change("a", 1_000.0, None, ("cam-1",), cause="camera_fault"),
        Change("b", 5_000.0, None, ("cam-1",), cause="camera_fault"),
        Change("c", 9_000.0, None, ("cam-2",), cause="new_class"),
        Change("outside", 99_000.0),
    ]
    entries = [
        entry("1", 1_060.0, paged_at=1_060.0),
        entry("2", 5_180.0),
        entry("3", 500.0, paged_at=500.0),
        entry("4", 600.0, paged_at=700.0),
        entry("5", 650.0),
    ]
    found = summary(entries, changes)
    (one,) = found.budgets
    assert (one.incidents, one.pages, one.tickets, one.false_pages, one.false_incidents, one.missed) == (5, 3, 2, 2, 3, 1)
    assert one.false_pages_per_camera_month.value == 0.5
    assert found.camera_months == pytest.approx(4.0)
    faults, classes = one.kinds
    assert (faults.cause, faults.changes, faults.found, faults.paged) == ("camera_fault", 2, 2, 1)
    assert (faults.median_delay_s, faults.worst_delay_s, faults.median_page_delay_s) == (120.0, 180.0, 60.0)
    assert (classes.found, classes.missed, classes.median_delay_s) == (0, 1, None)
    assert found.delay_s == {"a": 60.0, "b": 180.0, "c": None}
    assert any("outside lies outside" in note for note in found.notes)
    assert any("version 9 were judged for camera health only: unknown" in note for note in found.notes)
    assert any("5 of the cameras (cam-3, cam-4, cam-5, …) had no full verdict on drift" in note for note in found.notes)
    assert any("2 events of model big" in note for note in found.notes)


def test_without_truth_every_page_counts_and_the_rate_is_called_a_bound() -> None:
    found = summary([entry("1", 1_060.0, paged_at=1_060.0)], None)
    assert found.budgets[0].false_pages == 1
    assert "upper bound" in found.notes[0]
    said = text(found, found.budgets and [line for e in [entry("1", 1_060.0, paged_at=1_060.0)] for line in e.lines(1.0)])
    assert "pages sent at budget 1:\n  1970-01-01 00:17:40Z  headline 1" in said
    assert "<= 0.25" in said
    assert "frames:3: no" in said


def test_too_few_events_and_another_speed_are_said() -> None:
    found = summary([], None, months=0.5, fps=10.0)
    assert any("0.5 camera-months are too few to show that a budget of 1 is kept: it takes 3.69" in note for note in found.notes)
    assert any("10 frames a second (median), the settings say 1" in note for note in found.notes)
    assert not any("too few" in note or "frames a second" in note for note in summary([], None, months=3.7).notes)


def test_a_version_that_cannot_keep_the_budget_is_named_where_drift_was_told() -> None:
    found = summary([entry("1", 1_060.0)], None)
    assert list(found.budgets[0].demoted) == ["1"]
    assert any(note.startswith("At budget 1, version 1: this camera cannot keep its budget of 1") for note in found.notes)
    assert summary([], None).budgets[0].demoted == {}


def test_gaps_longer_than_a_camera_counts_as_active_are_not_watched() -> None:
    watched = Watched(100.0)
    for at in (100.0, 101.0, 103.0, 103.0, 102.0, 50_000.0, 50_001.0):
        watched.see(at)
    assert watched.seconds == 1 + 2 + 600 + 1
    assert watched.frames == 7


def test_spans_for_people() -> None:
    said = [span(s) for s in (None, 0.0, 18.4, 119.0, 120.0, 7_200.0, 172_800.0)]
    assert said == ["-", "0 s", "18 s", "119 s", "2.0 min", "2.0 h", "2.0 d"]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "shown"), [(Screen(), "\r100 events, 50 events/s, 25%, 6 s left\x1b[K\r\x1b[K"), (io.StringIO(), "")]
)
def test_progress_rewrites_a_terminals_line_and_is_rare_elsewhere(out: io.StringIO, shown: str) -> None:
    times = iter([0.0, 0.1, 2.0])
    progress = Progress(out, lambda: next(times), lambda: 0.25)
    progress(10)
    progress(100)
    progress.end()
    assert out.getvalue() == shown


def test_progress_without_a_known_size_or_a_terminal() -> None:
    out, times = io.StringIO(), iter([0.0, 40.0])
    Progress(out, lambda: next(times), lambda: None)(1000)
    assert out.getvalue() == "1,000 events, 25 events/s\n"
