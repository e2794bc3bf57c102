"""A rejected candidate's page lies where the console of another host finds it; the newest stay."""

from pathlib import Path

import pytest

from contracts.errors import StoreError
from contracts.files import Folder
from contracts.repository import ModelRepository
from monitor.console.places import Places
from retrain.registry import verdicts
from tests.packages import with_first_version

JOB = "0197723a-dc80-7000-8000-00000000000"


def test_the_console_of_a_host_without_the_jobs_shows_page_and_curve(tmp_path: Path) -> None:
    repository, folder = with_first_version(str(tmp_path / "repository")), Folder(str(tmp_path / "jobs"))
    folder.write("package/verdict.html", b"<p>worse</p>")
    folder.write("package/curve.png", b"\x89PNG")
    for _ in range(2):
        where = verdicts.keep(repository, "solar", f"{JOB}1", 3, folder, "package/verdict.html")
    assert where == f"verdicts/solar/{JOB}1/3/verdict.html"
    places = Places(repository.url, str(tmp_path / "frames"), tmp_path / "not here")
    page, curve = places.verdict(where), places.curve(where)
    assert places.there(where) == (True, True)
    assert page is not None
    assert curve is not None
    assert (page.body, curve.body) == (b"<p>worse</p>", b"\x89PNG")


def test_the_newest_jobs_pages_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "NEWEST", 2)
    repository, folder = with_first_version(str(tmp_path / "repository")), Folder(str(tmp_path / "jobs"))
    folder.write("verdict.html", b"<p>worse</p>")
    for number in range(4):
        verdicts.keep(repository, "solar", f"{JOB}{number}", 1, folder, "verdict.html")
    assert Folder(repository.url).names("verdicts/solar") == [f"{JOB}2", f"{JOB}3"]


@pytest.mark.parametrize(
    "page", ["", "missing.html", "../secret.html", "/etc/passwd", "secret/../secret.html", "empty.html", "big.html"]
)
def test_what_is_no_page_of_the_round_is_not_copied(tmp_path: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training process names it."""
    monkeypatch.setattr(verdicts, "MAX_BYTES", 100)
    repository, folder = with_first_version(str(tmp_path / "repository")), Folder(str(tmp_path / "jobs" / "1"))
    for name, content in (("../secret.html", b"secret"), ("empty.html", b""), ("big.html", b"x" * 101)):
        folder.write(name, content)
    assert verdicts.keep(repository, "solar", f"{JOB}1", 1, folder, page) == ""
    assert Folder(repository.url).names("verdicts/solar") == []


def test_nothing_is_written_where_a_repository_is_not_mounted(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "jobs"))
    folder.write("verdict.html", b"<p>worse</p>")
    with pytest.raises(StoreError, match="is it mounted"):
        verdicts.keep(ModelRepository(str(tmp_path / "away")), "solar", f"{JOB}1", 1, folder, "verdict.html")
    assert not (tmp_path / "away").exists()
