"""Whether the frames that `keepsight labels next` picks teach more than as many random ones: real cells, mono to poly, the head of production.

A version that knows mono cells meets poly cells. Serving keeps a uniform share of them and, of the rest, those it is least sure of, as its settings say.
A number of these get their labels: drawn at random from the uniform ones, or by labels/selection.py. The head is fitted anew on all mono cells and the
labels, at the usual penalty, and judged on poly cells of other recordings. Seeds deal recordings, samples and draws; both ways see the same of each.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.form import Figure
from benchmarks.retrain.ours import CACHE
from contracts.baseline import principal_axes
from contracts.files import Folder
from contracts.manifest import InputSpec
from retrain.labels.selection import Candidate, select
from retrain.models import graph
from retrain.models.backbones import SIDE
from retrain.models.calibrate import softmax
from retrain.models.export import exported_body
from retrain.models.head import Head, balance, fit
from retrain.models.recipe import EFFICIENTNET, find
from retrain.models.session import Session, views
from retrain.training.crossfit import BALANCE, USUAL
from standalone import photographs
from standalone.photographs import Cell

PART: Final = "selection"
LABELS: Final = (50, 100, 200)
SEEDS: Final = 30
TESTED: Final = 0.35
"""Of the poly recordings."""
UNIFORM: Final = 0.4
UNCERTAIN: Final = 0.2
"""Of the remaining poly frames, the least confident: the shares of a small data set, far above a line's."""
CLASSES: Final = 2
CAVEATS: Final = (
    "selection: 1,550 poly cells in all, so that 40 % are sampled uniformly and the fifth of least confidence beside them; a line samples a few per cent of"
    " far more frames. The interval is of the mean over seeds, which share the cells.",
)
Floats = NDArray[np.float32]


def figures(quick: bool) -> list[Figure]:
    """Both ways at each number of labels; embeddings are kept in CACHE. With `quick`, fewer seeds."""
    torch.set_num_threads(1)
    cells, pictures = photographs.load()
    session = Session(
        exported_body(find(EFFICIENTNET).build("classification", photographs.LABELS, SIDE)),
        InputSpec(graph.IMAGE, SIDE, SIDE, "stretch", "reduced"),
        graph.EMBEDDING,
        None,
    )
    seen = views(session, [photographs.jpeg(pictures[cell.number]) for cell in cells], Folder(str(CACHE)))
    return judged(cells, seen.embedding, 5 if quick else SEEDS)


def judged(cells: list[Cell], embedding: Floats, seeds: int) -> list[Figure]:
    """Balanced accuracy on poly cells by labels picked less that by labels drawn, in points, with the mean of both."""
    truth = np.array([int(cell.defective) for cell in cells])
    trials = [_trial(cells, embedding, truth, seed) for seed in range(seeds)]
    found = []
    for at, count in enumerate(LABELS):
        drawn, picked = (np.array([trial[at][way] for trial in trials]) * 100 for way in (0, 1))
        gain = picked - drawn
        reach = 1.96 * gain.std(ddof=1) / np.sqrt(seeds)
        low, high = float(gain.mean() - reach), float(gain.mean() + reach)
        peers: dict[str, float | None] = {"drawn at random, %": float(drawn.mean()), "picked, %": float(picked.mean())}
        name = f"picked against drawn, {count} labels, balanced accuracy on poly"
        found.append(Figure(PART, name, "points", float(gain.mean()), low, high, "> 0 (lower bound)", low > 0, peers))
    return found


def _trial(cells: list[Cell], embedding: Floats, truth: NDArray[np.int64], seed: int) -> list[tuple[float, float]]:
    """Balanced accuracy by drawn and by picked labels, for each number of labels."""
    random = np.random.default_rng(seed)
    mono = np.array([cell.kind == "mono" for cell in cells])
    blocks = np.array([cell.block for cell in cells])
    recordings = random.permutation(np.unique(blocks[~mono]))
    tested = ~mono & np.isin(blocks, recordings[: int(TESTED * len(recordings))])
    met = np.flatnonzero(~mono & ~tested)
    champion = _fitted(embedding, truth, mono, np.empty(0, dtype=np.int64))
    p = softmax(champion.logits(embedding))
    uniform = met[random.random(len(met)) < UNIFORM]
    others = np.setdiff1d(met, uniform)
    unsure = others[np.argsort(p[others].max(axis=1), kind="stable")[: int(UNCERTAIN * len(met))]]
    centre, axes = principal_axes(embedding[mono])
    leading = ((embedding - centre) @ axes.T)[:, :32].astype(np.float16)
    entropy = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1)
    pool = [
        Candidate(
            f"{number}", "c", 0.0, "", "uniform" if is_uniform else "uncertain", "1", float(entropy[number]), "", leading[number]
        )
        for numbers, is_uniform in ((uniform, True), (unsure, False))
        for number in map(int, numbers)
    ]
    found = []
    for count in LABELS:
        drawn = random.permutation(uniform)[:count]
        picked = np.array([int(pick.frame.frame_id) for pick in select(pool, count, 0.0, frozenset(), count, str(seed))])
        ways = (_fitted(embedding, truth, mono, chosen).logits(embedding[tested]).argmax(axis=1) for chosen in (drawn, picked))
        first, second = (_balanced(said, truth[tested]) for said in ways)
        found.append((first, second))
    return found


def _fitted(embedding: Floats, truth: NDArray[np.int64], old: NDArray[np.bool_], new: NDArray[np.int64]) -> Head:
    """The head as production weighs it: classes by the square root of their share, old and new frames half each."""
    rows = np.concatenate([np.flatnonzero(old), new])
    weight = np.empty(len(rows), dtype=np.float32)
    for part in (slice(0, int(old.sum())), slice(int(old.sum()), None)):
        if len(rows[part]):
            shares = balance(truth[rows[part]], CLASSES, BALANCE)
            weight[part] = shares / shares.sum()
    return fit(embedding[rows], truth[rows], weight, CLASSES, USUAL)


def _balanced(said: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return float(np.mean([(said[truth == k] == k).mean() for k in range(CLASSES)]))
