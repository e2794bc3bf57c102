"""What the ways to a model's first version share: how its labelled frames are dealt and kept, the code that made it, and its publication."""

import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from contracts.baseline import Baseline
from contracts.channels import Channels
from contracts.files import sha256
from contracts.manifest import InputSpec, Manifest
from contracts.predictions import ClassTruth
from contracts.repository import ModelRepository
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.data.duplicates import near_pairs
from retrain.data.frames import Frame
from retrain.data.recordings import joined
from retrain.data.split import BOOTSTRAP_SHARES, SETS, deal
from retrain.models.session import Views
from retrain.trainer import golden


def code_version() -> str:
    """What trained: the installed release."""
    try:
        return f"keepsight {version('keepsight')}"
    except PackageNotFoundError:
        return "keepsight, not installed"


def dealt(model: str, labels: tuple[str, ...], frames: Sequence[Frame], seen: Views, seed: int, added: str) -> Dataset:
    """The dataset of labelled frames: whole groups in one set, joined by near-duplicates. `added` is the version that they make."""
    groups = joined([one.recording for one in frames], near_pairs(seen))
    place = {label: k for k, label in enumerate(labels)}
    sets = deal(groups, np.array([place[one.label] for one in frames], dtype=np.int64), BOOTSTRAP_SHARES, seed)
    items = tuple(
        Item(
            sha256=one.sha256,
            truth=ClassTruth(one.label),
            recording=group,
            set=chosen,
            camera=one.camera,
            captured_at=0.0,
            added=added,
        )
        for one, group, chosen in zip(frames, groups, sets, strict=True)
    )
    return Dataset(model=model, labels=labels, items=items)


def keep(
    datasets: Datasets, dataset: Dataset, frames: Sequence[Frame], model: bytes, spec: InputSpec, seen: Views
) -> tuple[str, dict[str, int]]:
    """Keep frames, list and what the model sees of them for later retrainings; the digest, and the counts by set."""
    for one in frames:
        datasets.put_frame(one.read())
    digest = datasets.put(dataset)
    datasets.put_views(sha256(model), digest, spec, seen)
    return digest, {name: int(dataset.where(name).sum()) for name in SETS}


def publish(
    repository: ModelRepository,
    manifest: Manifest,
    model: bytes,
    baseline: Baseline,
    frames: Sequence[bytes],
    by: str,
    more: Mapping[str, bytes] | None = None,
) -> Manifest:
    """Publish a version with golden frames from `frames` and `more` files beside its own; the champion, if its model has none yet."""
    published = repository.publish(manifest, model, baseline, golden.record(model, manifest, baseline, frames), more)
    first_champion(repository, published, manifest.created_at, by)
    return published


def first_champion(repository: ModelRepository, manifest: Manifest, now: float, by: str) -> None:
    """Make a version the champion if its model has none yet."""
    if not repository.history(manifest.model):
        reason = f"the first version of {manifest.model}"
        repository.set_channels(
            manifest.model, Channels(champion=manifest.version, sequence=1, changed_at=now, by=by, reason=reason)
        )


def next_step(version: str, champion: str, settings: str) -> str:
    """What a person does with the version that was made; `settings` is the file that was named for it, "" where none was."""
    where = f" --settings {shlex.quote(settings)}" if settings else ""
    if champion == version:
        return f"It is the champion. Next: keepsight up{where}"
    return f"The champion is still version {champion}. To bring this one to all cameras: keepsight promote {version} --reason WHY{where}"
