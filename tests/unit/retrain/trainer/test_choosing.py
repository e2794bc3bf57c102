"""Which network is chosen, how sure its figures are, and how the table tells it."""

from dataclasses import replace

import numpy as np
import pytest

from retrain.trainer.choosing import Judge, Row, chosen, table

N = 400
TRUTH = np.arange(N) % 2
ALONE = [str(number) for number in range(N)]
JUDGE = Judge(TRUTH, ALONE)


def row(recipe: str, side: int, wrong: int, p50_ms: float, first: int = 0) -> Row:
    """One that is wrong on `wrong` frames in a row from `first` on."""
    right = np.ones(N, dtype=np.bool_)
    right[first : first + wrong] = False
    balanced, accuracy = JUDGE.balanced(right.astype(float)), JUDGE.accuracy(right.astype(float))
    return Row(recipe, side, right, balanced, accuracy, p50_ms, 1.5 * p50_ms, 50.0, 12.9, 0.5)


def choice(*rows: Row, limit_ms: float | None = None) -> list[tuple[str, int]]:
    return [(one.recipe, one.side) for one in chosen(rows, JUDGE, limit_ms) if one.chosen]


def test_of_networks_that_a_standard_error_does_not_part_the_fastest_is_chosen() -> None:
    best, near, far = row("a", 224, 40, 20.0), row("a", 128, 46, 7.0, first=30), row("b", 96, 80, 1.0)
    found = chosen([best, near, far], JUDGE)
    assert [one.chosen for one in found] == [False, True, False]
    assert found[0].why == "the best"
    assert found[1].why == "chosen: 1.5 ± 2.0 points behind the best, the fastest of its like"
    assert found[2].why.startswith("10.0 ± 1.5 points behind the best")


def test_less_than_a_point_parts_nobody() -> None:
    """Six answers of 800 lost and none gained: surely worse, and not worth three times the time."""
    truth, alone = np.arange(800) % 2, [str(number) for number in range(800)]
    judge = Judge(truth, alone)
    right = np.ones(800, dtype=np.bool_)
    worse = right.copy()
    worse[:6] = False
    share, error = judge.balanced(right.astype(float) - worse)
    assert error < share < 0.01
    rows = [Row("a", 224, right, judge.balanced(right.astype(float)), p50_ms=20.0)]
    rows.append(Row("a", 128, worse, judge.balanced(worse.astype(float)), p50_ms=7.0))
    assert [one.chosen for one in chosen(rows, judge)] == [False, True]


def test_answers_to_the_same_frames_are_compared_frame_by_frame() -> None:
    """Each is known to 2 points only; of the two, one is wrong wherever the other is, and on six frames more."""
    best, worse = row("a", 224, 80, 20.0), row("b", 96, 86, 1.0)
    assert worse.balanced[0] > best.balanced[0] - best.balanced[1]
    assert choice(best, worse) == [("a", 224)]


def test_a_limit_leaves_the_best_of_the_rest() -> None:
    rows = [row("a", 224, 20, 20.0), row("a", 128, 60, 7.0), row("b", 96, 120, 1.0)]
    assert choice(*rows) == [("a", 224)]
    assert choice(*rows, limit_ms=7.0) == [("a", 128)]
    assert choice(*rows, limit_ms=0.5) == []
    assert {one.why for one in chosen(rows, JUDGE, 0.5)} == {"slower than 0.5 ms"}


def test_what_failed_is_not_chosen_and_says_why() -> None:
    failed = Row("c", 32, failed="given up: too small")
    assert choice(failed, row("a", 224, 20, 20.0)) == [("a", 224)]
    assert [(one.chosen, one.why) for one in chosen([failed], JUDGE)] == [(False, "given up: too small")]


def test_equals_are_parted_by_their_time_then_by_their_order() -> None:
    assert choice(row("a", 1, 5, 2.0), row("b", 2, 5, 1.0)) == [("b", 2)]
    assert choice(row("a", 1, 5, 1.0), row("b", 2, 5, 1.0)) == [("a", 1)]


def test_the_balanced_mean_counts_classes_alike() -> None:
    truth = np.array([0] * 90 + [1] * 10)
    judge = Judge(truth, ALONE[:100])
    always_fine = (truth == 0).astype(float)
    assert judge.accuracy(always_fine)[0] == pytest.approx(0.9)
    assert judge.balanced(always_fine)[0] == pytest.approx(0.5)
    assert judge.accuracy(always_fine)[1] == pytest.approx(np.sqrt(0.9 * 0.1 / 100), rel=0.01)


def test_frames_of_one_recording_tell_as_much_as_they_are_worth() -> None:
    """Ten recordings, each right or wrong as a whole, are ten answers: the error is that of ten draws."""
    right = np.repeat([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0], N // 10)
    together = Judge(TRUTH, [str(number // (N // 10)) for number in range(N)])
    assert together.accuracy(right)[1] == pytest.approx(np.sqrt(0.7 * 0.3 / 9), rel=1e-6)
    assert JUDGE.accuracy(right)[1] == pytest.approx(np.sqrt(0.7 * 0.3 / N), rel=0.01)


def test_the_error_is_what_repeated_deals_of_recordings_show() -> None:
    """Over 2,000 samples of 40 recordings with a rate each, means spread as their errors say."""
    random = np.random.default_rng(5)
    means, errors = [], []
    recordings = [str(number // 10) for number in range(N)]
    for _ in range(2000):
        right = (random.random(N) < np.repeat(random.beta(4, 2, 40), 10)).astype(float)
        mean, error = Judge(TRUTH, recordings).balanced(right)
        means.append(mean)
        errors.append(error)
    assert np.std(means) == pytest.approx(np.mean(errors), rel=0.05)


def test_the_table_has_the_best_first_and_reads_as_markdown() -> None:
    rows = chosen([row("b", 96, 80, 1.0), Row("c", 32, failed="given up: too small"), row("a", 224, 20, 20.0)], JUDGE)
    lines = table(rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][:3] == ["network", "side", "balanced accuracy"]
    assert cells[2] == ["a", "224", "0.950 ± 0.011", "0.950 ± 0.011", "20.00", "30.00", "50", "12.9", "0.50", "chosen: the best"]
    assert [line[0] for line in cells[2:]] == ["a", "b", "c"]
    assert cells[4][2:] == ["-"] * 7 + ["given up: too small"]


def test_what_failed_only_as_it_was_measured_stands_last_too() -> None:
    good = replace(row("a", 224, 2, 20.0), failed="given up: it was not answered within 300 s")
    lines = table(chosen([good, row("b", 96, 80, 1.0)], JUDGE)).splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["b", "a"]


def test_the_order_of_the_rows_decides_nothing() -> None:
    rows = [row("a", 224, 40, 20.0), row("a", 128, 46, 7.0, first=30), row("b", 96, 80, 1.0)]
    assert choice(*rows) == choice(*reversed(rows))
    assert table(chosen(rows, JUDGE)) == table(chosen([replace(one) for one in reversed(rows)], JUDGE))
