"""Each promise is broken by exactly the facts that break it."""

from collections.abc import Callable

import msgspec
import pytest

from standalone.facts import Count, Facts, Proof
from standalone.promises import judge
from tests.unit.standalone.a_run import DRIFT, FAULT, broken, kept, quality

Change = Callable[[Facts], dict[str, object]]


def proof_with(facts: Facts, kind: str, accuracy: float, balanced: float) -> Proof:
    answering = {name: dict(moments) for name, moments in facts.proof.answering.items()}
    answering[kind]["after"] = quality(accuracy, balanced, 0.5)  # type: ignore[index]
    return msgspec.structs.replace(facts.proof, answering=answering)


def incident(which: object, **changes: object) -> object:
    return msgspec.structs.replace(which, **changes)  # type: ignore[type-var]


def moments(facts: Facts, **changes: object) -> dict[str, object]:
    return {"moments": msgspec.structs.replace(facts.moments, **changes)}


CHANGES: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda facts: {}, []),
    "a step did not come": (lambda facts: {"troubles": ("waited 90 s",)}, ["told to its end"]),
    "false incident early": (
        lambda facts: {"incidents": (*facts.incidents, incident(DRIFT, opened_at_s=50.0, false=True))},
        ["no false incident before the drift"],
    ),
    "false incident late": (
        lambda facts: {"incidents": (*facts.incidents, incident(DRIFT, opened_at_s=180.0, false=True))},
        ["no false incident after"],
    ),
    "no drift found": (lambda facts: {"incidents": (FAULT,)}, ["drift found"]),
    "drift without effect": (lambda facts: {"incidents": (incident(DRIFT, effect=()), FAULT)}, ["drift found"]),
    "drift without cameras": (lambda facts: {"incidents": (incident(DRIFT, cameras=()), FAULT)}, ["drift found"]),
    "no fault found": (lambda facts: {"incidents": (DRIFT,)}, ["camera fault triaged"]),
    "fault still open": (
        lambda facts: {"incidents": (DRIFT, incident(FAULT, closed_at_s=None))},
        ["camera fault triaged", "incidents closed"],
    ),
    "drift still open": (lambda facts: {"incidents": (incident(DRIFT, closed_at_s=None), FAULT)}, ["incidents closed"]),
    "learnt a smeared frame": (lambda facts: {"smeared_trained": 1}, ["faulty frames in no training set"]),
    "no training set": (lambda facts: {"trained_labels": 0}, ["faulty frames in no training set"]),
    "no gates": (lambda facts: {"gates": ()}, ["candidate accepted by its gates"]),
    "a gate failed": (
        lambda facts: {"gates": (incident(facts.gates[0], verdict="fail"),)},
        ["candidate accepted by its gates"],
    ),
    "never swapped": (lambda facts: moments(facts, swapped_s=None), ["candidate accepted by its gates"]),
    "poly too low": (lambda facts: {"proof": proof_with(facts, "poly", 0.755, 0.70)}, ["poly accuracy recovered"]),
    "always functional": (lambda facts: {"proof": proof_with(facts, "poly", 0.77, 0.50)}, ["poly balanced accuracy recovered"]),
    "mono forgotten": (lambda facts: {"proof": proof_with(facts, "mono", 0.79, 0.75)}, ["mono kept"]),
    "mono a little lower": (lambda facts: {"proof": proof_with(facts, "mono", 0.805, 0.78)}, []),
    "no proof": (
        lambda facts: {"proof": Proof(answering={}, shadowing={})},
        ["poly accuracy recovered", "poly balanced accuracy recovered", "mono kept"],
    ),
    "frame lost": (lambda facts: {"frames": Count(1000, 999)}, ["no frame lost"]),
    "no frames": (lambda facts: {"frames": Count(0, 0)}, ["no frame lost"]),
    "event lost": (lambda facts: {"events": Count(1600, 1599)}, ["no event lost"]),
    "event from nowhere": (lambda facts: {"events": Count(1600, 1601)}, ["no event lost"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_promise_is_broken_by_what_breaks_it(name: str) -> None:
    change, expected = CHANGES[name]
    facts = kept()
    assert broken(msgspec.structs.replace(facts, **change(facts))) == expected


def test_a_run_is_ok_only_when_judged_and_without_failure() -> None:
    facts = kept()
    assert facts.ok
    assert not msgspec.structs.replace(facts, promises=()).ok
    bad = msgspec.structs.replace(facts, frames=Count(10, 9))
    bad = msgspec.structs.replace(bad, promises=judge(bad))
    assert not bad.ok
    assert bad.failed == ("no frame lost: 10 sent, 9 answered and scored",)
