"""What `helm test` runs, run: it waits for a service that is still coming, says what each answers, and fails for one that never does."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.chart import NAME, pods

ARGUMENTS = pods("minimal")[f"Pod/{NAME}-test"]["spec"]["containers"][0]["args"]


class Starting(BaseHTTPRequestHandler):
    """Lives, and is not ready."""

    def do_GET(self) -> None:
        ready = self.path == "/livez"
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "ok" if ready else "not ready"}).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def bound() -> Iterator[HTTPServer]:
    """A server with a port that refuses until it listens."""
    server = HTTPServer(("127.0.0.1", 0), Starting, bind_and_activate=False)
    server.server_bind()
    try:
        yield server
    finally:
        server.server_close()


def ask(wait_s: str, place: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, *ARGUMENTS[1:3], wait_s, place], stdout=subprocess.PIPE, text=True)


def test_its_arguments_are_a_time_within_helms_own_and_three_places() -> None:
    assert ARGUMENTS[:2] == ["python", "-c"]
    assert float(ARGUMENTS[3]) + 6 * 10 <= 300, "helm test waits five minutes"
    assert len(ARGUMENTS[4:]) == 3


def test_it_waits_for_who_is_late_and_not_being_ready_fails_nothing() -> None:
    with bound() as server:
        place = f"127.0.0.1:{server.server_port}"
        with ask("60", place) as asking:
            server.server_activate()
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            said = asking.communicate(timeout=60)[0]
        server.shutdown()
    assert asking.returncode == 0
    assert said == f'http://{place}/livez {{"status": "ok"}}\nhttp://{place}/readyz 503 {{"status": "not ready"}}\n'


def test_who_never_answers_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with ask("0", place) as asking:
            said = asking.communicate(timeout=60)[0]
    assert asking.returncode == 1
    assert f"http://{place}/livez does not answer: " in said
