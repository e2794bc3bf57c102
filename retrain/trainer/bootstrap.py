"""Trains a model's first version: a linear head on the pretrained backbone, from labelled photographs.

    python -m retrain.trainer.bootstrap --repository URL --frame-store URL --model NAME --frames index.csv --labels functional,defective

index.csv has a header and, in recording order, the columns path (relative to it), label, group (frames of one group are neighbours) and camera.
One JSON line a step on standard output; what is wrong, in one line, on standard error with exit status 2.
"""

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch

from contracts.errors import KeepsightError, VersionError
from contracts.files import Folder, sha256
from contracts.frames import see
from contracts.manifest import InputSpec, Lineage, Manifest, digest
from contracts.quality import Quality, quality
from contracts.repository import ModelRepository
from retrain.data.baseline import baseline_of
from retrain.data.dataset import Dataset, Datasets
from retrain.data.frames import Excluded, Frame, Frames, usable
from retrain.gates.parity import parity
from retrain.models import backbones, graph
from retrain.models.calibrate import softmax
from retrain.models.export import BATCHES, onnx_logits, parity_frames
from retrain.models.session import Session, Views, views
from retrain.steps import Steps
from retrain.trainer.publication import code_version, dealt, keep, publish
from retrain.training.crossfit import Development, Fitted, cross_fit

COLUMNS: Final = ("path", "label", "group", "camera")


@dataclass(frozen=True, slots=True)
class Order:
    """What to train: see --help."""

    repository: str
    frame_store: str
    model: str
    frames: Path
    labels: tuple[str, ...]
    positive: str | None
    seed: int
    fit: Literal["stretch", "letterbox"]
    threads: int
    cache: str | None
    version: str
    side: int = backbones.SIDE


@dataclass(frozen=True, slots=True)
class Trained:
    """A first version before it is published. Probabilities [N, K] of every item, by heads that never learned from it."""

    model: bytes
    fitted: Fitted
    dataset: Dataset
    seen: Views
    probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    benchmark: Quality


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0 published, 2 refused with the reason on standard error."""
    order = _order(sys.argv[1:] if argv is None else argv)
    try:
        run(order, Steps(), time.time())
    except (KeepsightError, ValueError) as error:
        sys.stderr.write(f"keepsight: {error}\n")
        return 2
    return 0


def run(order: Order, say: Steps, now: float) -> Manifest:
    """Train, check and publish. Raises KeepsightError or ValueError with the reason."""
    torch.set_num_threads(
        1
    )  # embedding runs in `threads` of its own; two spinning OpenMP threads tripled the CPU time on two cores
    excluded = Excluded()
    say("reading frames", 0.0, str(order.frames))
    frames = usable(_read_index(order.frames), order.labels, excluded)
    _check(frames, order)
    say("exporting the backbone", 0.05, f"{backbones.NAME}, ImageNet weights; {len(frames)} frames, {excluded}")
    cache = Folder(order.cache) if order.cache else None
    network = backbones.pretrained(order.side)
    exported = _exported(network, cache)
    spec = InputSpec(graph.IMAGE, order.side, order.side, order.fit, "reduced")
    session = Session(exported, spec, graph.EMBEDDING, None)
    seen = views(
        session,
        Frames([one.read for one in frames]),
        cache,
        order.threads,
        lambda done: say("embedding frames", 0.15 + 0.55 * done),
    )
    say("training the head", 0.7)
    trained = _train(order, frames, seen, exported)
    say("checking the export", 0.85, "torch against ONNX Runtime on real frames")
    _check_parity(network, trained, spec, frames)
    say("publishing", 0.9, f"accuracy {trained.benchmark.accuracy.value:.3f}")
    manifest = _publish(order, trained, frames, spec, now)
    say("published", 1.0, _summary(manifest, trained))
    return manifest


def _order(argv: Sequence[str]) -> Order:
    parser = argparse.ArgumentParser(
        prog="python -m retrain.trainer.bootstrap", description=(__doc__ or "").split("\n\n")[0], allow_abbrev=False
    )
    parser.add_argument("--repository", required=True, help="the model repository: a folder, s3://… or gs://…")
    parser.add_argument("--frame-store", required=True, help="the frame store: the frames are kept there for later retrainings")
    parser.add_argument("--model", required=True, help="the name to publish under")
    parser.add_argument(
        "--frames", required=True, type=Path, metavar="INDEX.CSV", help=f"columns {', '.join(COLUMNS)}, in recording order"
    )
    parser.add_argument("--labels", required=True, help="the classes, comma-separated, in the order of the scores")
    parser.add_argument("--positive", help="the class whose recall and precision count")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--fit", choices=("stretch", "letterbox"), default="stretch", help="how frames are brought to the input's size"
    )
    parser.add_argument(
        "--side", type=int, default=backbones.SIDE, help="pixels of the network's input: less is faster and sees less"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", metavar="FOLDER", help="keep the exported backbone and the embeddings for the next run")
    parser.add_argument("--version", default="1")
    a = parser.parse_args(argv)
    labels = tuple(label.strip() for label in a.labels.split(","))
    return Order(
        a.repository, a.frame_store, a.model, a.frames, labels, a.positive, a.seed, a.fit, a.threads, a.cache, a.version, a.side
    )  # fmt: skip


def _read_index(index: Path) -> list[Frame]:
    try:
        with index.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VersionError(f"{index} cannot be read: {error}") from error
    missing = [name for name in COLUMNS if rows and rows[0].get(name) is None]
    if missing or not rows:
        raise VersionError(
            f"{index} has {'no rows' if not rows else f'no column {missing[0]!r}'}: the columns are {', '.join(COLUMNS)}"
        )
    frames = []
    for number, row in enumerate(rows):
        path = index.parent / row["path"]
        read = partial(_read, path, f"{index}, row {number + 1}")
        frames.append(Frame(row["path"], read, sha256(read()), row["label"], row["group"], row["camera"]))
    return frames


def _read(path: Path, named_in: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VersionError(f"{named_in}: {path} cannot be read: {error.strerror}") from error


def _check(frames: list[Frame], order: Order) -> None:
    if order.positive is not None and order.positive not in order.labels:
        raise VersionError(f"--positive {order.positive!r} is none of the labels {', '.join(order.labels)}")
    if not 32 <= order.side <= 1024:
        raise VersionError(f"--side {order.side}: between 32 and 1024 pixels")
    if len(order.labels) < 2 or len(set(order.labels)) != len(order.labels):
        raise VersionError(f"--labels are {', '.join(order.labels)}: give at least two, each once")
    counts = {label: sum(one.label == label for one in frames) for label in order.labels}
    if min(counts.values()) < 10 or len({one.recording for one in frames}) < 5:
        told = ", ".join(f"{label} {count}" for label, count in counts.items())
        raise VersionError(
            f"too little to train on: {told}, in {len({one.recording for one in frames})} groups; at least 10 of each in 5 groups are needed"
        )


def _exported(network: backbones.Backbone, cache: Folder | None) -> bytes:
    """The backbone's graph, from the cache if the same one was exported before."""
    name = f"backbone-{backbones.key(network)}.onnx"
    if cache is not None and cache.exists(name):
        return cache.read(name)
    exported = graph.encode(graph.read(backbones.export(network), "the exported backbone"))
    if cache is not None:
        cache.write(name, exported)
    return exported


