"""The monitor as a process on the embedded log: verdicts arrive, a SIGKILL changes none of them, bad records are buried, SIGTERM ends it in order."""

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from contracts import events
from contracts.events import AnyEvent, Dead, IncidentOpened, RetrainRequested
from contracts.log import open_bus
from contracts.ports import Bus, Outgoing
from tests.monitor_line import MODEL, Line, other, usual

PATIENCE_S = 90.0
CAMERAS = ("cam-1", "cam-2", "cam-3")
T = TypeVar("T")


def eventually(look: Callable[[], T], done: Callable[[T], bool]) -> T:
    """The first thing seen that is `done`; fails with the last after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not done(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r}"
        threading.Event().wait(0.05)
    return seen


class House:
    """Folders, a log, a settings file, and the monitor's process."""

    def __init__(self, folder: Path, line: Line, log: str = "") -> None:
        log = log or f"embedded://{folder}/log"
        self.bus: Bus = open_bus(log)
        self.bus.ensure_topics(events.TOPICS)
        self.settings = folder / "settings.toml"
        self.settings.write_text(
            f'log = "{log}"\nrepository = "{line.url}"\nframe_store = "{folder}/frames"\nstate = "{folder}/state"\nmodel = "{MODEL}"\n'
            "[monitor]\nport = 0\nblock_frames = 16\nconfirm_blocks = 3\nquiet_blocks = 4\nmerge_wait_s = 0.3\nsave_every_s = 0.05\nreports = false\n"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self._stderr = folder / "stderr"
        self._seen: dict[str, list[AnyEvent]] = {}

    def start(self) -> None:
        """Start the process and learn its port from its log."""
        before = len(self.log_lines())
        with self._stderr.open("ab") as stderr:
            self.process = subprocess.Popen([sys.executable, "-m", "monitor", "--settings", str(self.settings)], stderr=stderr)
        started = eventually(lambda: [line for line in self.log_lines()[before:] if line["event"] == "started"], bool)
        self.port = started[0]["port"]

    def log_lines(self) -> list[dict[str, object]]:
        """What it logged, unfinished lines left out."""
        text = self._stderr.read_text() if self._stderr.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{")]

    def stop(self, number: int) -> int:
        """End the process by a signal; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def get(self, path: str) -> tuple[int, str]:
        """An HTTP answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def publish(self, facts: Sequence[AnyEvent]) -> None:
        """Put events on the log as serving would."""
        self.bus.publish([events.encode(fact, "test") for fact in facts])

    def read(self, topic: str) -> list[AnyEvent]:
        """All events of a topic, each id once."""
        reader = self.bus.reader(None, [topic])
        found: dict[str, AnyEvent] = {}
        while (records := reader.poll(0.0)) or sum(reader.lag().values()):
            found.update({(event := events.decode(record)).event_id: event for record in records})
        reader.close()
        return list(found.values())

    def judged(self) -> int:
        """Frames counted in /v1/state."""
        state = json.loads(self.get("/v1/state")[1] or "{}")
        return sum(camera["frames"]["frames"] for camera in state.get("cameras", []))


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[Callable[[str, Line], House]]:
    made: list[House] = []

    def make(name: str, line: Line) -> House:
        (tmp_path / name).mkdir()
        made.append(House(tmp_path / name, line))
        return made[-1]

    yield make
    for house in made:
        if house.process is not None and house.process.poll() is None:
            house.stop(signal.SIGKILL)
        house.bus.close()


def story(line: Line) -> list[list[AnyEvent]]:
    """Quiet, drift on all cameras, wrong labels: in slices of event time, every camera in each."""
    told: list[list[AnyEvent]] = []
    for pool, slices in ((usual(), 6), (other(), 4)):
        for _ in range(slices):
            frames = list(line.pass_by(CAMERAS, 20, pool))
            labels = [line.label(frame, right=pool is usual() or i % 5 < 2) for i, frame in enumerate(frames)]
            told.append([*frames, *labels])
    return told


def test_a_killed_monitor_counts_and_says_what_an_unharmed_one_does(tmp_path: Path, houses: Callable[[str, Line], House]) -> None:
    line = Line(tmp_path)
    told = story(line)
    frames = sum(isinstance(fact, events.FrameScored) for part in told for fact in part)
    unharmed, killed = houses("unharmed", line), houses("killed", line)
    unharmed.start()
    killed.start()
    for number, part in enumerate(told):
        unharmed.publish(part)
        killed.publish(part)
        if number in (2, 5, 7):
            eventually(killed.judged, lambda seen, least=60 * number: seen > least)  # type: ignore[misc]  # mid-slice: some is judged, some is not
            killed.stop(signal.SIGKILL)
            killed.publish(told[number][:30])  # serving was not sure and says them again
            killed.start()
        else:
            eventually(unharmed.judged, lambda seen, least=60 * number: seen > least)  # type: ignore[misc]
    for house in (unharmed, killed):
        eventually(house.judged, lambda seen: seen >= frames)
        eventually(lambda house=house: house.read(events.RETRAIN), bool)  # type: ignore[misc]
    states = {}
    for house in (unharmed, killed):
        assert house.stop(signal.SIGTERM) == 0
        house.start()  # what was saved is what is shown
        states[house] = eventually(
            lambda house=house: json.loads(house.get("/v1/state")[1]), lambda state: bool(state.get("cameras"))
        )  # type: ignore[misc]
    for view in states[killed]["cameras"]:
        assert view["frames"].pop("repeats") > 0
    for view in states[unharmed]["cameras"]:
        assert view["frames"].pop("repeats") == 0
    for part in ("cameras", "incidents", "versions", "champion"):
        assert states[killed][part] == states[unharmed][part], part
    said = unharmed.read(events.INCIDENTS)
    assert said
    assert killed.read(events.INCIDENTS) == said
    assert killed.read(events.RETRAIN) == unharmed.read(events.RETRAIN)
    assert [type(word) for word in said].count(IncidentOpened) == 1
    assert [type(word) for word in killed.read(events.RETRAIN)] == [RetrainRequested]


def test_what_cannot_be_parsed_or_handled_is_buried_and_the_rest_goes_on(
    tmp_path: Path, houses: Callable[[str, Line], House]
) -> None:
    line = Line(tmp_path)
    house = houses("house", line)
    house.bus.publish([Outgoing(events.FRAMES, "small/cam-1", b'{"type": "NoSuchThing"}')])
    frames = list(line.pass_by(CAMERAS, 40, usual()))
    bad = events.encode(line.frame("cam-1", usual(), event_id="not-an-id"), "test")
    house.bus.publish([events.encode(frames[0], "test"), bad, *(events.encode(frame, "test") for frame in frames[1:])])
    house.start()
    eventually(house.judged, lambda seen: seen == len(frames))
    letters = eventually(lambda: house.read(events.DEAD), lambda seen: len(seen) == 2)
    reasons = [letter.reason for letter in letters if isinstance(letter, Dead)]
    assert any("NoSuchThing" in reason for reason in reasons)
    assert any("not-an-id" in reason for reason in reasons)
    assert {letter.topic for letter in letters if isinstance(letter, Dead)} == {events.FRAMES}


def test_it_tells_its_health_metrics_and_state_and_stops_in_order(tmp_path: Path, houses: Callable[[str, Line], House]) -> None:
    line = Line(tmp_path)
    house = houses("house", line)
    house.start()
    eventually(lambda: house.get("/readyz")[0], lambda status: status == 200)
    house.publish([*line.pass_by(CAMERAS, 40, usual())])
    eventually(house.judged, lambda seen: seen == 120)
    state = json.loads(house.get("/v1/state")[1])
    assert {view["state"] for view in state["cameras"]} == {"quiet"}
    assert state["champion"] == "1"
    metrics = eventually(
        lambda: house.get("/metrics")[1], lambda text: f'keepsight_monitor_cameras{{model="{MODEL}",state="quiet"}} 3.0' in text
    )
    assert 'keepsight_monitor_events_total{fate="judged",topic="keepsight.frames"} 120.0' in metrics
    assert 'channel="embedding",family="embedding"' in metrics
    assert house.get("/nowhere")[0] == 404
    assert house.stop(signal.SIGTERM) == 0


def test_a_changed_block_length_is_refused_with_what_to_do(tmp_path: Path, houses: Callable[[str, Line], House]) -> None:
    line = Line(tmp_path)
    house = houses("house", line)
    house.start()
    house.stop(signal.SIGTERM)
    command = [sys.executable, "-m", "monitor", "--settings", str(house.settings), "--block-frames", "32"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert "move the file away" in done.stderr
