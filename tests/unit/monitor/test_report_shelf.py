"""The folder of reports: bounded, and the same after a restart."""

import os
from pathlib import Path

import msgspec
import pytest

from contracts.incidents import Incident
from monitor.identity import derived_id
from monitor.report import shelf as shelves
from monitor.report.shelf import Shelf


def incident(number: int, **changes: object) -> Incident:
    """The n-th incident."""
    plain = Incident(
        incident_id=derived_id(1_750_000_000.0 + number, number), cause="population_change", severity="ticket", headline=f"number {number}",
        action="", site="hall", cameras=("cam-1",), version="1", since=0.0, opened_at=0.0, report="/somewhere",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def put(shelf: Shelf, number: int, size: int = 10) -> str:
    """Ask for the n-th report and make it, at its own second."""
    one = incident(number)
    shelf.ask(one)
    page = shelf.page_path(one.incident_id)
    page.write_bytes(bytes(size))
    for file in (page, page.with_suffix(".json")):
        os.utime(file, (number, number))
    return one.incident_id


def test_what_was_asked_is_known_after_a_restart(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "reports", pages=5)
    assert shelf.incidents() == {}
    assert shelf.page(incident(0).incident_id) is None
    numbers = [put(shelf, number) for number in (3, 1, 2)]
    (tmp_path / "reports" / "broken.json").write_text("{")
    again = Shelf(tmp_path / "reports", pages=5)
    assert list(again.incidents()) == [numbers[1], numbers[2], numbers[0]]
    assert again.incidents()[numbers[0]] == incident(3)
    assert again.page(numbers[0]) == bytes(10)


def test_the_oldest_pages_go_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, pages=2)
    numbers = [put(shelf, number) for number in range(5)]
    (tmp_path / "x.part").write_text("unfinished")
    shelf.trim()
    assert [shelf.page(number) is not None for number in numbers] == [False, False, False, True, True]
    assert list(shelf.incidents()) == numbers
    assert not list(tmp_path.glob("*.part"))


def test_bytes_and_incidents_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MOST_BYTES", 250)
    monkeypatch.setattr(shelves, "MOST_INCIDENTS", 3)
    shelf = Shelf(tmp_path, pages=100)
    numbers = [put(shelf, number, size=100) for number in range(5)]
    shelf.trim()
    assert [number for number in numbers if shelf.page(number)] == numbers[3:]
    assert list(shelf.incidents()) == numbers[2:]
    put(shelf, 9, size=1000)
    shelf.trim()
    assert shelf.page(incident(9).incident_id) == bytes(1000)