def _train(order: Order, frames: list[Frame], seen: Views, exported: bytes) -> Trained:
    dataset = dealt(order.model, order.labels, frames, seen, order.seed, order.version)
    truth = dataset.truth()
    learning = dataset.where("train", "validation")
    development = Development(
        seen.embedding[learning],
        truth[learning],
        tuple(item.recording for item, inside in zip(dataset.items, learning, strict=True) if inside),
        np.zeros(int(learning.sum()), dtype=np.bool_),
    )
    fitted = cross_fit(development, len(order.labels), order.seed)
    logits = fitted.head.logits(seen.embedding)
    logits[learning] = fitted.out_of_fold
    p = softmax(logits / fitted.temperature)
    model = graph.encode(graph.with_head(graph.read(exported, "the backbone"), graph.EMBEDDING, graph.SCORES, fitted.head))
    return Trained(model, fitted, dataset, seen, p, quality(order.labels, truth, p, order.positive))


def _check_parity(network: backbones.Backbone, trained: Trained, spec: InputSpec, frames: list[Frame]) -> None:
    pixels = [see(frames[i].read(), spec) for i in parity_frames(len(frames))]
    by_torch = trained.fitted.head.logits(network.embed(pixels))
    by_onnx = onnx_logits(Session(trained.model, spec, graph.EMBEDDING, graph.SCORES), pixels)
    result = parity(np.tile(by_torch, (len(BATCHES), 1)), by_onnx, BATCHES)
    if result.verdict != "pass":
        raise VersionError(
            f"the exported graph is not the trained model ({result.detail}: {result.value:.2g}): nothing is published"
        )


def _publish(order: Order, trained: Trained, frames: list[Frame], spec: InputSpec, now: float) -> Manifest:
    dataset, fitted = trained.dataset, trained.fitted
    logits = fitted.head.logits(trained.seen.embedding).astype(np.float32)
    seen = Views(trained.seen.statistics, trained.seen.phash, trained.seen.embedding, logits)
    kept, counts = keep(Datasets(order.frame_store, order.model), dataset, frames, trained.model, spec, seen)
    lineage = Lineage(
        origin="bootstrap",
        dataset=kept,
        trained_from=counts,
        technique=f"linear head (l2 {fitted.l2:g}) on {backbones.NAME}, ImageNet weights; benchmark from sealed and out-of-fold frames",
        code=code_version(),
        seed=order.seed,
        recipe=backbones.NAME,
    )
    baseline = baseline_of(order.labels, seen, trained.probabilities, dataset.truth(), [item.recording for item in dataset.items])
    manifest = Manifest(
        model=order.model,
        version=order.version,
        created_at=now,
        task="classification",
        labels=order.labels,
        input=spec,
        scores=graph.SCORES,
        embedding=graph.EMBEDDING,
        scores_are="logits",
        temperature=fitted.temperature,
        positive=order.positive,
        benchmark=trained.benchmark,
        lineage=lineage,
        files={},
    )
    repository, contents = ModelRepository(order.repository), Frames([one.read for one in frames])
    return publish(repository, manifest, trained.model, baseline, contents, "bootstrap")


def _summary(manifest: Manifest, trained: Trained) -> str:
    b = trained.benchmark
    recall = f", recall of {manifest.positive} {b.recall.value:.3f}" if manifest.positive and b.recall else ""
    return (
        f"{manifest.model} version {manifest.version} ({digest(manifest)[:12]}): accuracy {b.accuracy.value:.3f} "
        f"[{b.accuracy.low:.3f}, {b.accuracy.high:.3f}], balanced {b.balanced_accuracy.value:.3f}{recall}; temperature {trained.fitted.temperature:.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
