"""What happens in the demo: which cells train the first version, which pass the cameras, and which are sealed for the proof.

Pure and seeded. Blocks of neighbouring cells are dealt whole, and evenly by their share of defects, so that the sets are alike and no cell of the
proof has a neighbour of its own block anywhere else. Walks say in which order a camera sees its cells.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from standalone.photographs import Cell, Kind

Blocks = tuple[tuple[Cell, ...], ...]

SITE: Final = "line-3"
CAMERAS: Final = ("cam-31", "cam-32", "cam-33")
"""By a canary share of one half the first of them tries a new version 2, by .85 the second (see Channels.answering)."""
AUDIT_CAMERA: Final = "audit"
SMEARED_CAMERA: Final = "cam-32"
"""Whose lens gets dirty."""
DEAL: Final[Mapping[Kind, tuple[str, ...]]] = {
    "mono": ("bootstrap", "bootstrap", "bootstrap", "live", "proof"),
    "poly": ("live", "live", "proof"),
}
"""How the blocks of a kind are dealt out of each hand: about 640 mono cells train, 215 pass the cameras, 215 are proof; 1,030 and 520 poly."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The cells by their part in the demo."""

    bootstrap: Blocks
    live: Mapping[Kind, Blocks]
    proof: Mapping[Kind, tuple[Cell, ...]]


def deal(cells: Sequence[Cell], seed: int) -> Scenario:
    """Deal the blocks of both kinds."""
    rng = random.Random(seed)
    hands = {kind: _deal_kind([cell for cell in cells if cell.kind == kind], DEAL[kind], rng) for kind in DEAL}
    return Scenario(
        bootstrap=tuple(hands["mono"]["bootstrap"]),
        live={kind: tuple(hand["live"]) for kind, hand in hands.items()},
        proof={kind: tuple(cell for block in hand["proof"] for cell in block) for kind, hand in hands.items()},
    )


def _deal_kind(cells: Sequence[Cell], pattern: tuple[str, ...], rng: random.Random) -> dict[str, list[tuple[Cell, ...]]]:
    """Sort the blocks by defect share, ties by chance, and deal each run of len(pattern) blocks by a fresh shuffle of the pattern."""
    blocks = [tuple(group) for _, group in groupby(cells, key=lambda cell: cell.block)]
    blocks.sort(key=lambda block: (sum(cell.defective for cell in block) / len(block), rng.random()))
    dealt: dict[str, list[tuple[Cell, ...]]] = {name: [] for name in pattern}
    for start in range(0, len(blocks), len(pattern)):
        for block, name in zip(blocks[start : start + len(pattern)], rng.sample(pattern, len(pattern)), strict=False):
            dealt[name].append(block)
    for hand in dealt.values():
        rng.shuffle(hand)
    return dealt


def walk(blocks: Blocks, camera: int, cameras: int, seed: int) -> Iterator[Cell]:
    """The cells that camera number `camera` of `cameras` sees, without end.

    The blocks are split between the cameras; when a camera is through with its part it goes on with its neighbour's, in another order. So a cell comes
    back only after all of the pool was seen, and never on two cameras at once.
    """
    rng = random.Random(f"{seed}/{camera}")
    passes = camera
    while True:
        part = list(blocks[passes % cameras :: cameras])
        rng.shuffle(part)
        for block in part:
            yield from block
        passes += 1
