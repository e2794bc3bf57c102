"""Every query of every dashboard is asked of a real Prometheus that scraped the three services at work, and returns data: figures, not
"not a number".

Serving answers real frames, and refuses some; the monitor judges a line that drifts and goes wrong; retrain trains, publishes and takes back what does worse.
What would take months (a certificate that ends, a mirror that is away) is set on the services' own instruments and scraped like the rest.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest
from prometheus_client import CollectorRegistry

from contracts import events, metrics_process, metrics_retrain
from contracts.events import RolloutAdvanced
from contracts.health import HealthServer
from contracts.listener import listen
from contracts.log import open_bus
from contracts.metrics import counter
from monitor.exports import Exports
from monitor.overview import CameraView, Overview
from retrain.metrics import Instruments as RetrainInstruments
from serving.telemetry.instruments import Instruments as ServingInstruments
from tests import retrain_house
from tests.alert_rules import program
from tests.dashboards import Asked, queries
from tests.monitor_line import Line, other, usual
from tests.prometheus_server import PATIENCE_S, Prometheus
from tests.serving_process import ServingProcess, eventually
from tests.small_model import photographs

CAMERAS = ("cam-1", "cam-2", "cam-3")


def rare(things: ExitStack) -> dict[str, str]:
    """What is rare, on the services' own instruments: the address of each job's."""
    serving, monitor, retrain = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    for registry, service in ((serving, "serving"), (monitor, "monitor"), (retrain, "retrain")):
        metrics_process.export(registry, service, "rare")
    instruments = ServingInstruments(serving)
    instruments.certificate_expiry.set(time.time() + 30 * 86_400)
    instruments.invalid_outputs.inc("rare", "1")
    exports = Exports(monitor, "rare", lambda _: {})
    exports.role(True)
    replay = {"alarms": 1.0, "camera_months": 2.0}
    camera = CameraView("gate", "yard", "quiet", "1", {"frames": 1}, 1, 0.0, 0.5, {}, replay=replay)
    exports.show(Overview("rare", "1", 0.0, {}, [camera], [], [], {}))
    training = RetrainInstruments(retrain)
    training.active.labels("rare").set(1)
    for verdict in ("fail", "inconclusive"):
        training.gates.labels("slices", verdict).inc()
    counter(metrics_retrain.MLFLOW, retrain).labels("failed").inc()
    addresses = {}
    for registry, service in ((serving, "serving"), (monitor, "monitor"), (retrain, "retrain")):
        server = HealthServer(listen("127.0.0.1", 0, service), registry, lambda: None)
        things.callback(server.close)
        addresses[service] = f"127.0.0.1:{server.port}"
    return addresses


def start_monitor(home: Path, serving: ServingProcess, things: ExitStack) -> str:
    """The monitor's process on serving's log and repository; its address."""
    settings = home / "monitor.toml"
    shared = {"log": serving.log, "repository": serving.repository, "state": str(home / "monitor"), "model": "small"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**shared, "frame_store": str(home / "frames")}.items()]
    own = {"port": 0, "block_frames": 16, "confirm_blocks": 3, "merge_wait_s": 0.3, "save_every_s": 0.05, "reports": False}
    settings.write_text("\n".join([*lines, "[monitor]", *(f"{key} = {json.dumps(value)}" for key, value in own.items())]))
    said = home / "monitor.log"
    with said.open("ab") as errors:
        process = subprocess.Popen([sys.executable, "-m", "monitor", "--settings", str(settings)], stderr=errors)
    things.callback(lambda: (process.kill(), process.wait(60)))

    def started() -> list[int]:
        lines = [json.loads(line) for line in said.read_text().split("\n")[:-1] if line.startswith("{")]
        return [line["port"] for line in lines if line["event"] == "started"]

    return f"127.0.0.1:{eventually('the monitor listens', started)[0]}"


def story(serving: ServingProcess, line: Line) -> None:
    """A line that runs well, then sees what it never saw, and is told that it is wrong."""
    bus = open_bus(serving.log)
    bus.ensure_topics(events.TOPICS)
    for pool, each in ((usual(), 60), (other(), 80)):
        frames = list(line.pass_by(CAMERAS, each, pool))
        labels = [line.label(frame, right=pool is usual() or number % 3 == 0) for number, frame in enumerate(frames)]
        bus.publish([events.encode(fact, "test") for fact in (*frames, *labels)])
    bus.close()


def send_frames(serving: ServingProcess) -> None:
    """Frames that are answered, one that is broken, one of a stranger."""
    for content in photographs(6)[0]:
        for camera in ("line-1", "line-2"):
            serving.answered(content, camera)
    assert serving.frame(b"\xff\xd8\xff\xe0 no picture").status >= 400
    assert serving.frame(photographs(1)[0][0], "a-stranger").status >= 400


@contextmanager
def cameras_at_work(serving: ServingProcess) -> Iterator[None]:
    """Frames between any two scrapes: a rate is of what happens while somebody looks."""
    over = Event()

    def work() -> None:
        while not over.wait(0.2):
            send_frames(serving)

    with ThreadPoolExecutor(1) as cameras:
        working = cameras.submit(work)
        try:
            yield
        finally:
            over.set()
        working.result()


def take_back(house: retrain_house.House) -> None:
    """A run whose version does worse in its canary than the champion."""
    gate = {"gate": "gain", "verdict": "pass", "value": 0.1, "limit": 0.0, "detail": "ten points more"}
    verdict = {"verdict": "packaged", "reason": "all gates passed", "gates": [gate]}
    (house.gates / "verdict").write_text(json.dumps(verdict))
    since = time.time()
    house.publish(house.request(since), *(house.label(since + i * 0.001, retrain_house.CAMERAS[i % 3]) for i in range(20)))
    house.until(
        lambda: any(isinstance(event, RolloutAdvanced) and event.state == "rolled_back" for event in house.events), "the rollback"
    )


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program("prometheus", "prometheus")
    with ExitStack() as things:
        home = tmp_path_factory.mktemp("house")
        line = Line(home, start=time.time() - 60)
        serving = ServingProcess(home)
        retrain = retrain_house.House(tmp_path_factory.mktemp("retrain"), canary_frames="100000")
        retrain.confidence = 0.55
        things.callback(retrain.close)
        retrain.start()
        things.callback(retrain.kill)
        monitor = start_monitor(home, serving, things)
        serving.start()
        things.callback(serving.kill)
        seldom = rare(things)
        eventually("retrain listens", lambda: retrain.address)
        targets = {
            "keepsight-serving": [f"127.0.0.1:{serving.port}", seldom["serving"]],
            "keepsight-monitor": [monitor, seldom["monitor"]],
            "keepsight-retrain": [retrain.address, seldom["retrain"]],
        }
        server = Prometheus(home / "prometheus", targets)
        things.callback(server.close)
        server.until('count(up{job=~"keepsight-.*"} == 1) == 6')
        server.until('keepsight_monitor_active{model="small"} == 1')
        story(serving, line)
        send_frames(serving)
        take_back(retrain)
        things.enter_context(cameras_at_work(serving))
        yield server


@pytest.mark.timeout(400)  # the setup counts: four services start
def test_every_query_returns_data(prometheus: Prometheus) -> None:
    """A rate needs two scrapes, an alert two evaluations: what has no answer yet is asked again."""
    silent: list[Asked] = list(queries())
    assert len(silent) > 100
    deadline = time.monotonic() + PATIENCE_S
    while silent and time.monotonic() < deadline:
        silent = [asked for asked in silent if not any(map(math.isfinite, prometheus.figures(asked.filled)))]
        time.sleep(0.2)
    assert not silent, "\n".join(f"{one.board} / {one.panel}\n    {one.filled}" for one in silent)
