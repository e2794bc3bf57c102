"""A genuine Prometheus for tests, Debian's program by hand: our own configuration and rules, with the addresses of the test's services."""

import atexit
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from standalone.house import free_ports
from tests.alert_rules import DASHBOARDS, program

PATIENCE_S: Final = 120.0
CONFIGURATION: Final = DASHBOARDS / "prometheus" / "prometheus.yaml"


class Cost(NamedTuple):
    """What a query takes: Prometheus' time for it, the samples that it reads, and the series of its answer."""

    seconds: float
    samples: int
    series: int


class Prometheus:
    """A server on `folder` that scrapes `targets` (addresses by job) `every` so often. `alertmanager`: an address that alerts go to; `rule`: what becomes
    of each of our rules."""

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, Sequence[str]],
        alertmanager: str = "",
        every: str = "2s",
        rule: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        self._folder, self._every = folder, every
        (self.port,) = free_ports(1)
        folder.mkdir(parents=True, exist_ok=True)
        config = yaml.safe_load(CONFIGURATION.read_text())
        config["global"] = {"scrape_interval": every, "evaluation_interval": every}
        config["rule_files"] = [self._written(CONFIGURATION.parent / path, rule) for path in config["rule_files"]]
        (found,) = config["alerting"]["alertmanagers"][0]["static_configs"]
        found["targets"] = [alertmanager] if alertmanager else []
        assert {job["job_name"] for job in config["scrape_configs"]} >= set(targets)
        config["scrape_configs"] = [job for job in config["scrape_configs"] if job["job_name"] in targets]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": list(targets[job["job_name"]])}]
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._start()

    def _written(self, path: Path, rule: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
        """A file of rules as this server reads it."""
        content = yaml.safe_load(path.read_text())
        for group in content["groups"]:
            group["rules"] = [rule(one) for one in group["rules"]]
        place = self._folder / path.name
        place.write_text(yaml.safe_dump(content, width=1_000_000))
        return str(place)

    def _start(self) -> None:
        where = f"127.0.0.1:{self.port}"
        options = {
            "config.file": self._folder / "prometheus.yaml",
            "storage.tsdb.path": self._folder / "data",
            "web.listen-address": where,
            "log.level": "warn",
            "rules.alert.resend-delay": self._every,
            "enable-feature": "exemplar-storage",
        }
        command = [program("prometheus", "prometheus"), *(f"--{key}={value}" for key, value in options.items())]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        atexit.register(self._process.kill)  # a test that fails leaves none behind
        deadline = time.monotonic() + PATIENCE_S
        while not self._ready():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.05)

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """What an instant query answers now: each series with its `metric` and `value`. Fails with Prometheus' word for a bad one."""
        found: list[dict[str, Any]] = self._asked(expr)["result"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are pending or fire, as Prometheus itself has them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=PATIENCE_S) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["alerts"]
            return found

    def cost(self, expr: str) -> Cost:
        """What an instant query takes."""
        data = self._asked(expr, stats="all")
        stats = data["stats"]
        return Cost(stats["timings"]["evalTotalTime"], stats["samples"]["totalQueryableSamples"], len(data["result"]))

    def _asked(self, expr: str, **more: str) -> dict[str, Any]:
        body = urllib.parse.urlencode({"query": expr, **more}).encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query", body, timeout=PATIENCE_S) as answer:
                data: dict[str, Any] = json.loads(answer.read())["data"]
                return data
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}\n{json.loads(error.read())['error']}") from error

    def exemplars(self, expr: str) -> list[dict[str, str]]:
        """The labels of the exemplars that Prometheus has of a query's series, of the last five minutes."""
        now = time.time()
        query = urllib.parse.urlencode({"query": expr, "start": now - 300, "end": now + 1})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query_exemplars?{query}", timeout=PATIENCE_S) as answer:
            return [one["labels"] for found in json.load(answer)["data"] for one in found["exemplars"]]

    def figures(self, expr: str) -> list[float]:
        """The values of a query's answer, of every series."""
        return [float(found["value"][1]) for found in self.ask(expr)]

    def until(self, expr: str) -> list[dict[str, Any]]:
        """What a query answers, once it has an answer."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := self.ask(expr)):
            assert time.monotonic() < deadline, f"no answer to {expr}"
            time.sleep(0.1)
        return found

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
