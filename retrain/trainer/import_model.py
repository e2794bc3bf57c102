"""Makes a version of any ONNX classifier: exposes its embedding, takes its preprocessing inside, and measures what it sees of reference frames.

    keepsight import-model MODEL.onnx --name NAME --labels a,b,c --reference FOLDER --repository URL --frame-store URL

FOLDER holds pictures, or a folder of pictures for each label: then their truth gives the benchmark and they are replayed by later retrainings.
What cannot be imported is refused with the reason, in one line, with exit status 2.
"""

import argparse
import errno
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import numpy as np

from contracts.baseline import MIN_FRAMES
from contracts.errors import KeepsightError, VersionError
from contracts.files import sha256
from contracts.frames import see
from contracts.manifest import InputSpec, Lineage, Manifest, digest
from contracts.predictions import ClassTruth
from contracts.quality import quality
from contracts.repository import ModelRepository
from retrain.data.baseline import baseline_of
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.data.duplicates import near_pairs
from retrain.data.frames import Frames
from retrain.data.recordings import BLOCK, joined
from retrain.data.split import BOOTSTRAP_SHARES, SETS, deal
from retrain.models import anatomy, graph
from retrain.models.adoption import adopt
from retrain.models.calibrate import softmax, temperature
from retrain.models.export import parity_frames
from retrain.models.session import Session, Views, views
from retrain.trainer import golden
from retrain.trainer.gallery import Gallery, read
from retrain.trainer.publication import code_version, first_champion

SEED: Final = 1
_SHOWN: Final = 12
"""Classes that the summary names."""
_CHANNELS: Final = {"rgb": 3, "bgr": 3, "gray": 1}


