"""Numbers that JSON has no word for: written as LARGEST, and read as that where an earlier release wrote null."""

import math

import msgspec
import pytest

from contracts import finite, manifest
from contracts.errors import VersionError
from contracts.events import BadEventError, FrameScored, GateResult, IncidentOpened, JobAdvanced, RetrainRequested, decode, encode
from contracts.finite import LARGEST
from contracts.incidents import Evidence, Incident
from contracts.ports import Place, Record
from tests.unit.contracts.test_events import SAMPLES
from tests.unit.contracts.versions import small_manifest

PLACE = Place("keepsight.incidents", 0)


def incident(*ratios: float) -> Incident:
    said = SAMPLES["IncidentOpened"]
    assert isinstance(said, IncidentOpened)
    evidence = tuple(Evidence("drift", "luma", "c1", ratio, 0.5, -math.inf) for ratio in ratios)
    return msgspec.structs.replace(said.incident, evidence=evidence, drift_type=None)


def read(value: bytes) -> object:
    return decode(Record(PLACE, 0, "m", value, {}, 0))


def test_an_incident_at_infinite_times_its_limit_is_read_by_everyone() -> None:
    opened = IncidentOpened(event_id="0" * 36, occurred_at=1.0, model="m", incident=incident(math.inf, 2.0, math.nan))
    back = read(encode(opened, "test").value)
    assert isinstance(back, IncidentOpened)
    assert [one.ratio for one in back.incident.evidence] == [LARGEST, 2.0, LARGEST]
    assert [one.reference for one in back.incident.evidence] == [-LARGEST] * 3
    assert back.incident.drift_type is None  # where nothing may stand, nothing stays


def test_one_that_was_written_with_null_is_read_too() -> None:
    opened = IncidentOpened(event_id="0" * 36, occurred_at=1.0, model="m", incident=incident(math.inf))
    back = read(msgspec.json.encode(opened))
    assert isinstance(back, IncidentOpened)
    assert (back.incident.evidence[0].ratio, back.incident.evidence[0].reference) == (LARGEST, LARGEST)  # the sign is lost


def test_a_loss_that_diverged_and_a_gate_without_a_figure() -> None:
    job = JobAdvanced(
        event_id="0" * 36,
        occurred_at=1.0,
        model="m",
        job_id="j",
        request_key="k",
        state="running",
        metrics={"loss": math.nan, "epoch": 3.0},
        gates=(GateResult("gain", "fail", -math.inf, 0.0, ""),),
    )
    for value in (encode(job, "test").value, msgspec.json.encode(job)):
        back = read(value)
        assert isinstance(back, JobAdvanced)
        assert back.metrics == {"loss": LARGEST, "epoch": 3.0}
        assert abs(back.gates[0].value) == LARGEST


def test_what_may_be_null_stays_so() -> None:
    asked = SAMPLES["RetrainRequested"]
    assert isinstance(asked, RetrainRequested)
    asked = msgspec.structs.replace(asked, harm=None, cause=None, evidence=(Evidence("drift", "x", "", math.inf, 0.0, 0.0),))
    back = read(msgspec.json.encode(asked))
    assert isinstance(back, RetrainRequested)
    assert (back.harm, back.cause, back.evidence[0].ratio) == (None, None, LARGEST)


def test_a_frame_without_a_number_is_no_measurement() -> None:
    frame = SAMPLES["FrameScored"]
    assert isinstance(frame, FrameScored)
    with pytest.raises(BadEventError, match=r"got `null` - at `\$\.confidence`"):
        read(msgspec.json.encode(msgspec.structs.replace(frame, confidence=math.nan)))


def test_a_null_where_no_number_belongs_stays_an_error() -> None:
    with pytest.raises(BadEventError, match=r"got `null` - at `\$\.job_id`"):
        read(b'{"type":"JobAdvanced","event_id":"e","occurred_at":1,"model":"m","job_id":null,"request_key":"k","state":"running"}')


def test_nothing_is_copied_where_all_is_finite() -> None:
    whole = incident(1.0)
    whole = msgspec.structs.replace(whole, evidence=(Evidence("drift", "x", "", 1.0, 0.0, 0.0),))
    assert finite.finite(whole) is whole


def test_a_manifest_that_nobody_could_read_back_is_not_written() -> None:
    whole = small_manifest()
    lame = msgspec.structs.replace(whole, temperature=math.nan)
    with pytest.raises(VersionError, match=r"not a finite number: .*\$\.temperature"):
        manifest.encode(lame)
