"""Services that are ready, wait, are another's, of another release, ahead of the clock, or not there."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from contracts import metrics_process
from contracts.health import HealthServer
from standalone.doctor import services
from standalone.doctor.finding import Finding
from standalone.doctor.told import Told
from tests.doctors import Settings


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    servers: list[HealthServer] = []

    def start(service: str = "monitor", ready: str | None = None) -> str:
        registry = CollectorRegistry()
        metrics_process.export(registry, service, "photographs")
        listener = socket.create_server(("127.0.0.1", 0))
        servers.append(HealthServer(listener, registry, lambda: ready))
        return f"http://127.0.0.1:{servers[-1].port}"

    yield start
    for one in servers:
        one.close()


def looked(told: Told, where: str, release: str, clock: Callable[[], float] = time.time) -> dict[str, Finding]:
    return {one.check: one for one in services.service(told, where, "", release, clock)}


def test_services(told: Settings, answering: Callable[..., str]) -> None:
    from importlib.metadata import version

    release = version("keepsight")
    well = looked(told("monitor"), answering(), release)
    assert {name: one.verdict for name, one in well.items()} == {
        "monitor service": "ok",
        "clock monitor": "ok",
        "monitor release": "ok",
    }
    waiting = looked(told("monitor"), answering(ready="the log is away"), "9.9")
    assert "the log is away" in waiting["monitor service"].said
    assert waiting["monitor release"].verdict == "warn"
    assert looked(told("monitor"), answering("retrain"), release)["monitor release"].said.endswith("is no monitor of Keepsight")
    foreign = services.service(told("monitor", model="doors"), answering(), "", release)
    assert [one.said for one in foreign if one.verdict == "FAIL"] == ["it runs for model 'photographs', not 'doors'"]
    assert looked(told("monitor"), answering(), release, lambda: time.time() - 10.0)["clock monitor"].verdict == "FAIL"
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert looked(told("monitor"), nobody, release)["monitor service"].said.startswith("no answer on")


def test_where_a_service_is_asked(told: Settings) -> None:
    assert services.address(told(host="0.0.0.0", open=True)) == "http://127.0.0.1:8080"
    assert services.address(told(health_port=9000, health_host="10.0.0.5")) == "http://10.0.0.5:9000"
    assert services.address(told(tls_cert_file="a", tls_key_file="b")) == "https://127.0.0.1:8080"
