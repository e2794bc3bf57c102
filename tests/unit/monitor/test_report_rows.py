"""Reference and live frames as rows of one table, and what of them is laid out and compared."""

import msgspec
import numpy as np
import pytest

from contracts.baseline import Baseline
from contracts.predictions import Box, BoxesTruth, Classification, Detections
from contracts.repository import ModelRepository
from monitor.report.figures import SAID, Everything, beside, compare, rights
from monitor.report.rows import Answers, Layout, live_answers, reference_answers
from tests.monitor_line import MODEL, Line, usual


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("line"))


@pytest.fixture(scope="module")
def baseline(line: Line) -> Baseline:
    return ModelRepository(line.url).baseline(MODEL, "1")[1]


def test_both_sides_have_the_same_columns_in_the_same_units(line: Line, baseline: Baseline) -> None:
    layout = Layout(baseline)
    frames = [line.frame("cam-1", usual()) for _ in range(120)]
    reference, (live, left_out) = layout.reference(baseline), layout.live(frames)
    assert left_out == 0
    assert reference.columns == live.columns == layout.columns
    assert layout.columns[:2] == ("luma_mean", "contrast")
    assert layout.columns[-3:] == ("confidence", "entropy", "p(flower)")
    assert live.values.shape == (120, len(layout.columns))
    at = layout.columns.index("confidence")
    answer = frames[5].prediction
    assert isinstance(answer, Classification)
    assert live.values[5, at] == np.float32(answer.confidence)
    assert live.values[5, at + 1] == np.float32(answer.entropy)
    assert live.said[5] == answer.label
    assert np.all((reference.values[:, at] >= 0.5) & (reference.values[:, at] <= 1))
    shares = baseline.probabilities[7].astype(float)
    assert reference.values[7, at + 1] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-6)


def test_frames_that_lack_what_the_reference_has_are_left_out_and_counted(line: Line, baseline: Baseline) -> None:
    good = line.frame("cam-1", usual())
    box = Detections((Box("a", 0, 0, 1, 1, 0.5),))
    dark = msgspec.structs.replace(good.statistics, luma_mean=float("nan"))
    bad = [
        line.frame("cam-1", usual(), embedding=()),
        line.frame("cam-1", usual(), prediction=box),
        line.frame("cam-1", usual(), statistics=dark),
    ]
    rows, left_out = Layout(baseline).live([bad[0], good, *bad[1:]])
    assert (len(rows), len(rows.said), left_out) == (1, 1, 3)
    assert Layout(baseline).live([])[0].values.shape == (0, len(Layout(baseline).columns))


def test_only_uniform_labels_of_the_version_s_own_answers_measure(line: Line, baseline: Baseline) -> None:
    frames = [line.frame("cam-1", usual()) for _ in range(4)]
    labels = [
        line.label(frames[0], right=True),
        line.label(frames[1], right=False),
        line.label(frames[2], right=True, sample="uncertain"),
        line.label(frames[3], right=True, audit=True),
        line.label(frames[0], right=True, truth=BoxesTruth(())),
    ]
    told = live_answers(labels, "1")
    assert len(told.truth) == 2
    assert [a == b for a, b in zip(told.truth, told.said, strict=True)] == [True, False]
    assert live_answers(labels, "2").truth == ()
    known = reference_answers(baseline)
    assert len(known.truth) == len(known.said) == int((baseline.truth >= 0).sum())


def test_figures_are_exact_on_the_rows_and_count_every_frame(line: Line, baseline: Baseline) -> None:
    layout = Layout(baseline)
    reference = layout.reference(baseline)
    same, apart = Everything(reference), Everything(reference)
    same.take(reference)
    apart.take(layout.live([])[0])
    for _ in range(3):
        apart.take(reference)
    assert (same.frames, apart.frames) == (len(baseline), 3 * len(baseline))
    for everything in (same, apart):
        figures = compare(reference, reference, everything)
        assert {figure.column for figure in figures} == {*layout.columns, SAID}
        assert all(figure.distance == figure.jensen_shannon == figure.psi == 0 for figure in figures)
        assert all(figure.psi_all in (None, 0) for figure in figures)
    joined = beside(compare(reference, reference, same), {SAID: 0.25})
    assert [figure.evidently for figure in joined if figure.column == SAID] == [0.25]
    assert all(figure.evidently is None for figure in joined if figure.column != SAID)


def test_how_often_the_answers_were_right() -> None:
    known, told = Answers(("a", "a", "b", "b"), ("a", "b", "b", "b")), Answers(("b", "c"), ("b", "b"))
    found = {right.name: (right.reference, right.current) for right in rights(known, told)}
    assert list(found) == ["accuracy", "recall of a", "recall of b", "recall of c"]
    shares = {name: tuple(metric and (metric.value, metric.n) for metric in pair) for name, pair in found.items()}
    assert shares == {
        "accuracy": ((0.75, 4), (0.5, 2)),
        "recall of a": ((0.5, 2), None),
        "recall of b": ((1.0, 2), (1.0, 1)),
        "recall of c": (None, (0.0, 1)),
    }
    assert rights(known, Answers((), ())) == []
