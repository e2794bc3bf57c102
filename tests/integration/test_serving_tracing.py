"""Traces of a real serving process at a real collector's protocol: whose they are, what stands below them, and that a stop sends what waits."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.collector import Collector
from tests.prometheus_server import Prometheus
from tests.serving_process import ServingProcess
from tests.small_model import photographs, publish_small_version
from tests.unit.serving.edge.test_batch import part
from tests.unit.serving.edge.test_multipart import body

pytest.importorskip("opentelemetry.sdk", reason="needs keepsight[tracing]")
(FRAME,), _ = photographs(1)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STAGES = ["read", "queue", "decode", "preprocess", "infer", "journal", "reply"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as one:
        yield one


def test_a_camera_finds_its_frame_in_its_own_trace(tmp_path: Path, collector: Collector) -> None:
    serving = ServingProcess(tmp_path, trace_endpoint=collector.endpoint, trace_share=0.0)
    publish_small_version(serving.repository)
    serving.start()
    traced = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    serving.answered(FRAME)
    answer = serving.ask("POST", "/v1/frames?camera=gate", FRAME, traced).json
    assert serving.ask("POST", "/v1/frames?camera=gate", FRAME[:100], traced).status == 422
    infer = serving.ask(
        "POST",
        "/v2/models/small/infer?camera=gate",
        FRAME,
        {"Inference-Header-Content-Length": "0", "traceparent": f"00-{TRACE}-{SPAN}-01"},
    )
    assert infer.status == 200
    parts = body(*(part(camera, content) for camera, content in (("gate", FRAME), ("line-1", FRAME), ("gate", FRAME[:100]))))
    multipart = traced | {"Content-Type": "multipart/form-data; boundary=frontier"}
    batch = serving.ask("POST", "/v1/frames/batch", parts, multipart).json["frames"]
    assert serving.stop() == 0
    asked = {span.name: span for span in collector.spans if span.parent_span_id.hex() == SPAN}
    answered, refused = sorted(
        (span for span in collector.spans if span.name == "POST /v1/frames"), key=lambda span: span.start_time_unix_nano
    )
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert set(asked) == {"POST /v1/frames", "POST /v1/frames/batch", "POST /v2/infer"}
    below = sorted(
        (span for span in collector.spans if span.parent_span_id == answered.span_id), key=lambda span: span.start_time_unix_nano
    )
    assert [span.name for span in below] == STAGES
    assert below[0].start_time_unix_nano >= answered.start_time_unix_nano
    assert below[-1].end_time_unix_nano <= answered.end_time_unix_nano
    said = {one.key: one.value.string_value for one in answered.attributes}
    assert (said["keepsight.camera"], said["keepsight.frame_id"], said["keepsight.version"]) == ("gate", answer["frame_id"], "1")
    assert {one.value.string_value for one in refused.attributes if one.key == "keepsight.problem"} == {"truncated"}
    for route in ("POST /v2/infer", "POST /v1/frames/batch"):
        found = [span for span in collector.spans if span.parent_span_id == asked[route].span_id]
        assert {span.name for span in found} == set(STAGES), route
    many = {one.key: one.value for one in asked["POST /v1/frames/batch"].attributes}
    assert [one.string_value for one in many["keepsight.camera"].array_value.values] == ["gate", "line-1"]
    assert [one.string_value for one in many["keepsight.frame_id"].array_value.values] == [
        one["answer"]["frame_id"] for one in batch[:2]
    ]
    assert (many["keepsight.version"].string_value, many["keepsight.problem"].string_value) == ("1", "truncated")


@pytest.mark.slow
def test_a_traced_request_is_an_exemplar_in_prometheus(tmp_path: Path, collector: Collector) -> None:
    serving = ServingProcess(tmp_path, trace_endpoint=collector.endpoint, trace_share=0.0)
    publish_small_version(serving.repository)
    serving.start()
    with closing(
        Prometheus(tmp_path / "prometheus", {"keepsight-serving": [f"127.0.0.1:{serving.port}"]}, every="1s")
    ) as prometheus:
        serving.answered(FRAME)
        serving.ask("POST", "/v1/frames?camera=gate", FRAME, {"traceparent": f"00-{TRACE}-{SPAN}-01"})
        prometheus.until('keepsight_serving_request_duration_seconds_count{route="/v1/frames"} == 2')
        assert prometheus.exemplars("keepsight_serving_request_duration_seconds_bucket") == [{"trace_id": TRACE}]
    assert serving.get("/metrics").headers["content-type"].startswith("text/plain;")
    for strange in ("application/openmetrics-text;version=x.y", "text/plain;version=x"):
        assert serving.ask("GET", "/metrics", headers={"Accept": strange}).status == 200
    serving.stop()


def test_a_collector_that_is_away_delays_no_frame_and_no_stop(tmp_path: Path, collector: Collector) -> None:
    serving = ServingProcess(tmp_path, trace_endpoint="http://127.0.0.1:9/v1/traces", trace_share=1.0)
    publish_small_version(serving.repository)
    serving.start()
    for _ in range(50):
        serving.answered(FRAME)
    assert serving.stop() == 0
    assert len(serving.scored(50)) == 50
