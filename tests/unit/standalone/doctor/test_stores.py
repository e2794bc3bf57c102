"""The model repository and the frame store: there, whole, writable, of this time."""

import os
from pathlib import Path

import pytest

from contracts.errors import StoreError
from standalone.doctor import log, state, stores
from tests import small_model
from tests.doctors import NOW, Settings, only


def test_folders_that_may_not_be_written(told: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may do everything
    assert [only(look(told())).verdict for look in (log.log, stores.frames, state.state)] == ["FAIL"] * 3


def test_files_of_another_user_in_folders_of_ours(told: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_model.publish_small_version(told().shared.repository, "photographs")
    (tmp_path / "state" / "retrain").mkdir(parents=True)
    theirs = {
        tmp_path / "repository" / "models" / "photographs",
        tmp_path / "state" / "monitor-photographs.sqlite",
        tmp_path / "state" / "retrain" / "state.sqlite3",
    }
    for one in theirs - {tmp_path / "repository" / "models" / "photographs"}:
        one.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: path not in theirs or not mode & os.W_OK)
    found = [list(state.state(told(name)))[-1] for name in ("monitor", "retrain")] + [list(stores.repository(told("retrain")))[-1]]
    assert [(one.verdict, "may not be written" in one.said, "chown -R" in one.fix) for one in found] == [("FAIL", True, True)] * 3
    assert only(stores.repository(told("serving"))).verdict == "ok"


def test_the_repository_and_a_champion_that_was_altered(told: Settings, tmp_path: Path) -> None:
    assert only(stores.repository(told())).said.endswith("is not there")
    (tmp_path / "repository").mkdir()
    assert "has no channels" in only(stores.repository(told())).said
    small_model.publish_small_version(told().shared.repository, "photographs")
    assert "is whole" in only(stores.repository(told())).said
    model = next((tmp_path / "repository").rglob("model.onnx"))
    model.write_bytes(model.read_bytes()[:-1])
    altered = only(stores.repository(told()))
    assert (altered.verdict, "half-written or altered" in altered.said, "keepsight rollback" in altered.fix) == ("FAIL", True, True)
    (model.parent / "manifest.json").unlink()
    assert only(stores.repository(told())).said == "the champion, version 1, is not there"


def test_the_frame_store_and_its_clock(told: Settings, tmp_path: Path) -> None:
    assert only(stores.frames(told())).verdict == "ok"
    assert list(stores.file_clock(told(), NOW)) == []
    hour = tmp_path / "frames" / "frames" / "photographs" / "20300317" / "17"
    hour.mkdir(parents=True)
    for ahead, verdict in ((-3600.0, "ok"), (5.0, "FAIL")):
        os.utime(hour, (NOW + ahead, NOW + ahead))
        assert only(stores.file_clock(told(), NOW)).verdict == verdict
    with pytest.raises(StoreError, match="is no folder we can open"):
        list(stores.frames(told(frame_store="nowhere://bucket")))
