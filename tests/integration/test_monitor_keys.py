"""The monitor's port as others on the network find it: closed, or open on purpose; keys are taken back while it runs, and probes have a port of their own."""

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.keys import new_key
from tests.integration.test_monitor import PATIENCE_S, House, eventually
from tests.monitor_line import Line

ON_CALL, ON_CALL_LINE = new_key("on-call", ["monitor"])
SCRAPER, SCRAPER_LINE = new_key("prometheus", ["metrics"])
REPORT = "/v1/reports/0197723a-dc80-7000-8000-000000000001.html"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A monitor that listens on every address, not started."""
    house = House(tmp_path, Line(tmp_path))
    house.settings.write_text(house.settings.read_text() + 'host = "0.0.0.0"\n')
    yield house
    if house.process is not None and house.process.poll() is None:
        house.stop(signal.SIGKILL)
    house.bus.close()


def ask(port: int, path: str, authorization: str = "") -> tuple[int, str]:
    """Status and body, with a header or without."""
    headers = {"Authorization": authorization} if authorization else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=30
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_without_keys_it_does_not_start_beyond_this_machine(house: House) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "--settings", str(house.settings)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert "[monitor] host is '0.0.0.0', which others can reach" in done.stderr


def test_keys_open_what_they_are_for_until_they_are_taken_back(house: House, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(ON_CALL_LINE + SCRAPER_LINE)
    house.settings.write_text(house.settings.read_text() + f'keys_file = "{keys}"\nhealth_port = 0\n')
    house.start()
    on_call, scraper = f"Bearer {ON_CALL}", f"Bearer {SCRAPER}"
    eventually(lambda: ask(house.port, "/readyz")[0], lambda status: status == 200)
    assert [ask(house.port, path)[0] for path in ("/livez", "/v1/state", REPORT, "/metrics", "/new")] == [200, 401, 401, 401, 401]
    assert [ask(house.port, path, on_call)[0] for path in ("/v1/state", REPORT, "/metrics", "/new")] == [200, 404, 403, 404]
    assert [ask(house.port, path, scraper)[0] for path in ("/v1/state", REPORT, "/metrics")] == [403, 403, 200]
    assert ask(house.port, "/v1/state", "Basic " + b64encode(f"ada:{ON_CALL}".encode()).decode())[0] == 200
    (probes,) = [line["port"] for line in house.log_lines() if line["event"] == "health_listens"]
    assert isinstance(probes, int)
    assert [ask(probes, path, on_call)[0] for path in ("/livez", "/readyz", "/v1/state", REPORT)] == [200, 200, 404, 404]
    assert 'keepsight_monitor_refusals_total{problem="missing-key"} 4.0' in ask(probes, "/metrics")[1]
    keys.write_text(SCRAPER_LINE)
    eventually(lambda: ask(house.port, "/v1/state", on_call)[0], lambda status: status == 401)
    assert 'keepsight_monitor_renewals_total{outcome="taken",what="keys"} 1.0' in ask(house.port, "/metrics", scraper)[1]
    keys.write_text("half")
    eventually(lambda: [line for line in house.log_lines() if line["event"] == "not_renewed"], bool)
    assert ask(house.port, "/metrics", scraper)[0] == 200
    assert house.stop(signal.SIGTERM) == 0


def test_it_may_be_open_on_purpose(house: House) -> None:
    house.settings.write_text(house.settings.read_text() + "open = true\n")
    house.start()
    assert ask(house.port, "/v1/state")[0] == 200
    assert house.stop(signal.SIGTERM) == 0
