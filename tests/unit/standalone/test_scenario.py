"""The demo's sets never share a cell or a block, whatever the seed, and are alike in their share of defects."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standalone.photographs import Cell, cells_of
from standalone.scenario import CAMERAS, Blocks, Scenario, deal, walk

# The runs of the data set: crystal kind, cells, share of defects.
RUNS = (
    ("mono", 60, 0.917),
    ("poly", 300, 0.437),
    ("mono", 180, 0.872),
    ("poly", 360, 0.478),
    ("mono", 714, 0.202),
    ("poly", 530, 0.219),
    ("mono", 72, 0.083),
    ("poly", 180, 0.083),
    ("mono", 48, 0.146),
    ("poly", 180, 0.1),
)


def all_cells() -> list[Cell]:
    kinds = [kind for kind, count, _ in RUNS for _ in range(count)]
    defective = [(i * 0.618) % 1 < share for _, count, share in RUNS for i in range(count)]
    return cells_of(kinds, defective)


CELLS = all_cells()


def sets_of(scenario: Scenario) -> dict[str, list[Cell]]:
    return {
        "bootstrap": [cell for block in scenario.bootstrap for cell in block],
        **{f"live {kind}": [cell for block in blocks for cell in block] for kind, blocks in scenario.live.items()},
        **{f"proof {kind}": list(cells) for kind, cells in scenario.proof.items()},
    }


def test_blocks_are_ten_neighbours_of_one_kind() -> None:
    assert len(CELLS) == 2624
    for left, right in pairwise(CELLS):
        assert right.block in (left.block, left.block + 1)
        assert right.kind == left.kind or right.block != left.block
    sizes = [sum(cell.block == number for cell in CELLS) for number in range(CELLS[-1].block + 1)]
    assert max(sizes) == 10
    assert sum(size < 10 for size in sizes) == 3  # where 714, 72 and 48 cells end


@given(st.integers(0, 2**32))
def test_no_block_is_in_two_sets_and_every_cell_in_one(seed: int) -> None:
    sets = sets_of(deal(CELLS, seed))
    blocks = [{cell.block for cell in cells} for cells in sets.values()]
    assert sum(len(found) for found in blocks) == len(set().union(*blocks))
    assert sorted(cell.number for cells in sets.values() for cell in cells) == list(range(2624))


@given(st.integers(0, 2**32))
def test_the_sets_are_alike_and_as_large_as_planned(seed: int) -> None:
    sets = sets_of(deal(CELLS, seed))
    share = {name: sum(cell.defective for cell in cells) / len(cells) for name, cells in sets.items()}
    assert abs(share["bootstrap"] - share["proof mono"]) < 0.08
    assert abs(share["live mono"] - share["bootstrap"]) < 0.08
    assert abs(share["live poly"] - share["proof poly"]) < 0.06
    assert 500 <= len(sets["bootstrap"]) <= 580
    assert len(sets["proof mono"]) >= 290
    assert len(sets["proof poly"]) >= 480


def test_another_seed_deals_otherwise_and_the_same_seed_the_same() -> None:
    assert deal(CELLS, 1) == deal(CELLS, 1)
    assert deal(CELLS, 1).proof != deal(CELLS, 2).proof


@pytest.mark.parametrize("kind", ["mono", "poly"])
def test_a_cell_comes_back_only_after_the_whole_pool_was_seen(kind: str) -> None:
    blocks: Blocks = deal(CELLS, 5).live["mono" if kind == "mono" else "poly"]
    pool = {cell.number for block in blocks for cell in block}
    for camera in range(len(CAMERAS)):
        seen = [cell.number for cell in islice(walk(blocks, camera, len(CAMERAS), 5), len(pool))]
        assert set(seen) == pool


def test_two_cameras_never_share_a_cell_within_a_pass() -> None:
    blocks = deal(CELLS, 5).live["poly"]
    part = min(sum(len(block) for block in blocks[camera :: len(CAMERAS)]) for camera in range(len(CAMERAS)))
    firsts = [{cell.number for cell in islice(walk(blocks, camera, len(CAMERAS), 5), part)} for camera in range(len(CAMERAS))]
    assert sum(len(first) for first in firsts) == len(set().union(*firsts))
