"""Every event goes through the log and comes back the same; what is no event is a BadEventError and nothing else."""

import contextlib
import json
import re
import typing
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import events
from contracts.events import EVENT_TYPES, TOPICS, AnyEvent, BadEventError, Dead, decode, encode, place_of
from contracts.ids import is_id, new_id
from contracts.ports import Place, Record
from contracts.predictions import BoxesTruth, Classification, ClassTruth, Detections

NOW = 1_700_000_000.123456


def samples() -> dict[str, AnyEvent]:
    """One event of each type with every field set, defaults too: values that no default has, made from the field's type."""
    return {kind.__name__: typing.cast(AnyEvent, made(kind)) for kind in EVENT_TYPES}


def made(kind: object, name: str = "") -> typing.Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if name in ("event_id", "frame_id"):
        return new_id(NOW)
    if origin is typing.Literal:
        return arguments[-1]
    if origin is tuple:
        return (made(arguments[0], name), made(arguments[0], name))
    if origin is dict:
        return {f"some {name}": made(arguments[1], name)}
    if arguments:  # a union: the last member that is not None
        return made([one for one in arguments if one is not type(None)][-1], name)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return kind(**{field: made(hints[field], field) for field in kind.__struct_fields__})
    return {str: f"some {name}", float: 3.25, int: 7, bool: True}[typing.cast(type, kind)]


SAMPLES = samples()


def record(event: AnyEvent | None = None, value: bytes = b"", key: str = "m/c") -> Record:
    place = Place("keepsight.frames", 3)
    if event is None:
        return Record(place, 17, key, value, {}, 0)
    sent = encode(event, "test")
    return Record(place, 17, sent.key, sent.value, sent.headers, 0)


@pytest.mark.parametrize("event", SAMPLES.values(), ids=SAMPLES.keys())
def test_round_trip(event: AnyEvent) -> None:
    assert decode(record(event)) == event


@pytest.mark.parametrize("event", SAMPLES.values(), ids=SAMPLES.keys())
def test_it_lies_on_a_topic_that_exists(event: AnyEvent) -> None:
    topic, key = place_of(event)
    assert topic in {spec.name for spec in TOPICS}
    assert (encode(event, "test").topic, encode(event, "test").key) == (topic, key)


@pytest.mark.parametrize("event", SAMPLES.values(), ids=SAMPLES.keys())
def test_fields_of_a_later_release_are_tolerated_everywhere(event: AnyEvent) -> None:
    def with_more(value: object) -> object:
        if isinstance(value, dict):
            known = {
                key: inner if key == "metrics" else with_more(inner) for key, inner in value.items()
            }  # a table: its keys are data
            return {**known, "from_the_future": {"deep": [1, None, "x"]}}
        return [with_more(inner) for inner in value] if isinstance(value, list) else value

    later = json.dumps(with_more(json.loads(encode(event, "test").value))).encode()
    assert decode(record(value=later)) == event


@pytest.mark.parametrize("event", SAMPLES.values(), ids=SAMPLES.keys())
def test_headers_are_cloudevents_1_0(event: AnyEvent) -> None:
    """CloudEvents 1.0, 3.1: id, source, specversion and type are non-empty; time is an RFC 3339 timestamp."""
    headers = encode(msgspec.structs.replace(event, occurred_at=NOW), "serving/line-3").headers
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_id"] == event.event_id
    assert headers["ce_type"] == f"keepsight.{type(event).__name__}"
    assert headers["ce_source"] == "serving/line-3"
    assert headers["content-type"] == "application/json"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", headers["ce_time"])
    assert datetime.fromisoformat(headers["ce_time"]).timestamp() == pytest.approx(NOW, abs=1e-6)


@pytest.mark.parametrize("event", SAMPLES.values(), ids=SAMPLES.keys())
def test_the_body_names_type_and_schema(event: AnyEvent) -> None:
    body = json.loads(encode(event, "test").value)
    assert body["type"] == type(event).__name__
    assert isinstance(body["schema"], int)


