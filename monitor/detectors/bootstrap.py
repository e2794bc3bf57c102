"""What the statistics do while nothing drifts: references and streams drawn from the recordings of the reference, and the limits that follow.

Neighbouring frames resemble each other, so frames are not exchangeable: recordings are drawn, whole. Each replicate draws a reference of as many
recordings, whose mean is the level to deviate from, and a stream that goes on for ever, as a camera passes ever new objects (bootstrap: Efron, Annals of
Statistics 1979). So the limits carry the error of a finite reference's level, once, and all that a stream varies by.

Recordings may resemble their neighbours, too: those of one shift, one batch, one writer. Half of the replicates draw them one by one, the others in runs
of neighbours, m^(1/3) of m on average (the stationary bootstrap and its rate: Politis and Romano, JASA 1994). Where neighbours are alike the second
kind sets the limits, where they balance each other the first.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student_t

from monitor.detectors.ewma import Floats, step

REPLICATES: Final = 240
BLOCKS: Final = 48
"""Blocks of a replicate that count."""
SETTLING: Final = 16
"""Blocks before them: as many as the longest scale, whose mean then has 98 % of its variance."""
MIN_PIECES: Final = 8
"""Fewer groups than this say too little of how groups differ: long ones are cut into neighbouring pieces."""
TAIL: Final = 0.05
"""The share of null statistics that the tail is fitted on: 576 of 11,520."""
WORST: Final = 1.15
"""A limit stands at least so far above the worst excursion that any replicate made."""


def pieces(group: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """The rows of each recording, neighbours together, none longer than 1 / MIN_PIECES of the reference."""
    longest = max(1, len(group) // MIN_PIECES)
    cuts = np.flatnonzero(np.diff(group)) + 1
    runs = np.split(np.arange(len(group)), cuts)
    return [piece for run in runs for piece in np.array_split(run, -(-len(run) // longest))]


def null_banks(
    features: Floats, rows: Sequence[NDArray[np.intp]], block_frames: int, weight: Floats, rng: np.random.Generator
) -> Floats:
    """Banks [REPLICATES, BLOCKS, S, F] of streams without drift, of frame features [N, F] in pieces of `rows`."""
    sums = running_sums(features)
    runs = (1.0, len(rows) ** (1 / 3))
    deviations = np.stack([_deviations(sums, rows, runs[i % 2], block_frames, rng) for i in range(REPLICATES)])
    bank = np.zeros((REPLICATES, len(weight), features.shape[1]))
    banks = np.empty((REPLICATES, BLOCKS, *bank.shape[1:]), np.float32)
    for block in range(-SETTLING, BLOCKS):
        bank = step(bank, deviations[:, SETTLING + block], weight)
        if block >= 0:
            banks[:, block] = bank
    return np.asarray(banks)


def _deviations(sums: Floats, rows: Sequence[NDArray[np.intp]], run: float, block_frames: int, rng: np.random.Generator) -> Floats:
    """Block deviations [SETTLING + BLOCKS, F] of a drawn stream from the mean of a drawn reference, both in runs of `run` pieces on average."""
    drawn = [rows[i] for i in neighbours(len(rows), len(rows), run, rng)]
    level = sum((sums[piece[-1] + 1] - sums[piece[0]] for piece in drawn), np.zeros(sums.shape[1])) / sum(map(len, drawn))
    frames = (SETTLING + BLOCKS) * block_frames
    order = neighbours(len(rows), -(-frames // min(map(len, rows))), run, rng)
    return _block_means(sums, rows, order, SETTLING + BLOCKS, block_frames) - level


def neighbours(pieces: int, count: int, run: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """`count` numbers below `pieces`, each the one after the last or, once in `run` times, any; the first comes after the last."""
    begins = np.append(0, 1 + np.flatnonzero(rng.random(count - 1) < 1 / run))
    since = np.arange(count) - np.repeat(begins, np.diff(begins, append=count))
    return np.asarray((np.repeat(rng.integers(0, pieces, len(begins)), np.diff(begins, append=count)) + since) % pieces)


def running_sums(features: Floats) -> Floats:
    """[N + 1, F]: the sums of the rows before each of `features` [N, F]."""
    return np.concatenate([np.zeros((1, features.shape[1])), features.cumsum(axis=0)])


def stream(sums: Floats, rows: Sequence[NDArray[np.intp]], blocks: int, block_frames: int, rng: np.random.Generator) -> Floats:
    """Block means [blocks, F] of a stream over pieces of `rows`, every piece once before any comes again, as along a line."""
    passes = -(-blocks * block_frames // sum(map(len, rows)))
    order = np.concatenate([rng.permutation(len(rows)) for _ in range(passes)])
    return _block_means(sums, rows, order, blocks, block_frames)


def _block_means(sums: Floats, rows: Sequence[NDArray[np.intp]], order: NDArray[np.intp], blocks: int, block_frames: int) -> Floats:
    """Block means [blocks, F] of the pieces in `order`, one after another.

    A piece is a run of neighbouring rows, so what it brings to a block is the difference of two running `sums`.
    """
    first, length = np.array([piece[0] for piece in rows]), np.array([len(piece) for piece in rows])
    frames = blocks * block_frames
    begins = np.cumsum(length[order]) - length[order]
    cuts = np.union1d(begins[begins < frames], np.arange(blocks) * block_frames)  # where a piece or a block begins
    ends = np.append(cuts[1:], frames)
    piece = np.searchsorted(begins, cuts, side="right") - 1
    at = first[order[piece]] + cuts - begins[piece]
    brought = sums[at + ends - cuts] - sums[at]
    return np.asarray(np.add.reduceat(brought, np.searchsorted(cuts, np.arange(blocks) * block_frames)) / block_frames)


def lowest_run(values: Floats, rows: Sequence[NDArray[np.intp]], length: int, rng: np.random.Generator) -> float:
    """The lowest mean of `length` frames in a row of `values` [N], over all orders in which a camera might pass along the pieces."""
    kernel = np.full(length, 1 / length)
    orders = (np.concatenate([rows[i] for i in rng.permutation(len(rows))]) for _ in range(REPLICATES))
    return float(min(np.convolve(values[order], kernel, "valid").min() for order in orders))


def standard_error(banks: Floats, floor: Floats) -> Floats:
    """The root mean square [S, F] of null banks, not below `floor` [F]."""
    return np.asarray(np.maximum(np.sqrt(np.square(banks, dtype=np.float64).mean(axis=(0, 1))), floor))


def limit(statistics: Floats, tail_probability: float, recordings: int) -> Floats:
    """The limits [S] of null statistics [REPLICATES, BLOCKS, S], each exceeded in a block with about `tail_probability`, drawn from so many recordings.

    Beyond the largest TAIL the tail of the square is taken as exponential, as a chi-squared one is: what is watched is a mean of bounded values, whose tail
    falls at least as fast (Hoeffding, JASA 1963). How much recordings differ is known from them alone, so a limit is widened as Student's quantile stands
    above the normal one: 1.33 times at 24 recordings, 1.14 at 54, at one page a month.
    """
    squares = np.square(statistics.reshape(-1, statistics.shape[-1]), dtype=np.float64)
    body = np.quantile(squares, 1 - TAIL, axis=0)
    excess = np.array(
        [values[values > at].mean() - at if (values > at).any() else 0.0 for values, at in zip(squares.T, body, strict=True)]
    )
    beyond = body + excess * np.log(TAIL / min(TAIL, tail_probability))
    wider = float(student_t.isf(tail_probability, recordings - 1) / norm.isf(tail_probability))
    return np.asarray(np.maximum(wider * np.sqrt(beyond), max(WORST, wider) * np.sqrt(squares.max(axis=0))))
