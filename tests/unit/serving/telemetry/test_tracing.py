"""Spans as a collector gets them: under the camera's trace, stages below, in time; and a collector that is away is told once."""

import pytest

from contracts.logs import Logger
from serving.telemetry.trace import Parent, Stage, Trace, tracing_to
from tests.collector import Collector
from tests.unit.serving.parts import instruments, value

pytest.importorskip("opentelemetry.sdk", reason="needs keepsight[tracing]")

PARENT = Parent(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True)


def test_a_request_is_a_span_with_its_stages_below() -> None:
    with Collector() as collector:
        found = instruments()
        tracing = tracing_to(collector.endpoint, found, Logger("test"))
        assert tracing is not None
        stages = [Stage("decode", 1.5, 1.75), Stage("infer", 1.75, 2.0)]
        trace_id = tracing.end(Trace(PARENT, stages, {"keepsight.camera": "gate"}), "POST", "/v1/frames", 200, 1.0, 2.25)
        tracing.end(Trace(None), "POST", "/v1/frames", 500, 3.0, 4.0)
        tracing.close(30)
        assert collector.services == {"keepsight-serving"}
        decode, infer, asked, failed = sorted(collector.spans, key=lambda span: (span.end_time_unix_nano, span.name))
    assert int.from_bytes(asked.trace_id) == PARENT.trace_id
    assert asked.trace_id.hex() == trace_id
    assert int.from_bytes(asked.parent_span_id) == PARENT.span_id
    assert {decode.parent_span_id, infer.parent_span_id} == {asked.span_id}
    assert [decode.name, infer.name, asked.name] == ["decode", "infer", "POST /v1/frames"]
    assert asked.end_time_unix_nano - asked.start_time_unix_nano == 1_250_000_000
    assert decode.start_time_unix_nano - asked.start_time_unix_nano == 500_000_000
    said = {one.key: one.value.string_value or one.value.int_value for one in asked.attributes}
    assert said == {
        "http.request.method": "POST",
        "http.route": "/v1/frames",
        "http.response.status_code": 200,
        "keepsight.camera": "gate",
    }
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert failed.trace_id != asked.trace_id
    assert not failed.parent_span_id
    assert value(found, "spans_total", outcome="taken") == 4


def test_a_collector_that_refuses_is_told_once_and_costs_spans_only(caplog: pytest.LogCaptureFixture) -> None:
    with Collector() as collector:
        collector.status = 400
        found = instruments()
        tracing = tracing_to(collector.endpoint, found, Logger("test"))
        assert tracing is not None
        for number in range(2000):  # several batches
            tracing.end(Trace(None), "POST", "/v1/frames", 200, number, number + 1)
        tracing.close(30)
        assert value(found, "spans_total", outcome="lost") == 2000
        assert not collector.spans
    assert [record.message for record in caplog.records] == ["traces_lost"]
