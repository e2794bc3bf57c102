"""The mirror's thread: nobody waits for MLflow, what fails is tried again, what is refused is not, and what waits is bounded."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client import CollectorRegistry

from contracts.errors import StoreError
from contracts.logs import Logger
from retrain.registry.mirroring import WAITING, Api, Mirroring
from retrain.registry.mlflow import Finished, RefusedError


def ended(number: int) -> Finished:
    return Finished(str(number), "0", "stable", "", "retrain", float(number))


class Slate:
    """A mirror that answers as told, and says when it was asked."""

    def __init__(self, answer: Callable[[Finished], None]) -> None:
        self._answer = answer
        self.asked: list[str] = []
        self.more = threading.Condition()

    def mirror(self, finished: Finished) -> None:
        with self.more:
            self.asked.append(finished.version)
            self.more.notify_all()
        self._answer(finished)

    def until(self, count: int) -> None:
        with self.more:
            assert self.more.wait_for(lambda: len(self.asked) >= count, 30)


def counts(registry: CollectorRegistry) -> dict[str, float]:
    found = {outcome: registry.get_sample_value("keepsight_rollout_mlflow_total", {"outcome": outcome}) for outcome in OUTCOMES}
    return {outcome: value for outcome, value in found.items() if value}


OUTCOMES = ("mirrored", "failed", "refused", "dropped")


def test_what_fails_is_tried_again_in_order_and_what_is_refused_is_not() -> None:
    left = {"1": 2}

    def answer(finished: Finished) -> None:
        if left.get(finished.version, 0):
            left[finished.version] -= 1
            raise StoreError("away")
        if finished.version == "2":
            raise RefusedError("INVALID_PARAMETER_VALUE", "no such thing")
        if finished.version == "3":
            raise KeyError("run")
        if finished.version == "4":
            raise AttributeError("'list' object has no attribute 'get'")

    registry, slate = CollectorRegistry(), Slate(answer)
    mirroring = Mirroring(slate, registry, Logger("test"), first_s=0.0)
    for number in (1, 2, 3, 4, 5):
        mirroring.tell(ended(number))
    slate.until(7)
    mirroring.close()
    assert slate.asked == ["1", "1", "1", "2", "3", "4", "5"]
    assert counts(registry) == {"mirrored": 2, "failed": 2, "refused": 3}


def test_while_mlflow_hangs_nobody_waits_and_the_oldest_are_dropped_and_counted() -> None:
    answered, registry = threading.Event(), CollectorRegistry()
    slate = Slate(lambda _: (answered.wait(30), None)[1])
    mirroring = Mirroring(slate, registry, Logger("test"))
    mirroring.tell(ended(0))
    slate.until(1)
    for number in range(1, WAITING + 4):
        mirroring.tell(ended(number))
    assert counts(registry) == {"dropped": 3}
    answered.set()
    slate.until(WAITING + 1)
    mirroring.close()
    assert slate.asked == ["0", *(str(number) for number in range(4, WAITING + 4))]


def test_it_stops_while_mlflow_is_away_and_something_waits() -> None:
    def away(_: Finished) -> None:
        raise StoreError("away")

    slate = Slate(away)
    mirroring = Mirroring(slate, CollectorRegistry(), Logger("test"), first_s=300.0)
    mirroring.tell(ended(0))
    slate.until(1)
    for number in range(1, WAITING + 1):
        mirroring.tell(ended(number))
    mirroring.close()
    assert slate.asked == ["0"]


class Handler(BaseHTTPRequestHandler):
    """Answers by the path's first part: a status, and a body."""

    def do_GET(self) -> None:
        status, _, body = self.path.partition("/api/2.0/mlflow/")[2].partition("/")
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        length = int(self.headers.get("Content-Length", 0))
        self.server.seen.append(self.rfile.read(length))  # type: ignore[attr-defined]
        self.send_response(int(status))
        self.send_header("Location", "/api/2.0/mlflow/200/moved")
        self.end_headers()
        self.wfile.write(BODIES.get(body.partition("?")[0], b"{}"))

    do_POST = do_DELETE = do_GET  # noqa: N815  # the names that the server looks for

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


BODIES = {
    "said": b'{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "it is there"}',
    "page": b"<html>please log in</html>",
    "list": b"[1]",
    "moved": b'{"moved": true}',
    "answer": b'{"run": 1}',
}


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_calls_carry_their_arguments_and_the_token(server: HTTPServer) -> None:
    api = Api(f"http://127.0.0.1:{server.server_port}/", "s3cret")
    assert api("GET", "200/answer", {"name": "a b"}) == {"run": 1}
    assert api("POST", "200/answer", {"name": "ü"}) == {"run": 1}
    first, _, _, body = server.seen  # type: ignore[attr-defined]
    assert first == ("GET", "/api/2.0/mlflow/200/answer?name=a+b", "Bearer s3cret")
    assert json.loads(body) == {"name": "ü"}


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("400/said", "RESOURCE_ALREADY_EXISTS", "it is there"),
        ("403/page", "403", "please log in"),
        ("404/list", "404", "[1]"),
        ("302/said", "RESOURCE_ALREADY_EXISTS", "it is there"),  # and the token goes nowhere else
    ],
)
def test_a_no_is_refused_with_what_was_said(server: HTTPServer, path: str, code: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message.replace("[", r"\[")) as refused:
        Api(f"http://127.0.0.1:{server.server_port}", "")("POST", path, {})
    assert refused.value.code == code
    assert len(server.seen) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["500/said", "503/page", "429/said", "408/said", "200/page"])
def test_what_may_pass_is_tried_again(server: HTTPServer, path: str) -> None:
    with pytest.raises(StoreError, match="MLflow at http"):
        Api(f"http://127.0.0.1:{server.server_port}", "")("GET", path, {})


def test_an_address_where_nobody_is_counts_as_away(server: HTTPServer) -> None:
    with pytest.raises(StoreError, match="does not answer"):
        Api("http://127.0.0.1:1", "")("GET", "200/answer", {})
