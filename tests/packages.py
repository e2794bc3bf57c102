"""A training process's package without a training process: a version's files in a job's folder, and the outcome that names them."""

import msgspec

from contracts import baseline as baselines
from contracts.files import Folder
from contracts.manifest import BASELINE, MODEL, Lineage
from contracts.repository import ModelRepository
from retrain.request import CandidateOutcome
from retrain.trainer.package import write
from tests.unit.contracts.versions import MODEL_BYTES, small_baseline, small_manifest


def with_first_version(url: str, model: str = "solar") -> ModelRepository:
    """A repository that holds version 1."""
    repository = ModelRepository(url)
    repository.publish(small_manifest("1", model), b"the parent", small_baseline())
    return repository


def packaged(folder: Folder, model: str = "solar", parent: str = "1", fence: int = 0, **more: bytes) -> CandidateOutcome:
    """Write a package; its outcome. `more` are files beside the version's own, `_` in their names standing for the dot."""
    manifest = msgspec.structs.replace(small_manifest(model=model), lineage=Lineage("retrain", parent=parent))
    files = {MODEL: MODEL_BYTES, BASELINE: baselines.encode(small_baseline())}
    files |= {name.replace("_", "."): content for name, content in more.items()}
    _, digests = write(folder, manifest, files)
    return CandidateOutcome(verdict="packaged", reason="all gates passed", package=digests, fence=fence)
