"""The way of an alert: real services, real Prometheus with the committed rules, real Alertmanager with the committed configuration, a webhook; and back."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from sklearn.datasets import load_sample_images

from contracts import events
from contracts.events import IncidentUpdated
from contracts.log import open_bus
from standalone.house import free_ports
from tests.alert_house import AlertHouse, eventually
from tests.alert_rules import DASHBOARDS
from tests.monitor_line import black
from tests.serving_process import Load, ServingProcess
from tests.small_model import photographs, publish_small_version

CAMERAS = {"belt-1": {"site": "hall 2"}, "belt-2": {"site": "hall 2"}}
INHIBITIONS: list[dict[str, Any]] = yaml.safe_load((DASHBOARDS / "alertmanager" / "alertmanager.yaml").read_text())["inhibit_rules"]


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[Callable[..., AlertHouse]]:
    made: list[AlertHouse] = []

    def make(**given: Any) -> AlertHouse:
        made.append(AlertHouse(tmp_path, **given))
        return made[-1]

    yield make
    for house in made:
        house.close()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[tuple[ServingProcess, int]]:
    """Serving, not started and without a version, and the port of the monitor of the same house."""
    serving_port, monitor_port = free_ports(2)
    home = tmp_path / "house"
    home.mkdir()
    serving = ServingProcess(home, cameras=CAMERAS, port=serving_port, spool_max_bytes=1 << 20)
    serving.write_settings()
    settings = home / "monitor.toml"
    shared = (home / "keepsight.toml").read_text().split("[serving]")[0]
    settings.write_text(
        f"{shared}[monitor]\nport = {monitor_port}\nfault_frames = 5\nhealthy_frames = 5\nmerge_wait_s = 0.2\n"
        "save_every_s = 0.1\nreports = false\n"
    )
    with (home / "monitor.log").open("wb") as log:
        monitor = subprocess.Popen([sys.executable, "-m", "monitor", "--settings", str(settings)], stderr=log)
    yield serving, monitor_port
    serving.stop()
    monitor.terminate()
    try:
        monitor.wait(60)
    finally:
        monitor.kill()


def publish(serving: ServingProcess) -> None:
    """A version. Its reference is too small to calibrate limits of drift, which takes a second and is not looked for here."""
    content, truth = photographs(48)
    publish_small_version(serving.repository, serving.model, reference=(content, truth.tolist()))


def alive() -> list[bytes]:
    """What a camera sends that looks at one thing: one picture, with a sensor's noise."""
    random, picture = np.random.default_rng(5), load_sample_images().images[0][100:196, 100:196, ::-1]
    noisy = [(picture + random.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8) for _ in range(40)]
    return [cv2.imencode(".jpg", one)[1].tobytes() for one in noisy]


def the_page(serving: ServingProcess) -> IncidentUpdated:
    """What the monitor said when the incident became a page."""
    bus = open_bus(serving.log)
    reader = bus.reader(None, [events.INCIDENTS])
    said = [events.decode(record) for record in reader.poll(5.0)]
    reader.close()
    bus.close()
    return next(one for one in said if isinstance(one, IncidentUpdated) and one.incident.severity == "page")


