"""Pages that take a fault of minutes or weeks: too many cameras for a server, cameras that all stop, a rollback that a frozen server does not follow. Each by
the real thing, to a webhook and back.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.events import Promote, Rollback, encode
from contracts.ids import new_id
from contracts.log import open_bus
from standalone.house import free_ports
from standalone.status import status
from tests.alert_house import AlertHouse, eventually
from tests.retrain_house import FAST
from tests.serving_process import Load, ServingProcess
from tests.small_model import photographs, publish_small_version

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
CAMERAS = tuple(f"line-{number}" for number in range(32))


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServingProcess]:
    home = tmp_path / "house"
    home.mkdir()
    process = ServingProcess(home, cameras={name: {"site": "hall 2"} for name in CAMERAS}, workers=1)
    publish_small_version(process.repository, convolutions=60)  # 40 ms a frame
    process.start()
    yield process
    process.signal(signal.SIGCONT)
    process.stop()


def told(house: AlertHouse, status: str, **labels: str) -> dict[str, Any]:
    """The first page of these labels, waited for."""
    (first, *_) = eventually(f"{labels} {status}", lambda: house.webhook.told("page", status, **labels))
    alert: dict[str, Any] = first
    return alert


def test_more_cameras_than_one_worker_answers_in_time_burn_that_promise(serving: ServingProcess, tmp_path: Path) -> None:
    frames = photographs(8)[0]
    scrapes, sooner = {"keepsight-serving": serving.port}, {"[5m]": "[10s]"}
    with closing(AlertHouse(tmp_path, scrapes=scrapes, sooner=sooner)) as house:
        with Load(serving, frames, CAMERAS):
            page = told(house, "firing", alertname="KeepsightLatencyBurn", burn="fast")["annotations"]
        assert page["summary"].endswith("% of requests took longer than half a second in the last hour")
        here = f"127.0.0.1:{serving.port}"
        assert f"Model small. Most of it now on {here} (model small). The longest stage now: queue, " in page["description"]
        assert page["runbook_url"].endswith("/KeepsightLatencyBurn")
        with Load(serving, frames, CAMERAS[:1]):
            told(house, "resolved", alertname="KeepsightLatencyBurn", burn="fast")


def test_cameras_that_all_stop_page_where_a_week_ago_they_sent(serving: ServingProcess, tmp_path: Path) -> None:
    """A week is 30 seconds here, and a rate is of ten."""
    frames = photographs(8)[0]
    sooner = {"offset 1w": "offset 30s", "[5m]": "[10s]"}
    week_ago = 'keepsight:serving_frames_answered:rate5m{model="small"} offset 30s > 0'
    with closing(AlertHouse(tmp_path, scrapes={"keepsight-serving": serving.port}, sooner=sooner)) as house:
        with Load(serving, frames, CAMERAS[:2], every_s=0.1):
            house.prometheus.until(week_ago)
        assert house.webhook.told("page", "", alertname="KeepsightFramesStopped") == []
        page = told(house, "firing", alertname="KeepsightFramesStopped", model="small")["annotations"]
        assert page["summary"].startswith("no frame of model small is answered, where a week ago at this hour ")
        assert page["runbook_url"].endswith("/KeepsightFramesStopped")
        with Load(serving, frames, CAMERAS[:2], every_s=0.1):
            told(house, "resolved", alertname="KeepsightFramesStopped", model="small")


@contextmanager
def retraining(serving: ServingProcess) -> Iterator[int]:
    """The retrain service of the same house; its port."""
    (port,) = free_ports(1)
    shared = (serving.home / "keepsight.toml").read_text().split("[serving]")[0]
    own = {**FAST, "port": str(port), "rollback_deadline_s": "1"}
    settings = serving.home / "retrain.toml"
    settings.write_text(shared + "\n".join(["[retrain]", *(f"{key} = {json.dumps(value)}" for key, value in own.items())]))
    with (serving.home / "retrain.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "retrain", "--settings", str(settings)], stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()


def test_a_rollback_that_a_frozen_server_does_not_follow_pages_until_it_does(serving: ServingProcess, tmp_path: Path) -> None:
    publish_small_version(serving.repository, version="2", seed=1, champion=False)
    settings = serving.write_settings()
    (frame,) = photographs(1)[0]

    def answers_with(version: str) -> Callable[[], bool]:
        return lambda: bool(serving.answered(frame)["version"] == version)

    def order(kind: type[Promote] | type[Rollback], **more: Any) -> None:
        now = time.time()
        with closing(open_bus(serving.log)) as bus:
            bus.publish(
                [encode(kind(event_id=new_id(now), occurred_at=now, model="small", by="ada", reason="a test", **more), "test")]
            )

    with retraining(serving) as port:
        scrapes = {"keepsight-serving": serving.port, "keepsight-retrain": port}
        with closing(AlertHouse(tmp_path, scrapes=scrapes)) as house:
            house.prometheus.until('keepsight_retrain_active{model="small"} == 1')
            order(Promote, version="2", force=True)
            eventually("version 2", answers_with("2"))
            serving.signal(signal.SIGSTOP)
            order(Rollback)
            page = told(house, "firing", alertname="KeepsightRollbackOverdue", model="small")["annotations"]
            assert page["summary"].startswith("a version of model small was taken back, and not every server says")
            assert page["runbook_url"].endswith("/KeepsightRollbackOverdue")
            lines: list[str] = []
            status(settings, lines.append)
            (rollout,) = [line for line in lines if line.startswith("  rollout ")]
            assert "waits for" in rollout
            assert f":{serving.port}" in rollout
            serving.signal(signal.SIGCONT)
            told(house, "resolved", alertname="KeepsightRollbackOverdue", model="small")
            assert answers_with("1")()
