"""Reports of real incidents: a real monitor on a real log, Evidently in its child process, killed children, the command, and answers over HTTP."""

import html
import json
import re
import signal
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import events
from contracts.events import IncidentOpened
from contracts.incidents import Incident
from monitor.report import child
from monitor.report.evidently_page import INSTALL
from monitor.report.task import Task
from tests.integration.test_monitor import CAMERAS, House, eventually
from tests.kafka_cluster import cluster
from tests.monitor_line import MODEL, SITE, Line, other, usual

EVIDENTLY = "monitor.report.evidently_page"
pytest.importorskip("pandas", reason="the report extra is not installed (pip install 'keepsight[report]')")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("line"))


@pytest.fixture(scope="module")
def house(line: Line, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A monitor whose cameras drifted, with an open incident."""
    yield from drifted(House(tmp_path_factory.mktemp("house"), line), line)


@pytest.fixture
def house_on_kafka(line: Line, tmp_path: Path) -> Iterator[House]:
    """The same on genuine Kafka."""
    yield from drifted(House(tmp_path, line, f"kafka://{','.join(cluster().servers)}/{uuid.uuid4().hex[:8]}"), line)


def drifted(house: House, line: Line) -> Iterator[House]:
    """Start it, and let it see drift."""
    text = house.settings.read_text().replace("reports = false\n", "")
    house.settings.write_text(f"{text}report_frames = 150\n")
    house.start()
    for pool, count in ((usual(), 120), (other(), 80)):
        frames = list(line.pass_by(CAMERAS, count, pool))
        house.publish(
            [*frames, *(line.label(frame, right=True) for frame in frames if frame.sample == "uniform" and pool is usual())]
        )
    yield house
    assert house.process is not None
    if house.process.poll() is None:
        house.stop(signal.SIGKILL)
    house.bus.close()


@pytest.fixture(scope="module")
def incident(house: House) -> Incident:
    """The incident, as it was opened."""
    return opened(house)


def opened(house: House) -> Incident:
    """The first incident, as it was opened."""
    said = eventually(lambda: [word for word in house.read(events.INCIDENTS) if isinstance(word, IncidentOpened)], bool)
    return said[0].incident


def workers(house: House) -> list[int]:
    """The processes of the monitor's that make reports."""
    assert house.process is not None
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent, command = stat.read_text().rpartition(")")[2].split()[1], (stat.parent / "cmdline").read_text()
        except OSError:
            continue  # it ended meanwhile
        if int(parent) == house.process.pid and EVIDENTLY in command:
            found.append(int(stat.parent.name))
    return found


def status(house: House, incident: Incident, query: str = "") -> int:
    return house.get(incident.report + query)[0]


def test_an_incident_links_to_its_report(house: House, incident: Incident) -> None:
    assert incident.report == f"/v1/reports/{incident.incident_id}.html"
    eventually(lambda: status(house, incident), lambda seen: seen == 200)
    page = house.get(incident.report)[1]
    ours = page[: page.index("<iframe")]
    assert incident.incident_id in ours
    assert "<h1>Hall se" in ours
    assert "150 frames laid out, of " in ours
    assert 'id="evidence"' in ours
    table = re.search(r'<table id="distances">.*?</table>', ours, re.DOTALL)
    assert table is not None
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", table[0])]
    assert len(rows) == 22
    for name, _, _, wasserstein, jensen_shannon, evidently, *_ in rows:
        assert evidently == (wasserstein or jensen_shannon), name
        assert float(evidently) >= 0
    assert "Classification quality: " in ours
    assert "it needs 30 of each" in ours
    assert "Dataset Drift" in html.unescape(page[page.index("<iframe") :])


def test_the_console_shows_the_incident_what_moved_and_its_cameras(house: House, incident: Incident) -> None:
    where = f"/console/incidents/{incident.incident_id}"
    page = eventually(lambda: house.get(where)[1], lambda seen: 'id="shapes"' in seen)  # once the report is made
    assert "<h1>Hall se" in page
    assert page.count('<path class="before"') >= 4
    assert f'href="{where}"' in eventually(lambda: house.get("/console/")[1], lambda seen: ">drifted<" in seen)
    camera = eventually(lambda: house.get("/console/cameras/cam-1"), lambda seen: "drifted" in seen[1])[1]
    for words in ("blocks in a row above a limit", "<polyline", "embedding", where):
        assert words in camera, words
    assert house.get("/console/cameras/cam-9")[0] == 404
    (token,) = set(re.findall(r'name="token" value="([^"]+)"', page))
    form = urllib.parse.urlencode({"token": token, "by": "Ada", "reason": "on my way"}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{house.port}{where}/acknowledge", form, timeout=30) as answer:
        assert "On the log: Ada has seen the incident" in answer.read().decode()
    assert "seen by a person" in eventually(lambda: house.get(where)[1], lambda seen: "Seen by Ada." in seen)
    assert "on my way" in house.get("/console/audit")[1]


@pytest.mark.slow
@pytest.mark.kafka
def test_an_incident_on_kafka_has_its_report_too(house_on_kafka: House) -> None:
    house = house_on_kafka
    incident = opened(house)
    eventually(lambda: status(house, incident), lambda seen: seen not in (202, 404))
    code, page = house.get(incident.report)
    assert code == 200, page
    assert incident.incident_id in page
    told = re.search(r"150 frames laid out, of ([\d,]+) that these cameras sent", page)
    assert told is not None
    assert int(told[1].replace(",", "")) >= 150
    assert "Dataset Drift" in html.unescape(page[page.index("<iframe") :])
    assert 'id="notes"' not in page or "ran out" not in page


def test_state_and_folder_survive_and_other_addresses_do_not_answer(house: House, incident: Incident) -> None:
    eventually(lambda: status(house, incident), lambda seen: seen == 200)
    state = eventually(lambda: json.loads(house.get("/v1/state")[1]), lambda seen: bool(seen.get("incidents")))
    assert [one["report"] for one in state["incidents"]] == [incident.report]
    for path in (
        "0197723a-dc80-7000-8000-000000000001.html",
        "../../state/reports/x",
        "%2e%2e%2fsettings.toml",
        "",
        "x.html",
        "\u00e9".encode().hex(),
    ):
        code, text = house.get(f"/v1/reports/{path}")
        assert code == 404, path
        assert "No such report" in text
    assert house.get("/v1/reportsx")[0] == 404


def test_killed_children_asked_twice_and_a_killed_monitor(house: House, incident: Incident) -> None:
    eventually(lambda: status(house, incident), lambda seen: seen == 200)
    asking = [threading.Thread(target=status, args=(house, incident, "?again")) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    (worker,) = eventually(lambda: workers(house), bool)
    assert status(house, incident) == 202
    subprocess.run(["kill", "-KILL", str(worker)], check=True)
    code, text = eventually(lambda: house.get(incident.report), lambda seen: seen[0] != 202)
    assert code == 500
    assert "ended with status -9" in text
    assert house.get("/readyz")[0] == 200
    assert status(house, incident, "?again") == 202
    (worker,) = eventually(lambda: workers(house), bool)
    house.stop(signal.SIGKILL)
    eventually(lambda: Path(f"/proc/{worker}").exists(), lambda there: not there)
    house.start()
    eventually(lambda: house.get("/readyz")[0], lambda seen: seen == 200)
    assert status(house, incident) == 200
    assert not list((house.settings.parent / "state/reports" / MODEL).glob("*.part"))
    assert [word for word in house.log_lines() if word["event"] == "report_failed"][-1]["incident"] == incident.incident_id


@pytest.mark.slow
def test_a_monitor_that_is_told_to_stop_ends_its_child(house: House, incident: Incident) -> None:
    eventually(lambda: status(house, incident), lambda seen: seen == 200)
    assert status(house, incident, "?again") == 202
    (worker,) = eventually(lambda: workers(house), bool)
    assert house.stop(signal.SIGTERM) == 0
    assert not Path(f"/proc/{worker}").exists()
    house.start()
    eventually(lambda: house.get("/readyz")[0], lambda seen: seen == 200)


@pytest.mark.slow
def test_by_command(house: House, incident: Incident, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    command = [sys.executable, "-m", "standalone", "report", "--settings", str(house.settings)]
    done = subprocess.run(
        [*command, incident.incident_id[:13], "--out", str(page)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, f"{page}\n")
    text = page.read_text()
    assert incident.incident_id in text
    assert "?again" not in text
    done = subprocess.run([*command, "../x"], capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)
    assert done.returncode == 2
    assert "no such incident stands on the log" in done.stderr
    assert incident.incident_id in done.stderr
    assert sorted(tmp_path.iterdir()) == [page.parent]


def task(line: Line, folder: Path) -> Task:
    """A task about an incident of a log that is not there yet."""
    about = Incident(
        incident_id="0197723a-dc80-7000-8000-000000000001", cause="population_change", severity="ticket", headline="Hall", action="", site=SITE,
        cameras=CAMERAS, version="1", since=line.now, opened_at=line.now,
    )  # fmt: skip
    return Task(model=MODEL, incident=about, log=f"embedded://{folder}/log", repository=line.url, frames=100)


def test_without_evidently_it_says_how_to_install_it(line: Line, tmp_path: Path) -> None:
    hide = "import importlib.util as u, runpy; find = u.find_spec; u.find_spec = lambda name, *a: None if name == 'evidently' else find(name, *a); "
    command = (sys.executable, "-c", f"{hide}runpy.run_module('{EVIDENTLY}', run_name='__main__', alter_sys=True)")
    assert child.make(task(line, tmp_path), tmp_path / "page.html", threading.Event(), command) == INSTALL
    assert "pip install 'keepsight[report]'" in INSTALL


def test_what_it_needs_and_does_not_find_is_the_reason(line: Line, tmp_path: Path) -> None:
    page, stop = tmp_path / "page.html", threading.Event()
    assert "has no topic keepsight.incidents" in child.make(task(line, tmp_path), page, stop)
    waits = (sys.executable, "-c", "import sys; sys.stdin.read()")
    assert child.make(task(line, tmp_path), page, stop, waits, limit_s=0.3) == "it took more than 0.3 s and was ended"
    dies = (sys.executable, "-c", "raise SystemExit(7)")
    assert child.make(task(line, tmp_path), page, stop, dies) == "its process ended with status 7 and said nothing"
    stop.set()
    assert child.make(task(line, tmp_path), page, stop, waits) == "it was stopped with the monitor"
    assert not page.exists()
