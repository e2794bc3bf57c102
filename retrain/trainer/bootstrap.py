"""Trains a model's first version: a linear head on a pretrained network, from labelled photographs.

    keepsight train-model --frames FOLDER|index.csv --labels functional,defective --model NAME --repository URL --frame-store URL

A folder holds a folder of pictures for each label. index.csv has a header and, in recording order, the columns path (relative to it), label, group
(frames of one group are neighbours) and camera. One JSON line a step on standard output (`keepsight train-model` reads it to a person); what is wrong, in one
line, on standard error with exit status 2.
"""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from contracts.errors import KeepsightError, VersionError
from contracts.files import Folder
from contracts.manifest import WEIGHTS, Lineage, Manifest, digest
from contracts.repository import ModelRepository
from retrain.data.baseline import baseline_of
from retrain.data.dataset import Datasets
from retrain.data.frames import Frame, Frames
from retrain.models import graph
from retrain.models.recipe import find
from retrain.models.session import Views
from retrain.steps import Steps
from retrain.trainer import bootstrap_frames
from retrain.trainer.bootstrap_body import Body, Say, Trained, train, within
from retrain.trainer.bootstrap_choice import choose
from retrain.trainer.bootstrap_order import Order, order_of
from retrain.trainer.choosing import Row, table
from retrain.trainer.publication import code_version, keep, next_step, publish

CHOICE: Final = "choice.md"
"""The version's file with the table of the networks that were tried."""
SPAN: Final = (0.05, 0.9)
"""Of the whole progress, what training is."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0 done, 2 refused with the reason on standard error, 130 interrupted."""
    try:
        run(order_of(sys.argv[1:] if argv is None else argv, __doc__ or ""), Steps(), time.time(), time.monotonic)
    except (KeepsightError, ValueError) as error:
        sys.stderr.write(f"keepsight: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def run(order: Order, say: Steps, now: float, clock: Callable[[], float]) -> None:
    """Train, choose where that is asked, check and publish. Raises KeepsightError or ValueError with the reason."""
    if not order.dry_run:
        _check_name(order, None)
    say("reading frames", 0.0, str(order.frames))
    frames, excluded = bootstrap_frames.read(order.frames, order.labels)
    if not order.dry_run:
        _check_name(order, len(frames))
    say("read", SPAN[0], f"{len(frames)} frames, {excluded}")
    trained, rows = _trained(order, frames, within(say, *SPAN), clock)
    if order.dry_run:
        say("nothing is published", 1.0, _told(trained, order.positive))
        return
    say("publishing", SPAN[1], f"{trained.body}: accuracy {trained.benchmark.accuracy.value:.3f}")
    manifest = _publish(order, trained, rows, frames, now)
    name = f"{manifest.model} version {manifest.version} ({digest(manifest)[:12]})"
    say("published", 1.0, f"{name}: {_told(trained, order.positive)}")
    champion = ModelRepository(order.repository).channels(order.model).champion
    sys.stdout.write(next_step(manifest.version, champion, order.settings) + "\n")


def _check_name(order: Order, count: int | None) -> None:
    """That the version's name is free, or this command's own from before, of as many frames once their `count` is known: training takes minutes, and the
    repository would refuse it only then."""
    repository = ModelRepository(order.repository)
    if order.version not in repository.versions(order.model):
        return
    manifest = repository.manifest(order.model, order.version)
    made = manifest.lineage
    same_body = order.choose or (made.recipe, manifest.input.height) == (order.recipe, order.sides[0])
    same_frames = made.seed == order.seed and count in (None, sum(made.trained_from.values()))
    if made.origin != "bootstrap" or manifest.labels != order.labels or not (same_body and same_frames):
        raise VersionError(
            f"{order.model} has a version {order.version} already, made otherwise: take --version {repository.next_version(order.model)}"
        )


def _trained(order: Order, frames: Sequence[Frame], say: Say, clock: Callable[[], float]) -> tuple[Trained, tuple[Row, ...]]:
    if not order.choose:
        cache = Folder(order.cache) if order.cache else None
        return train(order, Body(find(order.recipe, order.recipe_weights), order.sides[0]), frames, cache, say), ()
    trained, rows = choose(order, frames, say, clock)
    sys.stdout.write(table(rows))
    if trained is None:
        raise VersionError("no network can be chosen, nothing is published: the table says why")
    return trained, rows


def _publish(order: Order, trained: Trained, rows: Sequence[Row], frames: Sequence[Frame], now: float) -> Manifest:
    dataset, fitted, body = trained.dataset, trained.fitted, trained.body
    logits = fitted.head.logits(trained.seen.embedding).astype(np.float32)
    seen = Views(trained.seen.statistics, trained.seen.phash, trained.seen.embedding, logits)
    kept, counts = keep(Datasets(order.frame_store, order.model), dataset, frames, trained.model, trained.spec, seen)
    lineage = Lineage(
        origin="bootstrap",
        dataset=kept,
        trained_from=counts,
        technique=f"linear head (l2 {fitted.l2:g}) on {body}, its weights as they were; benchmark from sealed and out-of-fold frames",
        code=code_version(),
        seed=order.seed,
        notes="".join(f"{len(rows)} networks tried ({CHOICE}); {row.why}" for row in rows if row.chosen),
        recipe=body.recipe.name,
    )
    baseline = baseline_of(order.labels, seen, trained.probabilities, dataset.truth(), [item.recording for item in dataset.items])
    manifest = Manifest(
        model=order.model,
        version=order.version,
        created_at=now,
        task="classification",
        labels=order.labels,
        input=trained.spec,
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
    more = {**({WEIGHTS: trained.weights} if trained.weights else {}), **({CHOICE: table(rows).encode()} if rows else {})}
    return publish(repository, manifest, trained.model, baseline, contents, "bootstrap", more)


def _told(trained: Trained, positive: str | None) -> str:
    b = trained.benchmark
    recall = f", recall of {positive} {b.recall.value:.3f}" if positive and b.recall else ""
    return (
        f"accuracy {b.accuracy.value:.3f} [{b.accuracy.low:.3f}, {b.accuracy.high:.3f}], balanced {b.balanced_accuracy.value:.3f}{recall}; "
        f"temperature {trained.fitted.temperature:.2f}"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what it keeps for a while is removed
    sys.exit(main())
