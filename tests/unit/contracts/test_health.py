"""The health endpoint over real HTTP."""

import gzip
import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from contracts import connections, health
from contracts.health import Answer, HealthServer, Request
from contracts.listener import listen
from contracts.metrics import Spec, counter, gauge, histogram


class Service:
    """What a service knows of itself, settable by a test."""

    reason: str | None = None
    broken = False

    def ready(self) -> str | None:
        if self.broken:
            raise RuntimeError("a bug")
        return self.reason


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def server(service: Service, registry: CollectorRegistry) -> Iterator[HealthServer]:
    server = HealthServer(listen("127.0.0.1", 0, "monitor"), registry, service.ready)
    yield server
    server.close()


def get(server: HealthServer, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.getheader("Content-Type") or "", body


def test_alive(server: HealthServer) -> None:
    assert get(server, "/livez") == (200, "application/json", '{"status": "ok"}')


def test_ready_or_not_with_the_reason(server: HealthServer, service: Service) -> None:
    assert get(server, "/readyz?verbose")[0] == 200
    service.reason = "the log is away"
    status, _, body = get(server, "/readyz")
    assert status == 503
    assert json.loads(body) == {"status": "not ready", "reason": "the log is away"}
    assert get(server, "/livez")[0] == 200
    service.reason = None
    assert get(server, "/readyz")[0] == 200


def test_metrics_as_prometheus_reads_them(server: HealthServer, registry: CollectorRegistry) -> None:
    counter(Spec("frames_total", "counter", "Frames.", ("model",)), registry).labels("solar").inc(3)
    gauge(Spec("lag_records", "gauge", "Lag."), registry).set(2)
    histogram(Spec("step_seconds", "histogram", "Step.", (), (0.1, 1.0)), registry).observe(0.5)
    status, kind, body = get(server, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain")
    samples = {
        (one.name, *one.labels.values()): one.value for family in text_string_to_metric_families(body) for one in family.samples
    }
    assert samples["frames_total", "solar"] == 3
    assert samples["lag_records",] == 2
    assert (samples["step_seconds_bucket", "0.1"], samples["step_seconds_bucket", "1.0"]) == (0, 1)


def test_exemplars_are_told_to_who_asks_for_openmetrics(server: HealthServer, registry: CollectorRegistry) -> None:
    histogram(Spec("step_seconds", "histogram", "Step.", (), (0.1, 1.0)), registry).observe(0.5, {"trace_id": "0af7"})
    status, kind, body = get(server, "/metrics", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert (status, kind.partition(";")[0]) == (200, "application/openmetrics-text")
    (bucket,) = [sample for family in openmetrics(body) for sample in family.samples if sample.exemplar]
    assert (bucket.labels, bucket.exemplar.labels) == ({"le": "1.0"}, {"trace_id": "0af7"})
    assert "0af7" not in get(server, "/metrics")[2]
    for strange in ("application/openmetrics-text;version=x.y", "text/plain;version=x"):
        assert get(server, "/metrics", strange)[0] == 200


def test_other_paths_are_a_problem_that_lists_the_known(server: HealthServer) -> None:
    status, kind, body = get(server, "/")
    assert (status, kind) == (404, "application/problem+json")
    assert "/readyz" in json.loads(body)["detail"]


def test_a_folder_is_given_the_rest_of_the_path_as_it_was_written(registry: CollectorRegistry) -> None:
    asked: list[str] = []

    def answer(name: str) -> Answer:
        asked.append(name)
        return Answer(202, b"soon", "text/plain")

    server = HealthServer(
        listen("127.0.0.1", 0, "monitor"), registry, lambda: None, {"/v1/state": lambda: b"{}"}, {"/v1/reports/": answer}
    )
    assert get(server, "/v1/reports/a.html?again") == (202, "text/plain", "soon")
    assert get(server, "/v1/reports/../%2e%2e/x")[0] == 202
    assert asked == ["a.html?again", "../%2e%2e/x"]
    assert get(server, "/v1/state")[:2] == (200, "application/json")
    assert get(server, "/v1/reports")[0] == 404
    assert "/v1/reports/" in get(server, "/nowhere")[2]
    server.close()


@pytest.mark.parametrize(("size", "accepted", "packed"), [(300_000, "gzip, br", True), (300_000, "", False), (300, "gzip", False)])
def test_a_large_report_is_packed_for_who_takes_it(registry: CollectorRegistry, size: int, accepted: str, packed: bool) -> None:
    page = b"<p>" * (size // 3)
    server = HealthServer(
        listen("127.0.0.1", 0, "monitor"),
        registry,
        lambda: None,
        folders={"/v1/reports/": lambda _: Answer(200, page, "text/html")},
    )
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/v1/reports/x", headers={"Accept-Encoding": accepted} if accepted else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    server.close()
    assert (answer.getheader("Content-Encoding") == "gzip", answer.getheader("Vary") is not None) == (packed, packed)
    assert (gzip.decompress(body) if packed else body) == page
    assert len(body) < 10_000 or not packed


def test_a_client_that_hangs_up_says_nothing(server: HealthServer, capfd: pytest.CaptureFixture[str]) -> None:
    for sent in (b"", b"GET /met", b"GET /metrics HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
            client.sendall(sent)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # reset, not close
    assert get(server, "/livez")[0] == 200
    assert capfd.readouterr().err == ""


def test_a_bug_in_readiness_is_logged_and_the_server_lives(
    server: HealthServer, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.broken = True
    with caplog.at_level(logging.ERROR), pytest.raises(http.client.RemoteDisconnected):
        get(server, "/readyz")
    service.broken = False
    assert get(server, "/readyz")[0] == 200
    assert [record.getMessage() for record in caplog.records] == ["health_request_failed"]


def test_silent_clients_do_not_keep_others_waiting(server: HealthServer) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(20)]
    assert get(server, "/livez")[0] == 200
    for client in silent:
        client.close()


def test_many_clients_that_drip_keep_nobody_out(server: HealthServer) -> None:
    before = threading.active_count()
    dripping = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(3 * connections.MOST)]
    for client in dripping:
        client.sendall(b"G")
    assert get(server, "/livez")[0] == 200
    assert dripping[0].recv(1) == b""  # made room
    assert threading.active_count() - before < 2 * connections.MOST
    for client in dripping:
        client.close()


def test_a_request_that_takes_too_long_is_cut_off(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WAIT_S", 0.2)
    for sent in (b"GET /livez HTTP/1.1\r\nX: ", b"POST /livez HTTP/1.1\r\nContent-Length: 9\r\n\r\nx="):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
            client.sendall(sent)
            client.recv(1000)  # of a body that never came whole the server may say so first
            assert client.recv(1) == b""
    assert get(server, "/livez")[0] == 200


def test_who_was_let_in_is_not_pushed_out_by_who_was_not(registry: CollectorRegistry) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> bytes:
        begun.set()
        assert go_on.wait(60)
        return b"{}"

    server = HealthServer(listen("127.0.0.1", 0, "monitor"), registry, lambda: None, {"/v1/state": slow})
    got: list[tuple[int, str, str]] = []
    asking = threading.Thread(target=lambda: got.append(get(server, "/v1/state")))
    asking.start()
    assert begun.wait(60)
    dripping = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(2 * connections.MOST)]
    assert dripping[0].recv(1) == b""  # one of their own made room
    go_on.set()
    asking.join()
    assert got[0][0] == 200
    for client in dripping:
        client.close()
    server.close()


def test_strangers_are_not_told_what_it_runs_on(server: HealthServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/livez")
    assert (connection.getresponse().getheader("Server") or "").strip() == "keepsight"
    connection.close()


def test_closing_frees_the_port_and_may_be_repeated(registry: CollectorRegistry) -> None:
    server = HealthServer(listen("127.0.0.1", 0, "monitor"), registry, lambda: None)
    port = server.port
    server.close()
    server.close()
    listen("127.0.0.1", port, "monitor").close()


def test_a_guard_is_asked_before_anything_is_answered(registry: CollectorRegistry) -> None:
    asked: list[tuple[str, str]] = []

    def guard(request: Request) -> Answer | None:
        asked.append((request.path, request.headers.get("authorization", "")))
        assert request.client == "127.0.0.1"
        return (
            None if request.place == "/livez" else Answer(401, b"{}", "application/problem+json", (("WWW-Authenticate", "Bearer"),))
        )

    def never() -> bytes:
        raise AssertionError("refused")

    server = HealthServer(listen("127.0.0.1", 0, "monitor"), registry, lambda: None, {"/page": never}, None, guard)
    assert get(server, "/livez")[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/page?x=1", headers={"Authorization": "Bearer k"})
    response = connection.getresponse()
    assert (response.status, response.getheader("WWW-Authenticate"), response.read()) == (401, "Bearer", b"{}")
    connection.close()
    assert get(server, "/nowhere")[0] == get(server, "/metrics")[0] == 401
    assert asked == [("/livez", ""), ("/page?x=1", "Bearer k"), ("/nowhere", ""), ("/metrics", "")]
    server.close()


@pytest.fixture
def console(registry: CollectorRegistry) -> Iterator[tuple[HealthServer, list[Request]]]:
    """A server with an app, and what the app was asked."""
    asked: list[Request] = []

    def app(request: Request) -> Answer:
        asked.append(request)
        return Answer(200, request.body, "text/plain")

    def guard(request: Request) -> Answer | None:
        return Answer(403, b"", "text/plain") if request.headers.get("x-bad") else None

    server = HealthServer(
        listen("127.0.0.1", 0, "monitor"), registry, lambda: None, {"/v1/state": lambda: b"{}"}, None, guard, {"/console": app}
    )
    yield server, asked
    server.close()


def post(server: HealthServer, path: str, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_app_answers_all_below_its_path_with_the_body(console: tuple[HealthServer, list[Request]]) -> None:
    server, asked = console
    assert get(server, "/console")[0] == get(server, "/console/a?b=c")[0] == 200
    assert get(server, "/consoles")[0] == 404
    assert post(server, "/console/a?b", b"x=1", {"Content-Length": "3", "X-Name": "v"}) == 200
    assert [(one.method, one.path, one.place, one.body) for one in asked] == [
        ("GET", "/console", "/console", b""),
        ("GET", "/console/a?b=c", "/console/a", b""),
        ("POST", "/console/a?b", "/console/a", b"x=1"),
    ]
    assert asked[2].headers["x-name"] == "v"


def test_what_is_posted_is_bounded_asked_for_and_guarded(console: tuple[HealthServer, list[Request]]) -> None:
    server, asked = console
    for length in ("", "-1", "x", "1, 1"):
        assert post(server, "/console", b"", {"Content-Length": length}) == 411
    assert post(server, "/console", b"", {}) == 411
    assert post(server, "/console", b"", {"Content-Length": "1", "Transfer-Encoding": "chunked"}) == 411
    assert post(server, "/console", b"", {"Content-Length": str(health.MAX_BODY + 1)}) == 413
    assert post(server, "/console", b"", {"Content-Length": "9" * 5000}) == 413
    assert post(server, "/console", b"x", {"Content-Length": "1", "X-Bad": "1"}) == 403
    for other in ("/v1/state", "/metrics", "/livez", "/nowhere"):
        assert post(server, other, b"x", {"Content-Length": "1"}) == 405
    assert asked == []


def test_half_a_body_is_no_request(console: tuple[HealthServer, list[Request]]) -> None:
    server, asked = console
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(b"POST /console/jobs/ask HTTP/1.1\r\nContent-Length: 40\r\n\r\ntoken=t&by=ada&reason=the li")
        client.shutdown(socket.SHUT_WR)  # as the server does where a client takes too long
        assert client.recv(1000).startswith(b"HTTP/1.0 400 ")
    assert asked == []


def test_no_page_is_taken_for_what_it_is_not(server: HealthServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/livez")
    assert connection.getresponse().getheader("X-Content-Type-Options") == "nosniff"
    connection.close()
