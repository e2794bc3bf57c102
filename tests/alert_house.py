"""Real Prometheus and Alertmanager on the committed rules and configuration, and a webhook that keeps what they say. A minute of waiting is a second here."""

import atexit
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import yaml

from standalone.house import free_ports
from tests.alert_rules import DASHBOARDS, program
from tests.prometheus_server import Prometheus

T = TypeVar("T")
PATIENCE_S: Final = 120.0
_SCALE: Final = {"s": 0, "m": 1, "h": 60, "d": 1440}
"""Seconds here, of a unit of time there."""


def eventually(what: str, look: Callable[[], T]) -> T:
    """The first thing that `look` sees; fails after two minutes."""
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what}: not after {PATIENCE_S:g} s"
        threading.Event().wait(0.05)
    return seen


class Message(NamedTuple):
    """What a receiver was told: a notification of Alertmanager's webhook, version 4."""

    receiver: str
    body: dict[str, Any]

    def alerts(self, status: str, **labels: str) -> list[dict[str, Any]]:
        """Its alerts that are `firing` or `resolved` ("": either) and have these labels."""
        return [one for one in self.body["alerts"] if status in ("", one["status"]) and labels.items() <= one["labels"].items()]


class Webhook:
    """A server that answers 200 and keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        kept = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                kept.append(Message(self.path.strip("/"), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def told(self, receiver: str, status: str, **labels: str) -> list[dict[str, Any]]:
        """All alerts that a receiver was told, in order."""
        return [one for message in list(self.messages) if message.receiver == receiver for one in message.alerts(status, **labels)]

    def close(self) -> None:
        """No more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class AlertHouse:
    """Alertmanager, and with `scrapes` (job to port) Prometheus, in a folder. `sooner`: what else is shorter here in the rules' queries."""

    def __init__(
        self,
        folder: Path,
        scrapes: Mapping[str, int] | None = None,
        group_wait_s: int = 1,
        group_interval_s: int = 1,
        sooner: Mapping[str, str] | None = None,
    ) -> None:
        self.webhook = Webhook()
        (port,) = free_ports(1)
        self.alertmanager = f"http://127.0.0.1:{port}"
        config = folder / "alertmanager.yaml"
        config.write_text(yaml.safe_dump(self._alertmanager(group_wait_s, group_interval_s)))
        at = ("--web.listen-address", f"127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=warn")
        store = ("--config.file", str(config), "--storage.path", str(folder / "alertmanager"))
        command = [program("prometheus-alertmanager", "prometheus-alertmanager"), *store, *at]
        with (folder / "alertmanager.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        atexit.register(self._process.kill)  # a test that fails leaves none behind
        eventually("Alertmanager", lambda: self.get(f"{self.alertmanager}/api/v2/status"))
        self._prometheus: Prometheus | None = None
        if scrapes is not None:
            targets = {job: [f"127.0.0.1:{port}"] for job, port in scrapes.items()}
            hurried = partial(_hurried, sooner or {})
            self._prometheus = Prometheus(folder / "prometheus", targets, f"127.0.0.1:{port}", "1s", hurried)

    @property
    def prometheus(self) -> Prometheus:
        """Where there are `scrapes`."""
        assert self._prometheus is not None
        return self._prometheus

    def post(self, alerts: Sequence[Mapping[str, object]]) -> None:
        """Hand alerts to Alertmanager as Prometheus does."""
        request = urllib.request.Request(
            f"{self.alertmanager}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    def get(self, url: str) -> Any:
        """JSON that one of them answers; None while it does not listen yet."""
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)
        except OSError:
            return None

    def close(self) -> None:
        """End them."""
        if self._prometheus is not None:
            self._prometheus.close()
        self._process.terminate()
        self._process.wait(60)
        self.webhook.close()

    def _alertmanager(self, group_wait_s: int, group_interval_s: int) -> dict[str, Any]:
        """The committed configuration with our webhook for all receivers, and less waiting."""
        config: dict[str, Any] = yaml.safe_load((DASHBOARDS / "alertmanager" / "alertmanager.yaml").read_text())
        for receiver in config["receivers"]:
            receiver.pop("pagerduty_configs", None)
            receiver.pop("email_configs", None)
            for webhook in receiver["webhook_configs"]:
                webhook["url"] = webhook["url"].replace("http://localhost:5001", self.webhook.url)
        for route in (config["route"], *config["route"]["routes"]):
            route |= {"group_wait": f"{group_wait_s}s", "group_interval": f"{group_interval_s}s"}
        return config


def _hurried(sooner: Mapping[str, str], rule: dict[str, Any]) -> dict[str, Any]:
    waits = {key: f"{int(rule[key][:-1]) * _SCALE[rule[key][-1]]}s" for key in ("for", "keep_firing_for") if key in rule}
    query: str = rule["expr"]
    for long, short in sooner.items():
        query = query.replace(long, short)
    return {**rule, **waits, "expr": query}
