"""Chooses and fits the head on the development frames (train and validation): every frame is judged by a head that never saw its recording.

Folds are whole groups. The out-of-fold scores choose the penalty, fit the temperature and fill the baseline; the head that ships is then fitted on
all development frames. With some two hundred new labels this uses each of them twice; a single validation split of forty chose badly.
"""

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain.models.calibrate import temperature
from retrain.models.head import Floats, Head, balance, fit
from retrain.training.score import scored

FOLDS: Final = 5
PENALTIES: Final = (0.003, 0.03, 0.1, 0.3, 1.0)
"""On standardised features. On ELPV (2,560 dimensions) 0.3 is best for both kinds and 3 loses recall; 64 dimensions of a digits network want 0.003."""
USUAL: Final = 0.3
TIE: Final = 0.01
"""Penalties whose scores differ by less are as good as each other on some two hundred labels: the one nearest the usual is taken."""
BALANCE: Final = 0.5
"""Square-root class weights: on ELPV poly none lost 2 points of balanced accuracy, full ones 1 to 3 points of accuracy in the worst seed."""
NEW_SHARE: Final = 0.5
"""New and old frames weigh the same in total, however few the new ones are."""


@dataclass(frozen=True, slots=True)
class Development:
    """What a head may learn from: N frames. `new` marks the frames of the new domain; all False at bootstrap."""

    embedding: Floats
    truth: NDArray[np.int64]
    group: tuple[str, ...]
    new: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head with its temperature, and the logits [N, K] that heads fitted without a frame's recording give that frame."""

    head: Head
    temperature: float
    l2: float
    out_of_fold: NDArray[np.float64]
    score: float
    """Harmonic mean of old and new balanced accuracy, out of fold, in [0, 1]."""


def cross_fit(development: Development, classes: int, seed: int, new_share: float = NEW_SHARE) -> Fitted:
    """The best penalty's head. Raises ValueError when there are fewer than two groups."""
    folds = _folds(development.group, seed)
    trials = []
    for l2 in PENALTIES:
        logits = np.zeros((len(development.truth), classes))
        for fold in range(int(folds.max()) + 1):
            inside = folds != fold
            logits[~inside] = fit_rows(development, inside, classes, l2, new_share).logits(development.embedding[~inside])
        trials.append((scored(logits.argmax(axis=1), development.truth, development.new).harmonic, l2, logits))
    best = max(score for score, _, _ in trials)
    score, l2, logits = min((t for t in trials if t[0] >= best - TIE), key=lambda trial: abs(np.log(trial[1] / USUAL)))
    everything = np.ones(len(development.truth), dtype=np.bool_)
    head = fit_rows(development, everything, classes, l2, new_share)
    weight = _domain_weight(np.ones(len(development.truth), dtype=np.float32), development.new, new_share)
    return Fitted(head, temperature(logits, development.truth, weight.astype(np.float64)), l2, logits, score)


def pack(fitted: Fitted) -> bytes:
    """The bytes of an .npz with all of it; no pickle inside."""
    stream = io.BytesIO()
    numbers = np.array([fitted.temperature, fitted.l2, fitted.score])
    np.savez(stream, weight=fitted.head.weight, bias=fitted.head.bias, numbers=numbers, out_of_fold=fitted.out_of_fold)
    return stream.getvalue()


def unpack(content: bytes) -> Fitted:
    """What `pack` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        heat, l2, score = found["numbers"].tolist()
        return Fitted(Head(found["weight"], found["bias"]), heat, l2, found["out_of_fold"], score)


def fit_rows(development: Development, rows: NDArray[np.bool_], classes: int, l2: float, new_share: float = NEW_SHARE) -> Head:
    """The head of some of the frames at a penalty."""
    truth, new = development.truth[rows], development.new[rows]
    weight = np.empty(len(truth), dtype=np.float32)
    for mask in (new, ~new):
        weight[mask] = balance(truth[mask], classes, BALANCE)
    return fit(development.embedding[rows], truth, _domain_weight(weight, new, new_share), classes, l2)


def _domain_weight(weight: Floats, new: NDArray[np.bool_], new_share: float) -> Floats:
    if not new.any() or new.all():
        return weight
    scaled = weight.copy()
    scaled[new] *= new_share / weight[new].sum()
    scaled[~new] *= (1.0 - new_share) / weight[~new].sum()
    return scaled


def _folds(groups: tuple[str, ...], seed: int) -> NDArray[np.int64]:
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"all {len(groups)} development frames are one recording ({names[0]}): nothing can be judged apart from it"
        )
    return np.asarray(np.random.default_rng(seed).permutation(len(names))[member] % min(FOLDS, len(names)), dtype=np.int64)
