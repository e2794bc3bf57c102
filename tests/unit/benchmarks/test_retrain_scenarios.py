"""The benchmark of retraining: what it deals apart, and what it calls reached."""

from benchmarks.retrain.naive import Went
from benchmarks.retrain.ours import Marks, right
from benchmarks.retrain.scenarios import Ours, Shown, told
from benchmarks.retrain.worlds import Photo, _dealt
from standalone.photographs import cells_of

CELLS = cells_of(["mono"] * 400, [number % 3 == 0 for number in range(400)])


def _shown(before: tuple[float, float], after: tuple[float, float], keeping: float, forgetting: float) -> Shown:
    loops = {
        "keeps": Went(_marks(before[0]), _marks(keeping), 1.0),
        "forgets": Went(_marks(before[0] - 0.2), _marks(forgetting), 1.0),
    }
    first, then = ((_marks(old), _marks(new)) for old, new in (before, after))
    return Shown(Ours(first, then, 300, 2.0, "packaged", "head_only"), loops)


def _marks(accuracy: float) -> Marks:
    return Marks(accuracy, accuracy - 0.1)


def test_no_neighbour_of_a_learned_cell_judges() -> None:
    dealt = _dealt(CELLS, seed=3)
    blocks = [{cell.block for cell in part} for part in dealt.values()]
    assert sum(map(len, dealt.values())) == len(CELLS)
    assert sum(map(len, blocks)) == len(set.union(*blocks)) == 40


def test_a_loop_that_forgets_is_no_rival() -> None:
    new, balanced, old, _ = told("w", [_shown((0.9, 0.4), (0.89, 0.75), keeping=0.74, forgetting=0.9)])
    assert (new.ok, balanced.ok, old.ok) == (True, None, True)
    new, *_ = told("w", [_shown((0.9, 0.4), (0.89, 0.75), keeping=0.78, forgetting=0.9)])
    assert new.ok is False


def test_forgetting_in_one_seed_is_a_miss() -> None:
    _, _, old, _ = told("w", [_shown((0.9, 0.4), (0.9, 0.75), 0.7, 0.9), _shown((0.9, 0.4), (0.85, 0.75), 0.7, 0.9)])
    assert old.ok is False
    assert old.value == 0.875


def test_marks_of_a_proof() -> None:
    photos = [Photo(b"", label, "", "") for label in ("good", "good", "good", "bad")]
    assert right(["good"] * 4, photos) == Marks(0.75, 0.5)
