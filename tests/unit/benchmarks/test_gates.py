"""The published error rates are those of the gates as they stand."""

import msgspec
import pytest

from benchmarks.form import RESULTS, Figure, Result
from benchmarks.gates.rates import CHURNS, DRAWS, EFFECTS, GOOD, SAID, SIZES, figures_of
from retrain.gates.policy import POLICIES
from retrain.gates.power import GATES

PUBLISHED = msgspec.json.decode((RESULTS / "gates.json").read_bytes(), type=Result)
SMALLEST = next(iter(SIZES))


def name(policy: str, churn: str, size: str, effect: str, said: str) -> str:
    return "; ".join((policy, churn, size, effect, said))


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_published_is_what_the_gates_do(policy: str) -> None:
    """Drawn again from the same seed. Where this fails a gate was changed: run `make bench-gates` and look at what moved."""
    published = {figure.name: figure for figure in PUBLISHED.figures}
    found = list(figures_of(POLICIES[policy], "clear labels", SMALLEST, "+20 new, -5 old", DRAWS))
    assert [figure.name for figure in found] == [name(policy, "clear labels", SMALLEST, "+20 new, -5 old", said) for said in SAID]
    assert found == [published[figure.name] for figure in found]


def test_every_cell_is_published_and_its_three_verdicts_are_all_there_are() -> None:
    published = {figure.name: figure for figure in PUBLISHED.figures}
    for policy in POLICIES:
        for churn in CHURNS:
            for size in SIZES:
                for effect in EFFECTS:
                    cell: list[Figure] = [published[name(policy, churn, size, effect, said)] for said in SAID]
                    assert sum(figure.value or 0.0 for figure in cell) == pytest.approx(100.0)
                    assert all(sum(figure.peers[gate] or 0.0 for figure in cell) == pytest.approx(100.0) for gate in GATES)
    assert not PUBLISHED.quick


def test_a_good_candidate_with_clear_labels_is_refused_no_more_often_than_promised() -> None:
    for figure in PUBLISHED.figures:
        policy, churn, _, effect, said = figure.name.split("; ")
        if (policy, churn, effect, said) == ("strict", "clear labels", GOOD, "fail"):
            assert figure.ok, figure
