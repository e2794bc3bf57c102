"""Publishes a candidate that passed: its dataset first, then what it sees of it, then the version, each under a name that a repetition finds again."""

from typing import Final

import msgspec
import numpy as np

from contracts.baseline import Baseline
from contracts.errors import VersionError
from contracts.files import Folder, sha256
from contracts.golden import Golden
from contracts.manifest import Lineage, Manifest
from contracts.quality import quality
from contracts.repository import ModelRepository
from retrain.data.baseline import baseline_of
from retrain.data.dataset import Datasets
from retrain.data.material import Material
from retrain.models.session import Views
from retrain.request import CandidateRequest
from retrain.trainer import golden
from retrain.trainer.publication import code_version
from retrain.trainer.rework import Rework

CHOSEN: Final = "version.json"
_TRIES: Final = 5


class _Chosen(msgspec.Struct):
    """The number that this job publishes under, written before publishing, so that a resumed job takes the same."""

    version: str
    digest: str


def publish(
    request: CandidateRequest, repository: ModelRepository, material: Material, rework: Rework, folder: Folder, now: float
) -> Manifest:
    """The published manifest. Publishing again after a kill changes nothing."""
    datasets = Datasets(request.frame_store, request.model)
    dataset_digest = datasets.put(material.dataset)
    logits = rework.fitted.head.logits(material.seen.embedding).astype(np.float32)
    seen = Views(material.seen.statistics, material.seen.phash, material.seen.embedding, logits)
    datasets.put_views(sha256(rework.model), material.session.spec, seen)
    new = material.new
    groups = [item.recording for item, is_new in zip(material.dataset.items, new, strict=True) if is_new]
    baseline = baseline_of(
        material.dataset.labels, seen.rows(new), rework.probabilities[new], material.truth[new], groups, seen.embedding[~new]
    )
    parent = repository.manifest(request.model, request.parent)
    lineage = Lineage(
        origin="retrain",
        parent=request.parent,
        request_key=request.request_key,
        dataset=dataset_digest,
        trained_from=material.counts().by_set(),
        technique=f"head only (l2 {rework.fitted.l2:g}) on the embedding of version {request.parent}, old frames replayed",
        code=code_version(),
        seed=request.seed,
        overrides=(request.override,) if request.override else (),
        notes=f"benchmark and baseline describe the new domain: its sealed frames and, out of fold, the others; {material.excluded}",
    )
    manifest = msgspec.structs.replace(
        parent,
        version="0",
        created_at=now,
        scores_are="logits",
        temperature=rework.fitted.temperature,
        benchmark=quality(material.dataset.labels, material.truth[new], rework.probabilities[new], parent.positive),
        lineage=lineage,
        files={},
    )
    recorded = golden.record(rework.model, manifest, baseline, material.frames.rows(material.added))
    return _numbered(manifest, repository, rework.model, baseline, folder, recorded)


def _numbered(
    manifest: Manifest,
    repository: ModelRepository,
    model: bytes,
    baseline: Baseline,
    folder: Folder,
    recorded: Golden | None = None,
) -> Manifest:
    """Publish under the number chosen before, or the next free one; when another publisher takes it meanwhile, under the one after."""
    for _ in range(_TRIES - 1):
        version = _chosen(repository, manifest.model, sha256(model), folder)
        try:
            return repository.publish(msgspec.structs.replace(manifest, version=version), model, baseline, recorded)
        except VersionError:
            folder.remove(CHOSEN)
    version = _chosen(repository, manifest.model, sha256(model), folder)
    return repository.publish(msgspec.structs.replace(manifest, version=version), model, baseline, recorded)


def _chosen(repository: ModelRepository, model: str, digest: str, folder: Folder) -> str:
    try:
        chosen = msgspec.json.decode(folder.read(CHOSEN), type=_Chosen)
        if chosen.digest == digest:
            return chosen.version
    except (FileNotFoundError, msgspec.MsgspecError):
        pass
    version = repository.next_version(model)
    folder.write(CHOSEN, msgspec.json.encode(_Chosen(version, digest)))
    return version
