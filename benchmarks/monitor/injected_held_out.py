"""False alarms on the truth: limits from some recordings, streams of others of the same kind, nothing injected.

The photographs of a world are split at random, again and again, into a reference and what a camera passes. Recordings are runs of ten neighbours, as in
the worlds' own references. Once they are dealt singly: then both sides are alike but for chance, and every alarm is a false one. Once in stretches (a
solar module has 60 cells, a writer left some 40 digits): then the camera sees modules and writers that the reference has none of, and no limit made of the
reference can know how they differ. Embeddings are the version's; probabilities are of heads that never saw a photograph's recording.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from benchmarks.form import Figure
from benchmarks.monitor.injected_story import POLICY
from benchmarks.monitor.injected_world import CACHE, Grey, digits, world
from contracts.files import Folder
from contracts.manifest import Manifest
from contracts.quality import wilson
from contracts.repository import ModelRepository
from monitor.detectors import bootstrap, softmax
from monitor.items import replay
from monitor.items.reference import Budget, calibrate
from retrain.data.baseline import baseline_of
from retrain.models.session import Floats, Session, Views, views
from standalone import photographs

SPLITS: Final = 20
QUICK_SPLITS: Final = 6
BLOCKS: Final = 2_700
"""Of a split's stream: a day at a frame a second. Whether a split alarms is decided early: it sees its recordings a hundred times."""
PLANS: Final = (
    ("cells", 240, 1), ("cells", 540, 1), ("cells", 540, 6), ("digits", 240, 1), ("digits", 720, 1), ("digits", 720, 4),
)  # fmt: skip
"""The world, rows of the reference, and how many neighbouring recordings stay together."""
HEAD: Final = 0.003
"""The inverse strength of a head's L2 penalty: accuracy .85 on cells and .97 on digits."""


class Photographs(NamedTuple):
    """All of a world's: as the version sees them, out-of-fold probabilities [N, K], truths [N] and recordings [N]."""

    manifest: Manifest
    labels: tuple[str, ...]
    seen: Views
    probabilities: NDArray[np.float64]
    truth: NDArray[np.int64]
    group: NDArray[np.int64]


def figures(part: str, quick: bool) -> list[Figure]:
    """One figure a plan; about a minute, and another one when the photographs have not been seen before."""
    splits = QUICK_SPLITS if quick else SPLITS
    months = splits * BLOCKS / _budget().blocks_a_month
    found = []
    for name, rows, together in PLANS:
        alarms = [_alarms(name, rows, together, seed) for seed in range(splits)]
        some = wilson(sum(count > 0 for count in alarms), splits)
        how = "others of the same kind" if together == 1 else f"others, dealt in stretches of {10 * together}"
        found.append(
            Figure(
                part, f"held-out recordings that alarm: {name}, {rows} reference rows, {how}", f"share of {splits} splits",
                some.value, some.low, some.high, peers={"alarms per camera-month": sum(alarms) / months},
            )
        )  # fmt: skip
    return found


def _alarms(name: str, rows: int, together: int, seed: int) -> int:
    """How often a camera without peers would have opened an incident."""
    all_of = _photographs(name)
    rng = np.random.default_rng([seed, rows])
    stretches = np.unique(all_of.group // together)
    chosen: list[NDArray[np.int64]] = []
    for stretch in rng.permutation(stretches):
        if sum(map(len, chosen)) >= rows:
            break
        chosen.append(np.flatnonzero(all_of.group // together == stretch))
    reference = np.zeros(len(all_of.group), bool)
    reference[np.concatenate(chosen)] = True
    known = baseline_of(
        all_of.labels, all_of.seen.rows(reference), all_of.probabilities[reference], all_of.truth[reference],
        [str(g) for g in all_of.group[reference]],
    )  # fmt: skip
    judged = calibrate(all_of.manifest, known, _budget())
    live = all_of.seen.rows(~reference)
    said = softmax.as_sent(all_of.probabilities[~reference])
    features = judged.features(np.column_stack([live.statistics, known.project(live.embedding), said]).astype(np.float32))
    passed = bootstrap.pieces(all_of.group[~reference].astype(np.int32))
    means = bootstrap.stream(bootstrap.running_sums(features), passed, BLOCKS, POLICY.block_frames, rng)
    return replay.openings(replay.worst_ratios(judged, means) >= 1, POLICY.confirm_blocks, POLICY.recovered_blocks)


@cache
def _photographs(name: str) -> Photographs:
    pictures, truth, group, labels = _cells() if name == "cells" else _digits()
    version = ModelRepository(world(name).url).read("model", "1")
    session = Session(version.model, version.manifest.input, version.manifest.embedding, version.manifest.scores)
    seen = views(session, [photographs.jpeg(picture) for picture in pictures], Folder(str(CACHE / "seen")))
    return Photographs(version.manifest, labels, seen, _out_of_fold(seen.embedding, truth, group), truth, group)


def _cells() -> tuple[Sequence[Grey], NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    cells, images = photographs.load()
    mono = [cell for cell in cells if cell.kind == "mono"]
    truth = np.array([photographs.LABELS.index(cell.label) for cell in mono])
    return [images[cell.number] for cell in mono], truth, np.array([cell.block for cell in mono]), photographs.LABELS


def _digits() -> tuple[Sequence[Grey], NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    pictures, truth = digits()
    labels = world("digits").labels
    known = [i for i, digit in enumerate(truth) if digit < len(labels)]
    return [pictures[i] for i in known], np.array([truth[i] for i in known]), np.array(known) // 10, labels


def _out_of_fold(embedding: Floats, truth: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    wide = embedding.astype(np.float64)
    wide = (wide - wide.mean(axis=0)) / np.maximum(wide.std(axis=0), 1e-6)
    said = np.zeros((len(truth), int(truth.max()) + 1))
    for others, own in GroupKFold(6).split(wide, truth, group):
        said[own] = LogisticRegression(C=HEAD, max_iter=300).fit(wide[others], truth[others]).predict_proba(wide[own])
    return said


def _budget() -> Budget:
    return Budget(POLICY.pages_per_camera_month, POLICY.frames_per_second, POLICY.block_frames)