@pytest.mark.timeout(240)
def test_a_lens_that_is_covered_and_a_server_that_dies_reach_the_on_call_and_end(
    services: tuple[ServingProcess, int], make_house: Callable[..., AlertHouse], tmp_path: Path
) -> None:
    serving, monitor_port = services
    publish(serving)
    serving.start()
    house = make_house(scrapes={"keepsight-serving": serving.port, "keepsight-monitor": monitor_port})
    told = house.webhook.told
    frames = alive()
    with Load(serving, frames, list(CAMERAS), every_s=0.1):
        eventually("the dead man's alert", lambda: told("watchdog", "firing", alertname="KeepsightWatchdog"))
        eventually("the first frames", lambda: house.prometheus.ask('keepsight_monitor_frames{fate="frames"} > 80'))
    assert told("page", "firing", alertname="KeepsightIncident") == []

    with Load(serving, black(), list(CAMERAS), every_s=0.1):
        (first, *_) = eventually("the page", lambda: told("page", "firing", alertname="KeepsightIncident"))
    incident = the_page(serving).incident
    since = datetime.fromtimestamp(int(incident.since), UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    assert first["labels"] == {
        "alertname": "KeepsightIncident",
        "model": "small",
        "incident": incident.incident_id,
        "cause": "camera_fault",
        "severity": "page",
    }
    assert first["annotations"] == {
        "summary": incident.headline,
        "description": (
            f"Model small, since {since}. Site: hall 2. Cameras: {', '.join(incident.cameras)}. Effect: answers from these pictures cannot be relied on; "
            f"nothing is judged or trained on them meanwhile. Next: {incident.action}"
        ),
        "incident_url": f"http://localhost:8081/console/incidents/{incident.incident_id}",
        "runbook_url": "http://localhost:8081/console/runbooks/KeepsightIncident",
        "dashboard_url": "http://localhost:3000/d/keepsight-model?var-model=small",
    }
    assert incident.headline.startswith("Each of belt-")
    with Load(serving, frames, list(CAMERAS), every_s=0.1):
        eventually("the end of it", lambda: told("page", "resolved", alertname="KeepsightIncident"))

    assert all(one["labels"] == first["labels"] for one in told("page", "firing", alertname="KeepsightIncident"))

    serving.kill()
    words = {
        "summary": "none of the targets of keepsight-serving answers Prometheus (1 of them)",
        "description": f"Cameras are probably not answered. Down: 127.0.0.1:{serving.port}",
        "runbook_url": "http://localhost:8081/console/runbooks/KeepsightTargetDown",
        "dashboard_url": "http://localhost:3000/d/keepsight-meta",
    }

    def newest() -> dict[str, Any]:
        return next(iter(reversed(told("page", "", alertname="KeepsightTargetDown", job="keepsight-serving"))), {})

    eventually("the page that nobody answers", lambda: newest().get("status") == "firing" and newest()["annotations"] == words)
    serving.start()
    eventually("all is well again", lambda: newest().get("status") == "resolved")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_server_without_a_version_and_a_log_that_is_away_page_too(
    services: tuple[ServingProcess, int], make_house: Callable[..., AlertHouse]
) -> None:
    serving, monitor_port = services
    serving.start(ready=False)
    house = make_house(scrapes={"keepsight-serving": serving.port, "keepsight-monitor": monitor_port})

    def page(name: str, status: str = "firing") -> dict[str, Any]:
        (first, *_) = eventually(f"{name} {status}", lambda: house.webhook.told("page", status, alertname=name))
        assert first["annotations"]["runbook_url"].endswith(f"/{name}")
        told: dict[str, Any] = first["annotations"]
        return told

    def words(name: str) -> str:
        return " ".join(
            one["annotations"]["description"] for one in house.prometheus.alerts() if one["labels"]["alertname"] == name
        )

    eventually("a monitor that reads", lambda: house.prometheus.ask("keepsight_monitor_active == 1"))
    with Load(serving, alive(), list(CAMERAS), every_s=0.1):
        assert page("KeepsightServingNotReady")["summary"].startswith(f"127.0.0.1:{serving.port} answers no frames")
        burns = page("KeepsightAvailabilityBurn")
        assert burns["summary"].startswith("100% of frames were not answered in the last hour")
        assert f"Most of it now: not-ready on 127.0.0.1:{serving.port} (model small)." in burns["description"]

        log = sqlite3.connect(serving.home / "log" / "log.sqlite3", isolation_level=None, timeout=60)
        log.execute("BEGIN IMMEDIATE")
        publish(serving)
        page("KeepsightServingNotReady", "resolved")
        assert "of model small are answered, and none is judged" in page("KeepsightMonitoringBlind")["summary"]
        # The server gives a write some seconds before it calls the log away; then the alert says so.
        eventually(
            "where to begin",
            lambda: "The log takes nothing from 1 of its servers: begin there." in words("KeepsightMonitoringBlind"),
        )
    # Not as fast as they can: what is half full for a second and full in the next is told as loss only.
    with Load(serving, alive(), list(CAMERAS), every_s=0.02):
        assert page("KeepsightSpoolFilling")["summary"].startswith(
            f"127.0.0.1:{serving.port} keeps events that the log does not take"
        )
        assert page("KeepsightEventsDropped")["summary"].startswith(f"127.0.0.1:{serving.port} loses events: ")
    log.close()
    with Load(serving, alive(), list(CAMERAS), every_s=0.1):
        page("KeepsightMonitoringBlind", "resolved")


def labels_of(matchers: list[str], choice: int) -> dict[str, str]:
    """Labels that satisfy matchers; of several that would, one by `choice`."""
    pairs = [matcher.replace("=~", "=").split("=", 1) for matcher in matchers]
    options = {name: value.strip('"').split("|") for name, value in pairs}
    return {"alertname": "KeepsightLabelsAwaited", **{name: values[choice % len(values)] for name, values in options.items()}}


def test_what_something_graver_explains_is_not_told(make_house: Callable[..., AlertHouse]) -> None:
    house = make_house()

    def roles(state: str) -> set[str]:
        """Who is `active` or `suppressed`."""
        alerts = house.get(f"{house.alertmanager}/api/v2/alerts")
        return {one["labels"]["role"] for one in alerts if one["status"]["state"] == state}

    def post(role: str, **labels: str) -> str:
        house.post([{"labels": {**labels, "role": role}}])
        return role

    silent, loud, of_all = set(), set(), []
    for number, rule in enumerate(INHIBITIONS):
        source, target = (labels_of(rule[side], number) for side in ("source_matchers", "target_matchers"))
        shared = set(rule.get("equal", ())) - {"alertname"}
        if not rule.get("equal"):
            of_all.append((number, source, target))
            continue
        loud.add(post(f"{number} source", **source, **dict.fromkeys(shared, f"this-{number}")))
        silent.add(post(f"{number} target", **target, **dict.fromkeys(shared, f"this-{number}")))
        if shared:
            loud.add(post(f"{number} of another", **target, **dict.fromkeys(shared, f"other-{number}")))
    eventually("silence", lambda: silent <= roles("suppressed"))
    assert roles("suppressed") == silent
    assert roles("active") == loud
    for number, source, target in of_all:
        role = post(f"{number} target", **target)
        post(f"{number} source", **source)
        eventually("its silence", lambda role=role: role in roles("suppressed"))  # type: ignore[misc]


def test_a_storm_over_ten_thousand_cameras_is_three_messages_and_what_is_no_part_of_it_another(
    make_house: Callable[..., AlertHouse],
) -> None:
    house = make_house(group_wait_s=4, group_interval_s=300)
    storm = [
        {
            "alertname": "KeepsightIncident",
            "model": "solar",
            "severity": ("page", "ticket")[number % 2],
            "incident": f"{number:05}",
            "cause": "camera_fault",
        }
        for number in range(10_000)
    ]
    apart = {**storm[0], "incident": "new", "cause": "new_class"}
    alone = {"alertname": "KeepsightCamerasWithoutVerdict", "model": "solar", "severity": "ticket"}
    house.post([{"labels": alone}, {"labels": apart}])
    for begin in range(0, len(storm), 2500):
        words = {"summary": "belt sends black frames"}
        house.post([{"labels": labels, "annotations": words} for labels in storm[begin : begin + 2500]])

    def complete() -> list[Any]:
        groups = house.get(f"{house.alertmanager}/api/v2/alerts/groups")
        return groups if sum(len(one["alerts"]) for one in groups) == len(storm) + 2 else []

    groups = eventually("every alert in its group", complete)
    assert len(groups) == 4
    messages = eventually("four messages", lambda: house.webhook.messages if len(house.webhook.messages) >= 4 else None)
    assert {one.receiver for one in messages} == {"page", "ticket"}
    assert all(len(one.body["alerts"]) <= 50 for one in messages)
    assert len(messages) == 4
    assert [one["labels"] for message in messages for one in message.body["alerts"] if len(message.body["alerts"]) == 1].count(
        apart
    ) == 1
