"""What the statistics do while nothing drifts: streams drawn from the reference itself, groups left out, and the limits that follow.

Neighbouring frames resemble each other and a camera sees only so many objects, so frames are not exchangeable. Each replicate therefore splits the
recordings into halves: one gives the level to deviate from, the other the stream, group after group as a camera would pass along them. Between the
halves lies the whole uncertainty of a finite reference, so the limits carry it too.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.detectors.ewma import Floats, step

REPLICATES: Final = 240
BLOCKS: Final = 48
"""Blocks in a replicate: three times the longest scale, so that every mean has settled."""
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
    deviations = np.stack([_deviations(sums, rows, block_frames, rng) for _ in range(REPLICATES)])
    bank = np.zeros((REPLICATES, len(weight), features.shape[1]))
    banks = np.empty((REPLICATES, BLOCKS, *bank.shape[1:]), np.float32)
    for block in range(BLOCKS):
        bank = step(bank, deviations[:, block], weight)
        banks[:, block] = bank
    return np.asarray(banks)


def _deviations(sums: Floats, rows: Sequence[NDArray[np.intp]], block_frames: int, rng: np.random.Generator) -> Floats:
    """Block deviations [BLOCKS, F] of a stream over one half of the pieces from the mean of the other half."""
    order = rng.permutation(len(rows))
    half = [rows[i] for i in order[: len(rows) // 2]]
    level = sum((sums[piece[-1] + 1] - sums[piece[0]] for piece in half), np.zeros(sums.shape[1])) / sum(map(len, half))
    return stream(sums, [rows[i] for i in order[len(half) :]], BLOCKS, block_frames, rng) - level


def running_sums(features: Floats) -> Floats:
    """[N + 1, F]: the sums of the rows before each of `features` [N, F]."""
    return np.concatenate([np.zeros((1, features.shape[1])), features.cumsum(axis=0)])


def stream(sums: Floats, rows: Sequence[NDArray[np.intp]], blocks: int, block_frames: int, rng: np.random.Generator) -> Floats:
    """Block means [blocks, F] of a stream over pieces of `rows`, every piece once before any comes again, as along a line.

    A piece is a run of neighbouring rows, so what it brings to a block is the difference of two running `sums`.
    """
    first, length = np.array([piece[0] for piece in rows]), np.array([len(piece) for piece in rows])
    frames = blocks * block_frames
    order = np.concatenate([rng.permutation(len(rows)) for _ in range(-(-frames // int(length.sum())))])
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


def limit(statistics: Floats, tail_probability: float) -> Floats:
    """The limits [S] of null statistics [REPLICATES, BLOCKS, S], each exceeded in a block with about `tail_probability`.

    Beyond the largest TAIL the tail is taken as exponential: at or above the normal's, whose log falls as a square, so it errs on the quiet side.
    """
    flat = statistics.reshape(-1, statistics.shape[-1]).astype(np.float64)
    body = np.quantile(flat, 1 - TAIL, axis=0)
    excess = np.array(
        [values[values > at].mean() - at if (values > at).any() else 0.0 for values, at in zip(flat.T, body, strict=True)]
    )
    beyond = body + excess * np.log(TAIL / min(TAIL, tail_probability))
    return np.asarray(np.maximum(beyond, WORST * flat.max(axis=0)))
