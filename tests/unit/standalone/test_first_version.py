"""The digest under which a first version is kept: it changes with any source that makes it, in whichever room."""

from pathlib import Path

import pytest

from standalone.first_version import digest_of_code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("contracts/files.py", "retrain/service.py", "retrain/models/head.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("pass\n")
    return tmp_path


@pytest.mark.parametrize("path", ["contracts/files.py", "retrain/service.py", "retrain/models/head.py"])
def test_a_change_in_any_room_is_another_digest(root: Path, path: str) -> None:
    before = digest_of_code(root)
    (root / path).write_text("raise\n")
    assert digest_of_code(root) != before


def test_a_module_that_moves_is_another_digest(root: Path) -> None:
    before = digest_of_code(root)
    (root / "retrain/training").mkdir()
    (root / "retrain/models/head.py").rename(root / "retrain/training/head.py")
    assert digest_of_code(root) != before


def test_other_files_change_nothing(root: Path) -> None:
    before = digest_of_code(root)
    (root / "retrain/notes.txt").write_text("hello")
    assert digest_of_code(root) == before
