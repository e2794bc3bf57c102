"""Real Prometheus and Alertmanager on the committed rules and configuration, and a webhook that keeps what they say. A minute of waiting is a second here."""

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode

import yaml

from standalone.house import free_ports
from tests.alert_rules import DASHBOARDS, FILES, program

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
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
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
    """Alertmanager, and with `scrapes` (job to port) Prometheus, in a folder."""

    def __init__(
        self, folder: Path, scrapes: Mapping[str, int] | None = None, group_wait_s: int = 1, group_interval_s: int = 1
    ) -> None:
        self.webhook = Webhook()
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        prometheus, alertmanager = free_ports(2)
        self.alertmanager, self.prometheus = f"http://127.0.0.1:{alertmanager}", f"http://127.0.0.1:{prometheus}"
        config = self._alertmanager(group_wait_s, group_interval_s)
        at = ("--web.listen-address", f"127.0.0.1:{alertmanager}", "--cluster.listen-address=")
        store = ("--config.file", str(config), "--storage.path", str(folder / "alertmanager"))
        self._start(program("prometheus-alertmanager", "prometheus-alertmanager"), *store, *at)
        if scrapes is not None:
            config = self._prometheus(scrapes, f"127.0.0.1:{alertmanager}")
            store = ("--config.file", str(config), "--storage.tsdb.path", str(folder / "prometheus"))
            at = ("--web.listen-address", f"127.0.0.1:{prometheus}", "--rules.alert.resend-delay=1s")
            self._start(program("prometheus", "prometheus"), *store, *at)

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

    def asked(self, query: str) -> list[Any]:
        """What Prometheus answers to a query."""
        answer = self.get(f"{self.prometheus}/api/v1/query?{urlencode({'query': query})}")
        return list(answer["data"]["result"]) if answer else []

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)
        self.webhook.close()

    def _start(self, *command: str) -> None:
        with (self._folder / f"{Path(command[0]).name}.log").open("wb") as log:
            self._processes.append(subprocess.Popen([*command, "--log.level=warn"], stdout=log, stderr=log))

    def _alertmanager(self, group_wait_s: int, group_interval_s: int) -> Path:
        """The committed configuration with our webhook for all receivers, and less waiting."""
        config = yaml.safe_load((DASHBOARDS / "alertmanager" / "alertmanager.yaml").read_text())
        for receiver in config["receivers"]:
            receiver.pop("pagerduty_configs", None)
            receiver.pop("email_configs", None)
            for webhook in receiver["webhook_configs"]:
                webhook["url"] = webhook["url"].replace("http://localhost:5001", self.webhook.url)
        for route in (config["route"], *config["route"]["routes"]):
            route |= {"group_wait": f"{group_wait_s}s", "group_interval": f"{group_interval_s}s"}
        return self._written("alertmanager.yaml", config)

    def _prometheus(self, scrapes: Mapping[str, int], alertmanager: str) -> Path:
        """The committed configuration with these targets, every second, and the committed rules with less waiting."""
        config = yaml.safe_load((DASHBOARDS / "prometheus" / "prometheus.yaml").read_text())
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in scrapes]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [f"127.0.0.1:{scrapes[job['job_name']]}"]}]
        config["rule_files"] = [str(self._written(path.name, _hurried(yaml.safe_load(path.read_text())))) for path in FILES]
        return self._written("prometheus.yaml", config)

    def _written(self, name: str, content: object) -> Path:
        path = self._folder / name
        path.write_text(yaml.safe_dump(content, width=1_000_000))
        return path


def _hurried(rules: dict[str, Any]) -> dict[str, Any]:
    for group in rules["groups"]:
        for rule in group["rules"]:
            for wait in ("for", "keep_firing_for"):
                if wait in rule:
                    rule[wait] = f"{int(rule[wait][:-1]) * _SCALE[rule[wait][-1]]}s"
    return rules