@pytest.mark.parametrize(
    ("name", "topic", "key"),
    [
        ("FrameScored", "keepsight.frames", "some model/some camera"),
        ("FrameLabelled", "keepsight.labels", "some model/some camera"),
        ("IncidentOpened", "keepsight.incidents", "some model/some incident_id"),
        ("IncidentUpdated", "keepsight.incidents", "some model/some incident_id"),
        ("IncidentClosed", "keepsight.incidents", "some model/some incident_id"),
        ("RetrainRequested", "keepsight.retrain", "some model"),
        ("JobAdvanced", "keepsight.retrain", "some model"),
        ("ModelPublished", "keepsight.retrain", "some model"),
        ("RolloutAdvanced", "keepsight.retrain", "some model"),
        ("LabelsWanted", "keepsight.retrain", "some model"),
        ("Decided", "keepsight.retrain", "some model"),
        ("ServingReported", "keepsight.serving", "some model/some replica"),
        ("Approve", "keepsight.commands", "some model"),
        ("Reject", "keepsight.commands", "some model"),
        ("Rollback", "keepsight.commands", "some model"),
        ("Promote", "keepsight.commands", "some model"),
        ("OverrideCounts", "keepsight.commands", "some model"),
        ("CancelJob", "keepsight.commands", "some model"),
        ("ReviewLabel", "keepsight.commands", "some model"),
        ("Acknowledge", "keepsight.commands", "some model"),
        ("MarkFalseAlarm", "keepsight.commands", "some model"),
        ("RequestRetrain", "keepsight.commands", "some model"),
        ("Dead", "keepsight.dead", ""),
    ],
)
def test_place_of(name: str, topic: str, key: str) -> None:
    assert place_of(SAMPLES[name]) == (topic, key)


def test_every_event_type_has_a_place_above() -> None:
    assert len(EVENT_TYPES) == 23 == len(SAMPLES)


def test_only_what_holds_the_whole_state_is_compacted() -> None:
    """A compacted topic forgets all but the last record of a key: only facts that hold the whole state may lie there."""
    assert {spec.name for spec in TOPICS if spec.compacted} == {events.INCIDENTS, events.SERVING}


def test_both_kinds_of_prediction_and_truth_travel() -> None:
    scored = typing.cast(events.FrameScored, SAMPLES["FrameScored"])
    labelled = typing.cast(events.FrameLabelled, SAMPLES["FrameLabelled"])
    for prediction in (Classification(("a",), (1.0,)), Detections(())):
        event = msgspec.structs.replace(scored, prediction=prediction)
        assert decode(record(event)) == event
    for truth in (ClassTruth("a"), BoxesTruth(())):
        labelled = msgspec.structs.replace(labelled, truth=truth)
        assert decode(record(labelled)) == labelled


APPROVE = encode(SAMPLES["Approve"], "test").value


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"not json",
        b"\xff\xfe\x00",
        APPROVE[:-1],
        APPROVE.replace(b'"Approve"', b'"Approved"'),
        APPROVE.replace(b'"type"', b'"kind"'),
        APPROVE.replace(b'"some version"', b"3"),
        APPROVE.replace(b'"some version"', b'"\xff"'),
        b'{"type":"Approve","x":' + b"[" * 200_000,
    ],
    ids=["empty", "null", "list", "bare", "text", "binary", "cut", "unknown-type", "no-type", "wrong-type", "bad-utf8", "deep"],
)
def test_what_is_no_event_is_refused_with_its_place(value: bytes) -> None:
    with pytest.raises(BadEventError, match=r"^keepsight\.frames\[3\]@17 is no event we know: "):
        decode(record(value=value))


@given(st.data())
def test_a_damaged_record_is_an_event_or_a_bad_event(data: st.DataObject) -> None:
    value = bytearray(encode(SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))], "test").value)
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadEventError):
        decode(record(value=bytes(value)))


def test_a_dead_letter_says_where_it_came_from_and_keeps_the_bytes() -> None:
    letter = events.dead_letter(record(value=b"\x00\xff" * 100_000, key="solar/cam-1"), "no event", "monitor", NOW)
    assert is_id(letter.event_id)
    assert (letter.model, letter.topic, letter.partition, letter.offset) == ("solar", "keepsight.frames", 3, 17)
    assert (letter.reason, letter.handler) == ("no event", "monitor")
    assert len(letter.value) == 4 * -(-65_536 // 3)
    assert isinstance(decode(record(letter)), Dead)


def test_a_scored_frame_is_about_a_kilobyte() -> None:
    scored = typing.cast(events.FrameScored, SAMPLES["FrameScored"])
    full = msgspec.structs.replace(
        scored,
        embedding=tuple(round(0.12345 * i, 5) for i in range(32)),
        prediction=Classification(("good", "defect"), (0.812345, 0.187655)),
    )
    assert len(encode(full, "serving").value) < 1600
