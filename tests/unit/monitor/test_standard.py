"""What a version is judged by, and why one is not."""

from pathlib import Path

import numpy as np
import pytest

from contracts.errors import StoreError
from contracts.repository import ModelRepository
from monitor.policy import Policy
from monitor.standard import Standards
from tests.monitor_line import MODEL, Line
from tests.small_model import photographs


def test_a_version_is_read_once_and_its_families_are_known(tmp_path: Path) -> None:
    standards = Standards(ModelRepository(Line(tmp_path).url), MODEL, Policy())
    assert standards("1") is standards("1")
    assert standards("1").unjudged == ""
    assert standards.families("1")["softmax"] == "softmax"


def test_unknown_damaged_and_small_versions_say_why(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.publish("2", photographs(40, 1))
    line.publish("3", photographs(96, 1))
    (Path(line.url) / "models" / MODEL / "3" / "baseline.npz").write_bytes(b"altered")
    standards = Standards(ModelRepository(line.url), MODEL, Policy())
    assert "has no version '9'" in standards("9").unjudged
    assert "40 frames, 64 are needed" in standards("2").unjudged
    assert standards("2").manifest is not None
    assert "baseline.npz" in standards("3").unjudged
    assert standards.families("3") == {}


def test_a_repository_that_is_away_is_no_verdict_on_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = ModelRepository(Line(tmp_path).url)
    standards = Standards(repository, MODEL, Policy())

    def away(model: str, version: str) -> None:
        raise StoreError("the repository cannot be read")

    with monkeypatch.context() as patch:
        patch.setattr(repository, "baseline", away)
        with pytest.raises(StoreError):
            standards("1")
    reference = standards("1").reference
    assert reference is not None
    assert np.isfinite(reference.limits).all()


def test_who_stands_by_has_calibrated_what_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path)
    repository = ModelRepository(line.url)
    standards = Standards(repository, MODEL, Policy())
    asked: list[str] = []
    baseline = repository.baseline

    def counted(model: str, version: str) -> object:
        asked.append(version)
        return baseline(model, version)

    monkeypatch.setattr(repository, "baseline", counted)
    standards.keep_warm(100.0)
    standards.keep_warm(101.0)
    assert standards("1").replay is not None
    assert asked == ["1"]
    Standards(ModelRepository(str(tmp_path / "empty")), MODEL, Policy()).keep_warm(0.0)  # no model yet: nothing to do
