"""Files that are replaced while the server runs are taken up once they stand still; what cannot be used is said once."""

from collections import Counter
from pathlib import Path

from contracts.errors import SettingsError
from contracts.logs import Logger
from contracts.renewal import Renewal, Renewed


class Shelf:
    """A file, what was read of it, and the renewal that looks at it."""

    def __init__(self, folder: Path) -> None:
        self.path, self.read = folder / "keys", ["1"]
        self.path.write_text("1")
        self.counted: Counter[tuple[str, str]] = Counter()
        self.renewal = Renewal([Renewed("keys", [self.path], self._take)], self.count, Logger("test"))

    def count(self, what: str, outcome: str) -> None:
        self.counted[what, outcome] += 1

    def _take(self) -> None:
        if "bad" in (content := self.path.read_text() if self.path.exists() else "bad"):
            raise SettingsError(content)
        self.read.append(content)

    def outcomes(self) -> tuple[int, int]:
        return self.counted["keys", "taken"], self.counted["keys", "refused"]


def test_a_change_is_taken_when_it_has_settled(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.renewal.look()
    shelf.path.write_text("2 is being wr")
    shelf.renewal.look()
    shelf.path.write_text("2 is being written")
    shelf.renewal.look()
    assert shelf.read == ["1"]
    for _ in range(3):
        shelf.renewal.look()
    assert shelf.read == ["1", "2 is being written"]
    assert shelf.outcomes() == (1, 0)


def test_a_file_put_in_the_place_of_another_is_a_change(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    other = tmp_path / "new"
    other.write_text("2")
    other.replace(shelf.path)
    for _ in range(2):
        shelf.renewal.look()
    assert shelf.read == ["1", "2"]


def test_what_cannot_be_used_is_refused_once_and_mended_later(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.path.write_text("bad")
    for _ in range(5):
        shelf.renewal.look()
    shelf.path.unlink()
    for _ in range(5):
        shelf.renewal.look()
    assert (shelf.read, shelf.outcomes()) == (["1"], (0, 2))
    shelf.path.write_text("3")
    for _ in range(2):
        shelf.renewal.look()
    assert (shelf.read, shelf.outcomes()) == (["1", "3"], (1, 2))


def test_it_looks_by_itself(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.renewal.start()
    shelf.renewal.stop()
    Renewal([], shelf.count, Logger("test")).stop()  # never started
