"""What a training process left behind: read once, whole lines only, never more than a look can hold."""

import json
from pathlib import Path

import pytest

from contracts.errors import StoreError, VersionError
from retrain.launch.trail import Trail

LINE = json.dumps({"step": "data", "progress": 0.1}) + "\n"


def test_lines_are_read_once_and_only_whole(tmp_path: Path) -> None:
    trail = Trail(tmp_path)
    assert trail.progress(0) == ([], 0)
    (tmp_path / "steps.jsonl").write_text(LINE + "a library speaks\n" + '{"step": "tr')
    steps, read = trail.progress(0)
    assert [step.step for step in steps] == ["data"]
    with (tmp_path / "steps.jsonl").open("a") as file:
        file.write('ain", "progress": 0.2}\n')
    assert [step.step for step in trail.progress(read).steps] == ["train"]


def test_a_flood_is_read_in_pieces_and_a_line_without_end_is_passed_over(tmp_path: Path) -> None:
    trail = Trail(tmp_path)
    (tmp_path / "steps.jsonl").write_text("x" * 3_000_000 + "\n" + LINE * 50_000)
    read, steps, now = -1, 0, 0
    while now != read:
        read = now
        found, now = trail.progress(read)
        assert now - read <= 1 << 20
        steps += len(found)
    assert (steps, read) == (50_000, (tmp_path / "steps.jsonl").stat().st_size)


def test_an_outcome_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    trail = Trail(tmp_path)
    assert trail.outcome() is None
    (tmp_path / "outcome.json").write_text("{")
    with pytest.raises(VersionError, match=r"outcome\.json is not an outcome we can read"):
        trail.outcome()
    (tmp_path / "outcome.json").unlink()
    (tmp_path / "outcome.json").mkdir()
    with pytest.raises(StoreError, match=r"outcome\.json is there and cannot be read: Is a directory"):
        trail.outcome()


def test_last_words_are_the_end(tmp_path: Path) -> None:
    trail = Trail(tmp_path)
    assert trail.last_words() == ""
    (tmp_path / "stderr.log").write_text("early\n" * 5000 + "no more memory\n")
    assert trail.last_words().endswith("early\nno more memory")
    assert len(trail.last_words()) < 4001
