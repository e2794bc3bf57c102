"""Describes a candidate that no gate refused, and packages it: its dataset and what it sees of that are kept, its manifest says where it comes from.

Dataset and views lie beside the frames under their content's digest: who keeps them twice, or keeps those of a version that is never published,
changes nothing.
"""

from collections.abc import Mapping

import msgspec

from contracts import baseline as baselines
from contracts import golden as goldens
from contracts.files import Folder, sha256
from contracts.manifest import BASELINE, GOLDEN, MODEL, WEIGHTS, Lineage, Manifest
from contracts.quality import quality
from contracts.repository import Version
from retrain.data.baseline import baseline_of
from retrain.data.dataset import Datasets
from retrain.data.material import Material
from retrain.request import PAGE, CandidateRequest
from retrain.trainer import golden
from retrain.trainer.package import write
from retrain.trainer.publication import code_version
from retrain.trainer.rework import Rework


def submit(
    request: CandidateRequest,
    parent: Version,
    material: Material,
    rework: Rework,
    folder: Folder,
    more: Mapping[str, bytes] | None = None,
) -> tuple[Manifest, dict[str, str]]:
    """Write the version's files into the job's folder, `more` beside its own; its manifest, and the SHA-256 of each file. Raises StoreError."""
    datasets = Datasets(request.frame_store, request.model)
    dataset_digest = datasets.put(material.dataset)
    seen, labels = rework.seen, material.dataset.labels
    datasets.put_views(sha256(rework.model), dataset_digest, material.session.spec, seen)
    shown = material.new & rework.own
    groups = [item.recording for item, is_shown in zip(material.dataset.items, shown, strict=True) if is_shown]
    others = seen.embedding[~material.new]
    baseline = baseline_of(labels, seen.rows(shown), rework.probabilities[shown], material.truth[shown], groups, others)
    lineage = Lineage(
        origin="retrain",
        parent=request.parent,
        request_key=request.request_key,
        dataset=dataset_digest,
        trained_from=material.counts().by_set(),
        technique=rework.technique,
        recipe=rework.recipe or parent.manifest.lineage.recipe,
        code=code_version(),
        seed=request.seed,
        gates=sha256(more[PAGE]) if more and PAGE in more else "",
        overrides=(request.override,) if request.override else (),
        notes=f"benchmark and baseline describe the new domain: its sealed frames and {_unsealed(rework)}; {material.excluded}",
    )
    manifest = msgspec.structs.replace(
        parent.manifest,
        labels=labels,
        scores_are="logits",
        temperature=rework.temperature,
        benchmark=quality(labels, material.truth[shown], rework.probabilities[shown], parent.manifest.positive),
        lineage=lineage,
        files={},
    )
    recorded = golden.record(rework.model, manifest, baseline, material.frames.rows(material.added))
    files = {MODEL: rework.model, BASELINE: baselines.encode(baseline), GOLDEN: goldens.encode(recorded), **(more or {})}
    return write(folder, manifest, files | ({WEIGHTS: rework.weights} if rework.weights else {}))


def _unsealed(rework: Rework) -> str:
    """Which frames beside the sealed ones it is measured on."""
    return "those of validation" if not rework.own.all() else "out of fold, the others"
