"""Makes a version of any ONNX classifier or detector: exposes its embedding, takes its preprocessing inside, and measures what it sees of reference frames.

    keepsight import-model MODEL.onnx --name NAME --labels a,b,c --reference FOLDER --repository URL --frame-store URL

Of a classifier FOLDER holds pictures, or a folder of pictures for each label: then their truth gives the benchmark and they are replayed by later
retrainings. A graph that answers boxes [N, M, 6] is a detector's: FOLDER holds pictures, and --boxes names the file that says where objects are.
What cannot be imported is refused with the reason, in one line, with exit status 2.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
import onnx

from contracts.baseline import MIN_FRAMES
from contracts.errors import KeepsightError, VersionError
from contracts.frames import see
from contracts.manifest import InputSpec, Lineage, Manifest, digest
from contracts.quality import quality
from contracts.repository import ModelRepository
from retrain.data.baseline import baseline_of
from retrain.data.dataset import Datasets
from retrain.data.frames import Frames
from retrain.data.recordings import BLOCK
from retrain.models import anatomy, graph
from retrain.models.adoption import adopt
from retrain.models.box_adoption import adopt_boxes
from retrain.models.box_anatomy import detects
from retrain.models.calibrate import softmax, temperature
from retrain.models.export import parity_frames
from retrain.models.session import Session, Views, views
from retrain.trainer import box_gallery, import_detector
from retrain.trainer.gallery import Gallery, read
from retrain.trainer.import_order import CHANNELS, Order, order_of
from retrain.trainer.publication import code_version, dealt, keep, publish

SEED: Final = 1
_SHOWN: Final = 12
"""Classes that the summary names."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0 published, 2 refused with the reason on standard error."""
    try:
        order = order_of(sys.argv[1:] if argv is None else argv, __doc__ or "")
        sys.stdout.write(run(order, time.time()))
    except (KeepsightError, ValueError) as error:
        sys.stderr.write(f"keepsight: {error}\n")
        return 2
    return 0


def run(order: Order, now: float) -> str:
    """Import and publish; the summary for a person. Raises KeepsightError or ValueError with the reason."""
    try:
        content = order.model.read_bytes()
    except OSError as error:
        raise VersionError(f"{order.model} cannot be read: {error.strerror}") from error
    model = graph.read(content, str(order.model))
    if (found := graph.opset(model)) < graph.MIN_OPSET:
        raise VersionError(
            f"{order.model} uses operator set {found}, at least {graph.MIN_OPSET} is needed: export again with opset_version=17"
        )
    if detects(model):
        return _detector(order, model, now)
    if order.boxes is not None:
        raise VersionError("--boxes are for detectors, and the graph has no output of boxes [N, M, 6]: see docs/detection.md")
    if len(order.labels) < 2:
        raise VersionError(f"--labels are {', '.join(order.labels)}: a classifier has at least two, in the order of the scores")
    gallery = read(order.reference, order.labels)
    spec, how = _taken(order, model)
    pixels = [see(gallery.frames[i].read(), spec) for i in parity_frames(len(gallery.frames))]
    return _publish(order, adopt(model, spec, how, len(order.labels), pixels), spec, gallery, now)


def _taken(order: Order, model: onnx.ModelProto) -> tuple[InputSpec, graph.Preprocessing]:
    """What the version takes, and how that becomes what the graph takes."""
    taken = anatomy.picture(model, order.layout, CHANNELS[order.preprocessing.color])
    spec = InputSpec(graph.IMAGE, *anatomy.size(taken, order.height, order.width), order.fit, order.decode or _usual_decode(order))
    return spec, replace(order.preprocessing, layout=taken.layout)


def _detector(order: Order, model: onnx.ModelProto, now: float) -> str:
    if order.positive is not None:
        raise VersionError("--positive is a classifier's: a detector's classes all have their average precision")
    gallery = box_gallery.read(order.reference, order.boxes, order.labels)
    spec, how = _taken(order, model)
    pixels = [see(gallery.frames[i], spec) for i in parity_frames(len(gallery.pictures))]
    return import_detector.publish(order, adopt_boxes(model, spec, how, len(order.labels), pixels), spec, gallery, now)


