"""Frames that show the same moment: their perceptual hashes nearly agree and their embeddings nearly coincide. Memory grows with N, not with N².

Two hashes of 64 bits that differ in at most four agree in one of five bands of bits (the pigeonhole of Norouzi, Punjani and Fleet, Fast search in Hamming
space, CVPR 2012), so that only frames which share a band are compared, in tiles. Pairs come in blocks, because a camera that stands still has N² of them.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain.models.session import Floats, Views
from retrain.request import Set

NEAR_HASH: Final = 4
"""Perceptual hashes of near-duplicates differ in at most this many of 64 bits."""
NEAR_EMBEDDING: Final = 0.1
"""Embeddings of near-duplicates lie nearer than this share of the median distance between frames."""
SURELY_NEAR: Final = 0.9 * NEAR_EMBEDDING
"""What is checked afterwards: a median that moved because frames were left out turns no pair that was judged apart into a leak."""
_BANDS: Final = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
"""First bit and number of bits."""
_TILE: Final = 512
"""Frames compared with as many others at a time: 13 MB at 2,560 dimensions."""
_SAMPLE: Final = 4096
"""Pairs that the median distance is taken of: its standard error is about a hundredth."""
Rows = NDArray[np.int64]


def near_pairs(seen: Views, others: Views | None = None, near: float = NEAR_EMBEDDING) -> Iterator[Rows]:
    """Blocks [m, 2] of pairs (i, j) of frames that show the same moment, each once: within `seen` (i < j), or of `seen` with `others`."""
    within = others is None
    others = seen if others is None else others
    if not len(seen) or not len(others):
        return
    limit = near * _median_distance(seen, others, within)
    for band in range(len(_BANDS)):
        theirs = _by_value(_bits(others.phash, band))
        mine = theirs if within else _by_value(_bits(seen.phash, band))
        for value, rows in mine.items():
            columns = theirs.get(value)
            if columns is None or (within and len(rows) == 1):
                continue
            for top in range(0, len(rows), _TILE):
                for left in range(top if within else 0, len(columns), _TILE):
                    block = _near(seen, rows[top : top + _TILE], others, columns[left : left + _TILE], band, limit, within)
                    if len(block):
                        yield block


def leaks(seen: Views, sets: Sequence[Set], recordings: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of frames that let one set know another: near-duplicates, or frames of one recording, in two sets. At most one of each kind a frame."""
    place = {name: number for number, name in enumerate(dict.fromkeys(sets))}
    member = np.array([place[name] for name in sets], dtype=np.int64)
    found: dict[int, int] = {}
    for block in near_pairs(seen, near=SURELY_NEAR):
        for i, j in block[member[block[:, 0]] != member[block[:, 1]]].tolist():
            found.setdefault(j, i)
    first: dict[str, int] = {}
    torn = {index: first[name] for index, name in enumerate(recordings) if sets[first.setdefault(name, index)] != sets[index]}
    return sorted({(i, j) for pairs in (found, torn) for j, i in pairs.items()})


def _near(seen: Views, rows: Rows, others: Views, columns: Rows, band: int, limit: float, within: bool) -> Rows:
    """The pairs of a tile, without those that an earlier band has found."""
    differing = seen.phash[rows][:, None] ^ others.phash[columns][None, :]
    alike = np.bitwise_count(differing) <= NEAR_HASH
    for earlier in range(band):
        alike &= _bits(differing, earlier) != 0
    if within:
        alike &= rows[:, None] < columns[None, :]
    i, j = np.nonzero(alike)
    if not len(i):
        return np.zeros((0, 2), dtype=np.int64)
    top, left = np.unique(i), np.unique(j)
    distance = _distances(seen.embedding[rows[top]], others.embedding[columns[left]])
    close = distance[np.searchsorted(top, i), np.searchsorted(left, j)] <= limit
    return np.stack([rows[i[close]], columns[j[close]]], axis=1)


def _bits(hashes: NDArray[np.uint64], band: int) -> NDArray[np.uint64]:
    start, width = _BANDS[band]
    return np.asarray((hashes >> np.uint64(start)) & np.uint64((1 << width) - 1), dtype=np.uint64)


def _by_value(values: NDArray[np.uint64]) -> dict[int, Rows]:
    """The rows that hold each value, rising."""
    order = np.argsort(values, kind="stable")
    found, starts = np.unique(values[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True))


def _median_distance(seen: Views, others: Views, within: bool) -> float:
    """Of all pairs of frames, or of _SAMPLE drawn ones where there are more."""
    n, m = len(seen), len(others)
    if n * m <= _SAMPLE:
        i, j = (axis.ravel() for axis in np.indices((n, m)))
    else:
        random = np.random.default_rng(0)
        i, j = random.integers(n, size=_SAMPLE), random.integers(m, size=_SAMPLE)
    if within:
        i, j = i[i != j], j[i != j]
    if not len(i):
        return 0.0
    parts = [
        np.linalg.norm(seen.embedding[i[at : at + _TILE]] - others.embedding[j[at : at + _TILE]], axis=1)
        for at in range(0, len(i), _TILE)
    ]
    return float(np.median(np.concatenate(parts)))


def _distances(first: Floats, second: Floats) -> Floats:
    """Euclidean distances [n, m] of rows."""
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2.0 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float32)
