"""Incidents are put together from their events, and called false when nothing had happened that explains them."""

import pytest

from contracts.events import IncidentClosed, IncidentOpened, IncidentUpdated, RolloutAdvanced
from contracts.incidents import Cause, Estimate, Evidence, Incident
from standalone.facts import Entry, Moments
from standalone.timeline import UPDATED, folded, incidents, told

BEGAN = 1_000_000.0
MOMENTS = Moments(live_s=30.0, switched_s=70.0, smeared_s=80.0, cleaned_s=90.0, swapped_s=160.0, ended_s=220.0)


def incident(cause: Cause, opened_s: float, *cameras: str, **changes: object) -> Incident:
    fields: dict[str, object] = {
        "incident_id": f"{cause}-{opened_s}",
        "cause": cause,
        "severity": "ticket",
        "headline": "something",
        "action": "look",
        "site": "line-3",
        "cameras": cameras,
        "version": "1",
        "since": BEGAN + opened_s - 3,
        "opened_at": BEGAN + opened_s,
        **changes,
    }
    return Incident(**fields)  # type: ignore[arg-type]


def opened(one: Incident) -> IncidentOpened:
    return IncidentOpened(event_id="a", occurred_at=one.opened_at, model="cells", incident=one)


def closed(one: Incident, at_s: float, false_alarm: bool = False) -> IncidentClosed:
    return IncidentClosed(
        event_id="c", occurred_at=BEGAN + at_s, model="cells", incident=one, resolution="over", false_alarm=false_alarm
    )


@pytest.mark.parametrize(
    ("cause", "at_s", "cameras", "false"),
    [
        ("population_change", 50.0, ("cam-31",), True),
        ("population_change", 75.0, ("cam-31", "cam-32", "cam-33"), False),
        ("quality_decay", 120.0, (), False),
        ("population_change", 165.0, ("cam-31",), True),
        ("camera_fault", 84.0, ("cam-32",), False),
        ("camera_fault", 84.0, ("cam-31",), True),
        ("camera_fault", 84.0, ("cam-31", "cam-32"), True),
        ("camera_fault", 75.0, ("cam-32",), True),
        ("camera_fault", 105.0, ("cam-32",), False),
        ("camera_fault", 120.0, ("cam-32",), True),
    ],
)
def test_an_incident_is_false_when_nothing_explains_it(cause: Cause, at_s: float, cameras: tuple[str, ...], false: bool) -> None:
    (seen,) = incidents([opened(incident(cause, at_s, *cameras))], BEGAN, MOMENTS)
    assert seen.false is false
    assert seen.closed_at_s is None


def test_the_newest_state_counts_and_evidence_is_never_forgotten() -> None:
    evidence = (Evidence("embedding", "norm", "cam-31", 2.0, 9.0, 3.0), Evidence("softmax", "entropy", "", 4.0, 0.6, 0.2, "flat"))
    estimate = Estimate("accuracy", "estimate", 0.83, 0.5, 0.4, 0.6, 120, trusted=False)
    first = incident("environment_change", 75.0, "cam-31", incident_id="x", evidence=evidence, estimates=(estimate,))
    second = incident("population_change", 75.0, "cam-31", "cam-33", incident_id="x", headline="now two")
    update = IncidentUpdated(event_id="b", occurred_at=BEGAN + 80, model="cells", incident=second)
    (seen,) = incidents([opened(first), update, closed(second, 170.0)], BEGAN, MOMENTS)
    assert (seen.cause, seen.cameras, seen.headline, seen.closed_at_s) == (
        "population_change",
        ("cam-31", "cam-33"),
        "now two",
        170.0,
    )
    assert seen.first_headline == "something"
    assert seen.since_s == 72.0
    assert [line.split(":")[0] for line in seen.evidence] == ["softmax", "embedding"]  # the strongest first
    assert "not to be trusted" in seen.effect[0]


def test_updates_that_say_the_same_are_one_line() -> None:
    """An incident is said again whenever more labels came: fifteen times in a run, with other figures."""

    def entry(at_s: float, event: str, detail: str) -> Entry:
        return Entry(at_s, event, detail, "bad")

    one, other = "Line-3 sees objects on cam-31 (1 of 3)", "Line-3 sees objects on cam-31, cam-32 (2 of 3)"
    entries = [
        entry(1.0, "incident opened", f"{one}; embedding at 1.5 times [cam-31]"),
        entry(3.0, UPDATED, f"{other}; accuracy 0.86 -> 0.20 by 10 labels [cam-31, cam-32]"),
        entry(2.0, UPDATED, f"{one}; embedding at 1.6 times [cam-31]"),
        entry(4.0, "training held", "waiting"),
        entry(4.5, "training held", "waiting"),
        entry(5.0, UPDATED, f"{other}; accuracy 0.86 -> 0.25 by 20 labels [cam-31, cam-32]"),
        entry(6.0, UPDATED, f"{other}; accuracy 0.86 -> 0.31 by 40 labels [cam-31, cam-32]"),
    ]
    assert [(one.at_s, one.event, one.detail.partition("; ")[2]) for one in folded(entries)] == [
        (1.0, "incident opened", "embedding at 1.5 times [cam-31]"),
        (2.0, "incident updated", "embedding at 1.6 times [cam-31]"),
        (3.0, "incident updated ×3", "accuracy 0.86 -> 0.31 by 40 labels [cam-31, cam-32]; the last of them at 6.0 s"),
        (4.0, "training held", ""),
        (4.5, "training held", ""),
    ]


def test_what_was_closed_as_false_alarm_is_false() -> None:
    one = incident("population_change", 75.0, "cam-31")
    (seen,) = incidents([opened(one), closed(one, 80.0, false_alarm=True)], BEGAN, MOMENTS)
    assert seen.false


def test_a_rollout_is_told_in_words() -> None:
    step = RolloutAdvanced(
        event_id="r",
        occurred_at=BEGAN + 100.5,
        model="cells",
        version="2",
        parent="1",
        state="canary",
        share=0.34,
        reason="enough frames",
    )
    entry = told(step, BEGAN)
    assert entry is not None
    assert (entry.at_s, entry.event, entry.detail, entry.tone) == (100.5, "version 2: canary 34%", "enough frames", "good")
    back = RolloutAdvanced(
        event_id="r", occurred_at=BEGAN, model="cells", version="2", parent="1", state="rolling_back", share=0.0, reason="worse"
    )
    entry = told(back, BEGAN)
    assert entry is not None
    assert entry.tone == "bad"
