"""Publishes a stranger's detector: its boxes as cameras' frames would get them, measured on reference pictures, with the truth where a file tells it."""

from typing import Final

import numpy as np

from contracts.baseline import MIN_FRAMES, Baseline
from contracts.detections import detections, way
from contracts.errors import VersionError
from contracts.manifest import InputSpec, Lineage, Manifest, digest
from contracts.predictions import Box
from contracts.quality_detection import quality
from contracts.repository import ModelRepository
from retrain.data.box_baseline import box_baseline
from retrain.data.box_truth import stratum
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.data.duplicates import near_pairs
from retrain.data.recordings import joined
from retrain.data.split import BOOTSTRAP_SHARES, SETS, deal
from retrain.models import graph
from retrain.models.session import Session, Views, views
from retrain.trainer import publication
from retrain.trainer.box_gallery import BoxGallery
from retrain.trainer.import_order import Order

SEED: Final = 1


def publish(order: Order, model: bytes, spec: InputSpec, gallery: BoxGallery, now: float) -> str:
    """The summary for a person of the published version. Raises VersionError with the reason when there is none."""
    name, labels, repository = order.name, order.labels, ModelRepository(order.repository)
    seen = views(Session(model, spec, graph.EMBEDDING, graph.BOXES), gallery.frames, threads=order.threads)
    if not np.isfinite(seen.embedding).all():
        raise VersionError("the embedding is not finite on the reference frames: check --scale, --mean and --std")
    if len(seen) < MIN_FRAMES:
        raise VersionError(f"{len(seen)} pictures can be used, at least {MIN_FRAMES} are needed; {gallery.excluded}")
    said = _said(seen, gallery, labels, spec)
    groups = joined([one.recording for one in gallery.pictures], near_pairs(seen))
    chosen = order.version or repository.next_version(name)
    dataset, counts = _dataset(order.frame_store, name, chosen, labels, gallery, groups)
    rows = gallery.labelled
    truths = [one.boxes for row in rows if (one := gallery.pictures[row].truth) is not None]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    benchmark = (
        quality(truths, [said[row] for row in rows], [numbers[groups[row]] for row in rows], order.threshold)
        if any(truths)
        else None
    )
    manifest = Manifest(
        model=name,
        version=chosen,
        created_at=now,
        task="detection",
        labels=labels,
        input=spec,
        boxes=graph.BOXES,
        embedding=graph.EMBEDDING,
        detection=benchmark,
        threshold=order.threshold,
        lineage=Lineage(
            origin="import",
            dataset=dataset,
            trained_from=counts,
            technique=f"imported from {order.model.name}",
            code=publication.code_version(),
            seed=SEED,
            notes=str(gallery.excluded),
        ),
        files={},
    )
    sizes = [(one.header.width, one.header.height) for one in gallery.pictures]
    baseline = box_baseline(labels, seen, said, sizes, [one.recording for one in gallery.pictures])
    manifest = publication.publish(repository, manifest, model, baseline, gallery.frames, "import-model")
    return _summary(order, manifest, baseline, gallery, said, repository)


def _said(seen: Views, gallery: BoxGallery, labels: tuple[str, ...], spec: InputSpec) -> list[tuple[Box, ...]]:
    said = []
    for rows, picture in zip(seen.scores, gallery.pictures, strict=True):
        found = detections(rows, labels, way(picture.header, spec))
        if found is None:
            raise VersionError(f"of {picture.path.name} the graph's scores, classes or corners are no sensible numbers")
        said.append(found.boxes)
    return said


def _dataset(
    frame_store: str, name: str, version: str, labels: tuple[str, ...], gallery: BoxGallery, groups: list[str]
) -> tuple[str, dict[str, int]]:
    """Keep labelled references for later retrainings: the digest and the counts by set; none without labels."""
    rows = gallery.labelled
    if not rows:
        return "", {}
    datasets = Datasets(frame_store, name)
    truths = [one.truth for row in rows if (one := gallery.pictures[row]).truth is not None]
    strata = [stratum(one) for one in truths if one is not None]
    place = {one: k for k, one in enumerate(dict.fromkeys(strata))}
    sets = deal([groups[row] for row in rows], np.array([place[one] for one in strata], np.int64), BOOTSTRAP_SHARES, SEED)
    items = tuple(
        Item(
            sha256=datasets.put_frame(gallery.pictures[row].path.read_bytes()),
            truth=truth,
            recording=groups[row],
            set=chosen,
            camera="reference",
            captured_at=0.0,
            added=version,
            width=gallery.pictures[row].header.width,
            height=gallery.pictures[row].header.height,
        )
        for row, truth, chosen in zip(rows, truths, sets, strict=True)
        if truth is not None
    )
    dataset = Dataset(model=name, labels=labels, items=items)
    return datasets.put(dataset), {one: int(dataset.where(one).sum()) for one in SETS}


def _summary(
    order: Order,
    manifest: Manifest,
    baseline: Baseline,
    gallery: BoxGallery,
    said: list[tuple[Box, ...]],
    repository: ModelRepository,
) -> str:
    spec, sure = manifest.input, [box for boxes in said for box in boxes if box.score >= manifest.threshold]
    lines = [
        f"{manifest.model} version {manifest.version} is published in {repository.url} ({digest(manifest)[:12]})",
        f"  input      {spec.width} x {spec.height} RGB, {spec.fit}, {spec.decode} decode; preprocessing in the graph",
        f"  classes    {len(manifest.labels)}: {', '.join(manifest.labels[:12])}{', …' if len(manifest.labels) > 12 else ''}",
        f"  answers    boxes; embedding of {baseline.centre.shape[0]} dimensions; on the reference {len(sure) / len(said):.1f} boxes a frame "
        f"score {manifest.threshold:g} or more",
        f"  baseline   {len(baseline)} frames; {gallery.excluded}",
    ]
    if (b := manifest.detection) is not None:
        lines.append(
            f"  benchmark  average precision at IoU 0.5 {b.map50.value:.3f} [{b.map50.low:.3f}, {b.map50.high:.3f}], from 0.5 to 0.95 {b.map.value:.3f}, "
            f"mean loss of a frame (1 - F1) {b.frame_loss.value:.3f}; on {b.map50.n} labelled frames"
        )
        lines.append(
            "  note       measured on pictures that the detector may have been trained with: then it is too good, and decay is called early"
        )
    else:
        lines.append("  benchmark  none: without --boxes decay is seen in the inputs and the boxes only")
    lines.append(order.next_step(manifest.version, repository.channels(order.name).champion))
    return "\n".join(lines) + "\n"
