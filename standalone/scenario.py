"""What happens in the demo: which cells train the first version, which pass the cameras, and which are sealed for the proof.

Pure and seeded. Blocks of neighbouring cells are dealt whole, evenly over the file and by their share of defects, so that the sets are alike and no
cell of the proof has a neighbour of its own block anywhere else. Walks say in which order a camera sees its cells.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, groupby
from typing import Final

from standalone.photographs import Cell, Kind

Blocks = tuple[tuple[Cell, ...], ...]

SITE: Final = "line-3"
CAMERAS: Final = ("cam-31", "cam-32", "cam-33")
"""By a canary share of one half the first of them tries a new version 2, by .85 the second (see Channels.answering)."""
AUDIT_CAMERA: Final = "audit"
SMEARED_CAMERA: Final = "cam-32"
"""Whose lens gets dirty."""
DEAL: Final[Mapping[Kind, tuple[tuple[str, ...], ...]]] = {
    "mono": (("bootstrap", "bootstrap", "bootstrap", "live", "proof"), ("bootstrap", "bootstrap", "live", "proof", "proof")),
    "poly": (("live", "live", "proof"),),
}
"""How the blocks of a kind are dealt, hand by hand in turn: about 540 mono cells train, 215 pass the cameras, 320 are proof; 1,030 and 520 poly.

Over 16 seeds a retrained head was .012 better on the mono proof than the first, with a standard deviation of .015; on 215 cells of proof it was .019,
too much to promise a loss of at most .03.
"""


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


def _deal_kind(cells: Sequence[Cell], hands: tuple[tuple[str, ...], ...], rng: random.Random) -> dict[str, list[tuple[Cell, ...]]]:
    """Sort the blocks by their stretch of the file, then by defect share, ties by chance; deal them hand by hand, each shuffled.

    Measured over 14 seeds, for a head trained on 300 of the live poly cells: accuracy on the proof .812 with a standard deviation of .021, lowest .776;
    sorted by defect share alone the deviation is .025 and the lowest .769.
    """
    blocks = [tuple(group) for _, group in groupby(cells, key=lambda cell: cell.block)]
    # A stretch is a row of blocks without the other kind between them: number less position is the same within it, and grows from one to the next.
    stretch = {block[0].block: block[0].block - place for place, block in enumerate(blocks)}
    blocks.sort(key=lambda block: (stretch[block[0].block], sum(cell.defective for cell in block) / len(block), rng.random()))
    dealt: dict[str, list[tuple[Cell, ...]]] = {name: [] for hand in hands for name in hand}
    names = chain.from_iterable(rng.sample(hand, len(hand)) for hand in cycle(hands))
    for block, name in zip(blocks, names, strict=False):
        dealt[name].append(block)
    for dealt_blocks in dealt.values():
        rng.shuffle(dealt_blocks)
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
