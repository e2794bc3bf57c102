"""What Evidently makes of both sides, in this process for once: odd classes, few labels, constants, a detector without classes."""

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np
import pytest

from contracts.incidents import Incident
from monitor.report.evidently_page import LEAST_ROWS, _Data, _evidently
from monitor.report.figures import SAID, Everything, compare
from monitor.report.rows import Answers, Rows

if importlib.util.find_spec("evidently") is None:
    pytest.skip("evidently is not installed (pip install 'keepsight[report]')", allow_module_level=True)
ABOUT = Incident(
    incident_id="0197723a-dc80-7000-8000-000000000001", cause="new_class", severity="ticket", headline="", action="", site="", cameras=(),
    version="1", since=0.0, opened_at=0.0,
)  # fmt: skip
NONE = Answers((), ())
END = "</script><script>alert(1)</script>"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Evidently's libraries warn of one another."""
    with warnings.catch_warnings(action="ignore"):
        yield


def sides(classes: str, now: str, known: Answers = NONE, told: Answers = NONE) -> _Data:
    """200 and 150 rows of three columns, one of them constant, with classes in turn."""
    rng = np.random.default_rng(4)

    def rows(count: int, shift: float, said: str) -> Rows:
        values = np.column_stack([rng.normal(shift, 1, count), np.full(count, 2.0), rng.integers(0, 4, count)])
        return Rows(("a", "p(<b>)", "c"), values, tuple(said[i % len(said)] for i in range(count)) if said else ())

    reference, current = rows(200, 0, classes), rows(150, 1, now)
    everything = Everything(reference)
    everything.take(current)
    return _Data(reference, current, everything, known, told, ABOUT, None, [])


def answers(truth: Sequence[str], said: Sequence[str]) -> Answers:
    """Forty answers, in turn."""
    return Answers(tuple(islice(cycle(truth), 40)), tuple(islice(cycle(said), 40)))


def test_its_distances_are_ours_by_the_names_we_gave() -> None:
    data = sides("xy", "xz")
    page, found = _evidently(data)
    ours = {figure.column: figure.distance for figure in compare(data.reference, data.current, data.everything)}
    assert set(ours) == {"a", "p(<b>)", "c", SAID}
    assert found == pytest.approx(ours, rel=1e-9, abs=1e-9)
    assert "<b>" not in page.partition("drawDashboard")[0].partition("additional_graphs")[0]
    assert "it needs 30 of each" in data.notes[0]


def test_a_detector_has_no_classes() -> None:
    _, found = _evidently(sides("", ""))
    assert set(found) == {"a", "p(<b>)", "c"}


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (answers("ab", "abb"), answers("ab", "ab")),
        (answers("abc", "abcc"), answers("abc", "acb")),
        pytest.param(answers("abcd", "abcc"), answers("abc", "abc"), marks=pytest.mark.slow),
        (answers(("b", END), ("b", END, END)), answers((END, "b"), ("b", END, "b"))),
    ],
    ids=["two", "three", "four, three of them now", "names that end scripts"],
)
def test_classification_quality(known: Answers, told: Answers) -> None:
    data = sides("ab", "ab", known, told)
    page, _ = _evidently(data)
    assert data.notes == []
    assert "Classification quality" in page
    assert page.count("</script>") == 4  # data, a global, their library, the call


@pytest.mark.parametrize("told", [answers("b", "b"), answers("ac", "ab")], ids=["one of two", "a new one beside two"])
def test_what_evidently_cannot_lay_out_is_said_and_the_rest_stands(told: Answers) -> None:
    data = sides("ab", "ab", answers("ab", "ab"), told)
    page, found = _evidently(data)
    assert len(found) == 4
    assert "Data drift" in page
    assert "Evidently could not lay it out" in data.notes[0]


def test_few_labels_are_told_not_laid_out() -> None:
    data = sides("ab", "ab", answers("ab", "ab"), Answers(("a",) * (LEAST_ROWS - 1), ("a",) * (LEAST_ROWS - 1)))
    page, _ = _evidently(data)
    assert "29 labels of uniformly sampled frames came" in data.notes[0]
    assert "Classification quality" not in page
