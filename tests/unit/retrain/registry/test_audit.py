"""The audit: every way of touching the past is found, an untouched one never, and who answered a camera is what a fleet would have done."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.channels import Channels
from contracts.repository import changed
from retrain.registry.audit import Anchor, Finding, Verified, served, spans, verify
from retrain.state.ledger import CHANNELS, GENESIS, Text, chained

CAMERAS = tuple(f"line-{i}" for i in range(6))


def digest_of(version: str) -> str:
    return hashlib.sha256(version.encode()).hexdigest()


def written(facts: Sequence[tuple[str, dict[str, object]]], start: float = 100.0) -> list[Text]:
    """A ledger that says this."""
    rows: list[Text] = []
    for i, (kind, body) in enumerate(facts, 1):
        text = msgspec.json.encode(body, order="sorted").decode()
        previous = rows[-1].hash if rows else GENESIS
        rows.append(Text(i, start + i, kind, text, chained(previous, i, start + i, kind, text)))
    return rows


def rehashed(rows: Sequence[Text]) -> list[Text]:
    """The same texts in a chain that holds: what someone does who knows how it is made."""
    found: list[Text] = []
    for i, row in enumerate(rows, 1):
        digest = chained(found[-1].hash if found else GENESIS, i, *row[1:4])
        found.append(row._replace(sequence=i, hash=digest))
    return found


def of(states: Sequence[Channels]) -> list[Text]:
    """Their ledger, with a decision before each."""
    facts: list[tuple[str, dict[str, object]]] = []
    for state in states:
        facts.append(("rollout_advanced", {"why": state.reason}))
        versions = {version: {"digest": digest_of(version)} for version in state.versions()}
        facts.append((CHANNELS, {"before": None, "after": state, "versions": versions}))
    return written(facts)


FIRST = Channels(champion="1", sequence=1, by="bootstrap", changed_at=10.0)
SECOND = changed(FIRST, 20.0, "retrain", "shadow", shadow="2")
THIRD = changed(SECOND, 30.0, "retrain", "canary", candidate="2", share=0.5)
FOURTH = changed(THIRD, 40.0, "ada", "champion", champion="2", candidate=None, share=0.0, shadow="1", previous="1")
STATES = (FIRST, SECOND, THIRD, FOURTH)
ROWS = of(STATES)
ANCHORS = [Anchor(row.hash, row.at, "Decided", row.sequence) for row in ROWS if row.kind != CHANNELS]


def found(rows: Sequence[Text], anchors: Sequence[Anchor] = ANCHORS, history: Sequence[Channels] = STATES) -> list[Finding]:
    return list(verified(rows, anchors, history).findings)


def verified(rows: Sequence[Text], anchors: Sequence[Anchor] = ANCHORS, history: Sequence[Channels] = STATES) -> Verified:
    return verify("small", rows, anchors, history, digest_of)


def test_an_untouched_ledger_holds() -> None:
    said = [*ANCHORS, Anchor(ROWS[3].hash, 104.0, "RolloutAdvanced"), Anchor(ROWS[0].hash, 101.0, "JobAdvanced")]
    told = verified(ROWS, said)
    assert (told.findings, told.rows, told.head, told.channels, told.pending) == ((), 8, ROWS[-1].hash, 4, 0)
    assert (told.anchors, told.anchored_since, told.since, told.until) == (5, 101.0, 101.0, 108.0)
    assert verified([], []).findings == ()


def test_channel_states_that_the_service_has_not_entered_yet_wait() -> None:
    told = verified(ROWS[:6], ANCHORS[:3])
    assert (told.findings, told.pending) == ((), 1)


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("what", ["at", "kind", "body", "hash"])
def test_an_altered_row_breaks_the_chain(place: int, what: str) -> None:
    row = ROWS[place]
    other = {"at": row.at - 1, "kind": "job_advanced", "body": "{}", "hash": "0" * 64}[what]
    findings = found([*ROWS[:place], row._replace(**{what: other}), *ROWS[place + 1 :]], [])  # type: ignore[arg-type]
    assert findings[0].breach == "altered"
    assert findings[0].row == place + 1


@pytest.mark.parametrize("place", range(7))
def test_a_removed_row_is_missing(place: int) -> None:
    assert found([*ROWS[:place], *ROWS[place + 1 :]], [])[0] == Finding("missing", place + 2, f"row {place + 1} is missing")


@pytest.mark.parametrize("left", range(7))
def test_a_cut_tail_is_found_by_the_log(left: int) -> None:
    """The chain of what is left holds."""
    assert not [one for one in found(ROWS[:left], []) if one.breach != "channels"]
    assert found(ROWS[:left])[0] == Finding("cut", left, f"the ledger ends with row {left}, the log holds decisions up to row 7")


@pytest.mark.parametrize("place", range(8))
def test_a_ledger_written_anew_from_a_row_on_is_found_by_the_log(place: int) -> None:
    forged = rehashed([*ROWS[:place], ROWS[place]._replace(at=ROWS[place].at + 0.5), *ROWS[place + 1 :]])
    assert found(forged, []) == []  # the chain alone does not tell
    bearing = [one.sequence for one in ANCHORS if one.sequence > place]
    assert [one.row for one in found(forged)] == bearing
    assert {one.breach for one in found(forged)} <= {"rewritten"}


def test_events_without_a_place_bear_the_ledger_out_too() -> None:
    said = [Anchor(row.hash, row.at, "RolloutAdvanced") for row in ROWS]
    assert found(ROWS, said) == []
    assert [one.breach for one in found(ROWS[:6], said, STATES[:3])] == ["rewritten"] * 2
    assert "names is not there" in found(ROWS[:6], said, STATES[:3])[0].detail


def test_the_repositorys_past_must_be_the_ledgers() -> None:
    other = msgspec.structs.replace(THIRD, share=0.25)
    assert found(ROWS, history=[FIRST, SECOND, other, FOURTH])[0].detail == "channel state 3 reads otherwise in the repository"
    assert found(ROWS, history=[FIRST, SECOND, FOURTH])[0].detail == "channel state 3 is gone from the repository"
    without = written([(row.kind, msgspec.json.decode(row.body)) for i, row in enumerate(ROWS) if i not in (2, 3)])
    assert found(without, [])[0].detail == "channel state 2 of the repository is not in the ledger"


def test_another_model_under_a_versions_name_is_found() -> None:
    told = verify("small", ROWS, ANCHORS, STATES, lambda version: digest_of("evil" if version == "2" else version))
    assert [(one.breach, one.row) for one in told.findings] == [("model", 4)]
    assert verify("small", ROWS, ANCHORS, STATES, lambda version: "").findings == ()  # a version that was removed is no breach


def test_of_many_findings_some_are_told() -> None:
    rows = written([("decision", {"number": i}) for i in range(100)])
    said = [Anchor(row.hash, row.at, "Decided", row.sequence) for row in rows]
    told = verify("small", rehashed([rows[0]._replace(at=0.0), *rows[1:]]), said, (), digest_of)
    assert (len(told.findings), told.more) == (20, 80)


def test_rows_of_an_earlier_release_name_no_digests_and_the_repository_is_asked() -> None:
    old = written([(CHANNELS, {"before": None, "after": FIRST})])
    assert [one.digest for one in spans(old, "line-1", digest_of)] == [digest_of("1")]


def test_who_answered_a_camera_with_who_changed_it_and_why() -> None:
    candidate = next(camera for camera in CAMERAS if THIRD.answering(camera)[1] == "candidate")
    other = next(camera for camera in CAMERAS if THIRD.answering(camera)[1] == "champion")
    told = [(one.version, one.variant, one.since, one.until, one.sequence, one.by) for one in spans(ROWS, candidate, digest_of)]
    assert told == [
        ("1", "champion", 10.0, 30.0, 1, "bootstrap"),
        ("2", "candidate", 30.0, 40.0, 3, "retrain"),
        ("2", "champion", 40.0, None, 4, "ada"),
    ]
    assert [(one.version, one.since) for one in spans(ROWS, other, digest_of)] == [("1", 10.0), ("2", 40.0)]
    assert served(spans(ROWS, other, digest_of), 9.9) is None


steps = st.lists(
    st.tuples(
        st.floats(-5, 50),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from([None, "2", "3"]),
        st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    ),
    min_size=1,
    max_size=20,
)


@given(steps, st.lists(st.floats(-10, 600), min_size=1, max_size=20))
def test_the_ledger_rebuilds_what_a_fleet_did(moves: list[tuple[float, str, str | None, float]], times: list[float]) -> None:
    """The fleet: at any time a server stands on the newest channels that were written by then. Clocks may be set back between two."""
    states, now = [], 0.0
    for i, (seconds, champion, candidate, share) in enumerate(moves, 1):
        now = max(0.0, now + seconds)
        states.append(
            Channels(champion=champion, candidate=candidate, share=share if candidate else 0.0, sequence=i, changed_at=now)
        )
    rows = of(states)
    for camera in CAMERAS:
        rebuilt = spans(rows, camera, digest_of)
        assert all(one.until == after.since for one, after in pairwise(rebuilt))
        assert rebuilt[-1].until is None
        for at in times:
            there = [state for state in states if state.changed_at <= at]
            one = served(rebuilt, at)
            if not there:
                assert one is None
                continue
            version, variant = there[-1].answering(camera)
            assert one is not None
            assert (one.version, one.variant, one.digest) == (version, variant, digest_of(version))
            assert one.since <= at
            assert one.until is None or at < one.until
