"""The number that a candidate is published under, over kills and rivals."""

from pathlib import Path

import numpy as np
import pytest

from contracts.baseline import Baseline
from contracts.errors import VersionError
from contracts.files import Folder, sha256
from contracts.manifest import InputSpec, Lineage, Manifest, digest
from contracts.repository import ModelRepository
from contracts.statistics import NUMERIC
from retrain.trainer.submission import CHOSEN, _numbered


@pytest.fixture
def baseline() -> Baseline:
    zeros = np.zeros
    return Baseline(
        ("a", "b"),
        zeros((64, len(NUMERIC)), np.float32),
        zeros((64, 0), np.float32),
        np.full((64, 2), 0.5, np.float32),
        zeros(64, np.int32),
        zeros(64, np.int32),
        zeros(4, np.float32),
        zeros((0, 4), np.float32),
    )


def manifest() -> Manifest:
    return Manifest(
        model="m", version="0", created_at=1.0, task="classification", labels=("a", "b"), input=InputSpec("image", 8, 8),
        scores="scores", embedding="embedding", scores_are="logits", lineage=Lineage("retrain"), files={},
    )  # fmt: skip


def test_a_job_killed_after_publishing_publishes_nothing_twice(tmp_path: Path, baseline: Baseline) -> None:
    repository, folder = ModelRepository(str(tmp_path / "repository")), Folder(str(tmp_path / "job"))
    first = _numbered(manifest(), repository, b"model", baseline, folder)
    assert _numbered(manifest(), repository, b"model", baseline, folder) == first
    assert repository.versions("m") == ["1"]
    assert digest(first) == sha256(b"model")


def test_a_number_taken_by_a_rival_meanwhile_gives_way_to_the_next(tmp_path: Path, baseline: Baseline) -> None:
    repository, folder = ModelRepository(str(tmp_path / "repository")), Folder(str(tmp_path / "job"))
    ours = _numbered(manifest(), ModelRepository(str(tmp_path / "elsewhere")), b"ours", baseline, folder)
    assert ours.version == "1"
    assert folder.exists(CHOSEN)
    rival = Folder(str(tmp_path / "rival"))
    assert _numbered(manifest(), repository, b"theirs", baseline, rival).version == "1"
    assert _numbered(manifest(), repository, b"ours", baseline, folder).version == "2"


def test_what_no_number_can_mend_is_raised(tmp_path: Path, baseline: Baseline) -> None:
    wrong = Manifest(**{name: getattr(manifest(), name) for name in Manifest.__struct_fields__} | {"labels": ("a", "c")})
    with pytest.raises(VersionError, match="are not the baseline's"):
        _numbered(wrong, ModelRepository(str(tmp_path)), b"model", baseline, Folder(str(tmp_path / "job")))