@dataclass(frozen=True, slots=True)
class Order:
    """What to import: see --help."""

    model: Path
    name: str
    labels: tuple[str, ...]
    reference: Path
    positive: str | None
    height: int | None
    width: int | None
    preprocessing: graph.Preprocessing
    layout: Literal["nchw", "nhwc"] | None
    fit: Literal["stretch", "letterbox"]
    decode: Literal["full", "reduced"] | None
    repository: str
    frame_store: str
    version: str | None
    threads: int


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0 published, 2 refused with the reason on standard error."""
    try:
        order = _order(sys.argv[1:] if argv is None else argv)
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
    gallery = read(order.reference, order.labels)
    taken = anatomy.picture(model, order.layout, _CHANNELS[order.preprocessing.color])
    spec = InputSpec(graph.IMAGE, *anatomy.size(taken, order.height, order.width), order.fit, order.decode or _usual_decode(order))
    how = replace(order.preprocessing, layout=taken.layout)
    pixels = [see(gallery.frames[i].read(), spec) for i in parity_frames(len(gallery.frames))]
    adopted = adopt(model, spec, how, len(order.labels), pixels)
    return _publish(order, adopted, spec, gallery, now)


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
    recorded = golden.record(model, manifest, baseline, Frames([frame.read for frame in gallery.frames]))
    manifest = repository.publish(manifest, model, baseline, recorded)
    first_champion(repository, manifest, now, "import-model")
    return _summary(order, manifest, len(baseline), baseline.centre.shape[0], gallery, repository)


def _dataset(
    order: Order, model: bytes, spec: InputSpec, gallery: Gallery, seen: Views, version: str
) -> tuple[str, dict[str, int]]:
    """Keep labelled references for replay: the digest and the counts by set; none without labels."""
    if gallery.truth is None:
        return "", {}
    datasets = Datasets(order.frame_store, order.name)
    groups = joined([frame.recording for frame in gallery.frames], near_pairs(seen))
    sets = deal(groups, gallery.truth, BOOTSTRAP_SHARES, SEED)
    items = tuple(
        Item(
            sha256=datasets.put_frame(f.read()),
            truth=ClassTruth(f.label),
            recording=group,
            set=name,
            camera=f.camera,
            captured_at=0.0,
            added=version,
        )
        for f, group, name in zip(gallery.frames, groups, sets, strict=True)
    )
    dataset = Dataset(model=order.name, labels=order.labels, items=items)
    datasets.put_views(sha256(model), spec, seen)
    return datasets.put(dataset), {name: int(dataset.where(name).sum()) for name in SETS}


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
    champion = repository.channels(order.name).champion
    if champion == manifest.version:
        lines.append("It is the champion. Next: keepsight up")
    else:
        lines.append(f"The champion is still version {champion}.")
    return "\n".join(lines) + "\n"


def _order(argv: Sequence[str]) -> Order:
    a = _parser().parse_args(argv)
    channels = _CHANNELS[a.color]
    labels = tuple(label.strip() for label in _listed(a.labels).split(",") if label.strip())
    if len(labels) < 2 or len(set(labels)) != len(labels):
        raise VersionError(f"--labels are {', '.join(labels)}: give at least two, each once, in the order of the scores")
    if a.positive is not None and a.positive not in labels:
        raise VersionError(f"--positive {a.positive!r} is none of the labels {', '.join(labels)}")
    mean, std = _channel_values("--mean", a.mean, channels), _channel_values("--std", a.std, channels)
    if min(std) <= 0:
        raise VersionError(f"--std is {a.std}: every value must be above 0")
    how = graph.Preprocessing(a.color, a.layout or "nchw", _channel_values("--scale", a.scale, 1)[0], mean, std)
    return Order(
        a.model, a.name, labels, a.reference, a.positive, a.height, a.width, how, a.layout, a.fit, a.decode, a.repository, a.frame_store, a.version, a.threads
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keepsight import-model",
        description=(__doc__ or "").split("\n\n")[0],
        epilog="With --settings FILE, KEEPSIGHT_SETTINGS or a keepsight.toml in this folder, --name, --repository and --frame-store come from it.",
        allow_abbrev=False,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--name", required=True, help="the name to publish under")
    parser.add_argument(
        "--labels", required=True, help="the classes in the order of the scores: comma-separated, or a file with one a line"
    )
    parser.add_argument(
        "--reference",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="pictures as the cameras send them, at best FOLDER/<label>/*.jpg",
    )
    parser.add_argument("--positive", help="the class whose recall and precision count")
    parser.add_argument("--height", type=int, help="of the input, where the graph leaves it open")
    parser.add_argument("--width", type=int)
    parser.add_argument("--scale", default="1/255", help="pixels are multiplied by this first")
    parser.add_argument("--mean", default="0", help="then this is taken away: one value, or one a channel, comma-separated")
    parser.add_argument("--std", default="1", help="then divided by this")
    parser.add_argument("--color", choices=tuple(_CHANNELS), default="rgb", help="what the model takes")
    parser.add_argument("--layout", choices=("nchw", "nhwc"), help="found in the graph where it says so")
    parser.add_argument(
        "--fit", choices=("stretch", "letterbox"), default="stretch", help="how frames are brought to the input's size"
    )
    parser.add_argument(
        "--decode",
        choices=("full", "reduced"),
        help="whether frames are decoded at the smallest size that is no smaller than the input; default: as the champion, reduced for a new model",
    )
    parser.add_argument("--repository", required=True, help="the model repository: a folder, s3://… or gs://…")
    parser.add_argument(
        "--frame-store", required=True, help="the frame store: labelled references are kept there for later retrainings"
    )
    parser.add_argument("--version", help="default: the next number")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def _listed(labels: str) -> str:
    """The names given, or those of the file that is given."""
    try:
        return Path(labels).read_text().replace("\n", ",")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):  # names, not a file: many of them make no path
            return labels
        raise VersionError(f"--labels {labels} cannot be read: {error.strerror}") from error


def _channel_values(option: str, text: str, channels: int) -> tuple[float, ...]:
    try:
        values = tuple(float(Fraction(part.strip())) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise VersionError(f"{option} is {text!r}: numbers, comma-separated, are needed") from None
    if len(values) not in (1, channels):
        raise VersionError(f"{option} has {len(values)} values, the model takes {channels} channels: give one, or one a channel")
    return values * channels if len(values) == 1 else values


if __name__ == "__main__":
    sys.exit(main())