def _usual_decode(order: Order) -> Literal["full", "reduced"]:
    """As the model's versions do: what a camera's pictures are like must not change because another version looks at them."""
    repository = ModelRepository(order.repository)
    try:
        return repository.manifest(order.name, repository.channels(order.name).champion).input.decode
    except VersionError:
        return "reduced"


def _publish(order: Order, model: bytes, spec: InputSpec, gallery: Gallery, now: float) -> str:
    session = Session(model, spec, graph.EMBEDDING, graph.SCORES)
    seen = views(session, Frames([frame.read for frame in gallery.frames]), threads=order.threads)
    if not np.isfinite(seen.embedding).all():
        raise VersionError("the embedding is not finite on the reference frames: check --scale, --mean and --std")
    if len(seen) < MIN_FRAMES:
        raise VersionError(
            f"{order.reference} has {len(seen)} pictures that can be used, at least {MIN_FRAMES} are needed; {gallery.excluded}"
        )
    truth = gallery.truth
    logits = seen.scores.astype(np.float64)
    fitted = temperature(logits, truth) if truth is not None else 1.0
    p = softmax(logits / fitted)
    benchmark = quality(order.labels, truth, p, order.positive) if truth is not None else None
    repository = ModelRepository(order.repository)
    version = order.version or repository.next_version(order.name)
    dataset_digest, counts = _dataset(order, model, spec, gallery, seen, version)
    lineage = Lineage(
        origin="import",
        dataset=dataset_digest,
        trained_from=counts,
        technique=f"imported from {order.model.name}",
        code=code_version(),
        seed=SEED,
        notes=str(gallery.excluded),
    )
    manifest = Manifest(
        model=order.name,
        version=version,
        created_at=now,
        task="classification",
        labels=order.labels,
        input=spec,
        scores=graph.SCORES,
        embedding=graph.EMBEDDING,
        scores_are="logits",
        temperature=fitted,
        positive=order.positive,
        benchmark=benchmark,
        lineage=lineage,
        files={},
    )
    baseline = baseline_of(order.labels, seen, p, truth, [str(row // BLOCK) for row in range(len(seen))])
    manifest = publish(repository, manifest, model, baseline, Frames([frame.read for frame in gallery.frames]), "import-model")
    return _summary(order, manifest, len(baseline), baseline.centre.shape[0], gallery, repository)


def _dataset(
    order: Order, model: bytes, spec: InputSpec, gallery: Gallery, seen: Views, version: str
) -> tuple[str, dict[str, int]]:
    """Keep labelled references for replay: the digest and the counts by set; none without labels."""
    if gallery.truth is None:
        return "", {}
    dataset = dealt(order.name, order.labels, gallery.frames, seen, SEED, version)
    return keep(Datasets(order.frame_store, order.name), dataset, gallery.frames, model, spec, seen)


def _summary(order: Order, manifest: Manifest, rows: int, width: int, gallery: Gallery, repository: ModelRepository) -> str:
    lines = [
        f"{manifest.model} version {manifest.version} is published in {order.repository} ({digest(manifest)[:12]})",
        f"  input      {manifest.input.width} x {manifest.input.height} RGB, {manifest.input.fit}, {manifest.input.decode} decode; preprocessing in the graph",
        f"  classes    {len(manifest.labels)}: {', '.join(manifest.labels[:_SHOWN])}{', …' if len(manifest.labels) > _SHOWN else ''}"
        + (f" (positive: {manifest.positive})" if manifest.positive else ""),
        f"  answers    {manifest.scores_are}, temperature {manifest.temperature:.2f}; embedding of {width} dimensions",
        f"  baseline   {rows} frames; {gallery.excluded}",
    ]
    if manifest.benchmark:
        b = manifest.benchmark
        lines.append(
            f"  benchmark  accuracy {b.accuracy.value:.3f} [{b.accuracy.low:.3f}, {b.accuracy.high:.3f}], balanced {b.balanced_accuracy.value:.3f}"
        )
    else:
        lines.append(
            "  benchmark  none: without labels (FOLDER/<label>/) decay is seen in the inputs only, and no retraining can be judged"
        )
    lines.append(order.next_step(manifest.version, repository.channels(order.name).champion))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
