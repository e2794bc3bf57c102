"""What an incident's page draws of its report: shares that add up, on one axis, of what lies farthest."""

import numpy as np
import pytest

from monitor.report.figures import Everything, compare
from monitor.report.rows import Rows
from monitor.report.shapes import BINS, MOST, MOST_CLASSES, decode, encode, shapes

rng = np.random.default_rng(7)
COLUMNS = tuple(f"column {number}" for number in range(8))


def rows(shift: float, said: tuple[str, ...], n: int = 400) -> Rows:
    values = rng.normal(0, 1, (n, len(COLUMNS)))
    values[:, 2] += shift
    values[:, 5] = 3.0  # a constant on both sides
    return Rows(COLUMNS, values, said)


def test_what_lies_farthest_comes_first_on_one_axis() -> None:
    reference, current = rows(0, ()), rows(4, (), 100)
    figures = compare(reference, current, _counted(reference, current))
    drawn = shapes(reference, current, figures)
    assert len(drawn) == MOST
    assert drawn[0].column == "column 2"
    assert drawn[0].distance == pytest.approx(figures[0].jensen_shannon)
    for one in drawn:
        assert len(one.reference) == len(one.current) == BINS
        assert sum(one.reference) == pytest.approx(1, abs=1e-3)
        assert sum(one.current) == pytest.approx(1, abs=1e-3)
        assert one.low < one.high
    before, now = (np.dot(side, np.arange(BINS)) for side in (drawn[0].reference, drawn[0].current))
    assert now - before > BINS / 3
    assert decode(encode(drawn)) == drawn


def test_a_constant_has_an_axis_and_an_outlier_does_not_stretch_it() -> None:
    reference, current = rows(0, ()), rows(0, ())
    current.values[0, 2] = 1e9
    figures = {one.column: one for one in compare(reference, current, _counted(reference, current))}
    constant, outlier = (shapes(reference, current, [figures[name]])[0] for name in ("column 5", "column 2"))
    assert (constant.low, constant.high, max(constant.reference)) == (2.5, 3.5, 1.0)
    assert outlier.high < 10


def test_classes_are_counted_the_commonest_first() -> None:
    names = tuple(f"class {number}" for number in range(20))
    reference = rows(0, tuple(names[n % 20] for n in range(400)))
    current = rows(0, (names[7],) * 300 + (names[0],) * 100)
    (one,) = [one for one in shapes(reference, current, _figure_of_classes(reference, current)) if one.classes]
    assert len(one.classes) == MOST_CLASSES
    assert (one.classes[0], one.reference[0], one.current[0]) == ("class 7", 0.05, 0.75)


def _counted(reference: Rows, current: Rows) -> Everything:
    everything = Everything(reference)
    everything.take(current)
    return everything


def _figure_of_classes(reference: Rows, current: Rows) -> list:  # type: ignore[type-arg]  # of figures
    return [one for one in compare(reference, current, _counted(reference, current)) if one.column == "predicted class"]
