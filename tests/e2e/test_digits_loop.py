"""The whole loop, shortened, on real digits with the real processes: MNIST, then scans by other hands that the model cannot read, and the cure.

An imported network reads MNIST at .96 and the scans at about half. Three cameras send both, one after the other; the monitor must find the drift, labels
prove it, retrain mends it, and serving swaps the new version in. A fourth, the audit camera, shows digits that nothing was trained on.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from contracts.events import (
    TOPICS,
    IncidentClosed,
    IncidentOpened,
    JobAdvanced,
    ModelPublished,
    RetrainRequested,
    RolloutAdvanced,
)
from contracts.log import open_bus, wait_for_log
from standalone.camera import Connection
from standalone.house import STOPPING_ORDER, free_ports, services
from standalone.published import drained
from standalone.settings_file import toml
from standalone.supervisor import Supervisor
from standalone.witness import Witness
from tests import digits
from tests.digits import Digit

CAMERAS = ("desk-1", "desk-2", "desk-3")
REFERENCE = slice(digits.TRAINED, digits.TRAINED + 900)
MNIST = slice(digits.TRAINED + 900, digits.TRAINED + 1700)
MNIST_PROOF = slice(digits.TRAINED + 1700, digits.TRAINED + 2000)
SCANS, SCANS_PROOF = slice(0, 1300), slice(1300, 1797)
RATE_HZ = 12.0
FIRST_FRAMES = 400
PATIENCE_S = 150.0


class Desk(threading.Thread):
    """A camera: sends the digits that `shown` holds now, over and over, and keeps the truth of what was drawn for labelling."""

    def __init__(self, house: "House", name: str, number: int) -> None:
        super().__init__(name=name, daemon=True)
        self._house, self._number = house, number
        self._connection = Connection(house.address)
        self.sent = self.answered = 0

    def run(self) -> None:
        shown: Sequence[Digit] = ()
        place = 0
        while not self._house.stopping.wait(1 / RATE_HZ):
            if shown is not self._house.shown:
                shown, place = self._house.shown, self._number
            digit, place = shown[place % len(shown)], place + len(CAMERAS)
            self.sent += 1
            answer = self._house.ask(self._connection, self.name, digit)
            self.answered += 1
            if answer["sample"] == "uniform":
                self._house.drawn.append((time.monotonic(), str(answer["frame_id"]), digit))
        self._connection.close()


class House:
    """The three services with their cameras and the log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "keepsight.toml"
        self.stopping = threading.Event()
        self.shown: Sequence[Digit] = digits.mnist()[MNIST]
        self.drawn: list[tuple[float, str, Digit]] = []
        self.labelled = 0
        self._inspected: set[bytes] = set()
        self._write_settings()
        self.supervisor = Supervisor(services(self.settings, folder / "logs"))
        self.address = self.supervisor.services[0].address
        self.bus = open_bus(f"embedded://{folder}/log")
        self.witness = Witness(self.bus, "0")
        self.desks = [Desk(self, name, number) for number, name in enumerate(CAMERAS)]
        self._labels = Connection(self.address)

    def start(self) -> None:
        wait_for_log(self.bus, TOPICS)
        self.supervisor.start()
        self.supervisor.wait_ready(120)
        self.witness.start()
        for desk in self.desks:
            desk.start()

    def ask(self, connection: Connection, camera: str, digit: Digit) -> dict[str, object]:
        answer: dict[str, object] = json.loads(connection.post(f"/v1/frames?camera={camera}", digit.content, "image/png"))
        return answer

    def label(self) -> None:
        """Post the truth of what was drawn at least two seconds ago, each digit once."""
        due = [one for one in self.drawn if one[0] < time.monotonic() - 2]
        self.drawn = [one for one in self.drawn if one not in due]
        posts = []
        for _, frame_id, digit in due:
            if digit.content not in self._inspected:
                self._inspected.add(digit.content)
                posts.append({"frame_id": frame_id, "label": digit.label})
        if posts:
            self._labels.post("/v1/labels", json.dumps(posts).encode(), "application/json")
            self.labelled += len(posts)

    def until(self, found: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait, labelling meanwhile; a service that dies, or a rollout that turns back, ends it."""
        deadline = time.monotonic() + timeout_s
        while not self.witness.wait_for(found, 0.5):
            self.supervisor.check()
            self.label()
            assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}; {self.told()}"

    def events(self, kind: type) -> list[object]:
        return [event for event in self.witness.events if isinstance(event, kind)]

    def accuracy(self, shown: Sequence[Digit]) -> tuple[float, str]:
        """The share right among sealed digits, through the audit camera, and the version that answered them all."""
        connection = Connection(self.address)
        answers = [self.ask(connection, "audit", digit) for digit in shown]
        connection.close()
        right = [answer["prediction"]["labels"][0] == digit.label for answer, digit in zip(answers, shown, strict=True)]  # type: ignore[index]
        assert {answer["sample"] for answer in answers} == {None}
        (version,) = {str(answer["version"]) for answer in answers}
        return sum(right) / len(right), version

    def stop(self) -> list[str]:
        self.stopping.set()
        for desk in self.desks:
            if desk.ident is not None:
                desk.join(60)
        troubles = self.supervisor.stop()
        if self.witness.ident is not None and self.witness.is_alive():
            self.witness.finish()
        self.bus.close()
        return troubles

    def told(self) -> str:
        """What happened, for a message."""
        shown = [str(event)[:300] for event in self.witness.events]
        return f"{self.labelled} labels posted; events so far:\n" + "\n".join(shown) + f"\nlogs in {self.folder}/logs"

    def _write_settings(self) -> None:
        ports = dict(zip(STOPPING_ORDER, free_ports(3), strict=True))
        cameras = {name: {"site": "office", "stream": "items", "audit": name == "audit"} for name in (*CAMERAS, "audit")}
        self.settings.write_text(
            toml(
                {
                    **{key: str(self.folder / key) for key in ("repository", "frame_store", "state")},
                    "log": f"embedded://{self.folder}/log",
                    "model": "digits",
                    "serving": {"port": ports["serving"], "sample_share": 0.8, "poll_interval_s": 0.2, "cameras": cameras},
                    "monitor": {"port": ports["monitor"], "block_frames": 16},
                    "retrain": {
                        "port": ports["retrain"],
                        "tick_s": 0.2,
                        "cooldown_s": 0.0,
                        "labels_wanted": 500,
                        "min_train_per_class": 20,
                        "min_gate": 50,
                        "shadow_frames": 40,
                        "shadow_s": 1.0,
                        "canary_shares": [0.5],
                        "canary_frames": 20,
                        "canary_s": 1.0,
                        "watch_frames": 40,
                        "watch_s": 2.0,
                        "camera_live_s": 30.0,
                    },
                }
            )
        )


def import_digits(house: House) -> None:
    """The trained network as version 1, its reference from MNIST digits that it has not seen."""
    reference = house.folder / "reference"
    for number, digit in enumerate(digits.mnist()[REFERENCE]):
        (reference / digit.label).mkdir(parents=True, exist_ok=True)
        (reference / digit.label / f"{number:04d}.png").write_bytes(digit.content)
    model = digits.train(house.folder / "model.onnx")
    command = [
        sys.executable,
        "-m",
        "retrain.trainer.import_model",
        str(model),
        "--name",
        "digits",
        "--labels",
        ",".join(digits.LABELS),
    ]
    where = [
        "--reference",
        str(reference),
        "--repository",
        str(house.folder / "repository"),
        "--frame-store",
        str(house.folder / "frame_store"),
    ]
    done = subprocess.run(
        [*command, *where, "--scale", str(1 / 255), "--color", "gray"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.stop()


@pytest.mark.timeout(900)
def test_digits_decay_and_mend(house: House) -> None:
    import_digits(house)
    house.start()

    # All is well: the model reads what it knows, and nobody is alarmed.
    house.until(lambda: len(house.witness.scorings) >= FIRST_FRAMES, f"{FIRST_FRAMES} scored frames")
    before, first = house.accuracy(digits.mnist()[MNIST_PROOF])
    assert before >= 0.92
    assert not house.events(IncidentOpened), house.told()

    # Other hands.
    house.shown = digits.scans()[SCANS]
    drifted, _ = house.accuracy(digits.scans()[SCANS_PROOF])
    assert drifted <= 0.65
    house.until(lambda: bool(house.events(IncidentOpened)), "an incident")
    house.until(lambda: bool(house.events(RetrainRequested)), "a request to retrain")
    house.until(lambda: bool(house.events(ModelPublished)) or refused(house), "a version that passed its gates")
    assert not refused(house), house.told()
    house.until(lambda: reached(house, "champion"), "the new champion")
    house.until(lambda: reached(house, "stable"), "the end of the watch")

    mended, second = house.accuracy(digits.scans()[SCANS_PROOF])
    kept, _ = house.accuracy(digits.mnist()[MNIST_PROOF])
    assert second != first
    assert mended >= 0.75
    assert kept >= before - 0.05
    house.until(lambda: opened(house) <= closed(house), "the closing of the incidents")

    print(f"mnist {before:.3f} -> {kept:.3f}, scans {drifted:.3f} -> {mended:.3f}, {house.labelled} labels")

    # Nothing was lost, and everything stops in order.
    house.stopping.set()
    for desk in house.desks:
        desk.join(60)
    assert [desk.sent for desk in house.desks] == [desk.answered for desk in house.desks]
    published = drained(house.address, 60)
    assert house.stop() == []
    assert not house.witness.bad
    assert published.dropped == 0
    assert house.witness.sources["serving"] == published.spooled
    answered = (
        sum(desk.answered for desk in house.desks) + 2 * len(digits.scans()[SCANS_PROOF]) + 2 * len(digits.mnist()[MNIST_PROOF])
    )
    assert len({one.frame_id for one in house.witness.scorings if one.variant != "shadow"}) == answered


def opened(house: House) -> set[str]:
    return {event.incident.incident_id for event in house.witness.events if isinstance(event, IncidentOpened)}


def closed(house: House) -> set[str]:
    return {event.incident.incident_id for event in house.witness.events if isinstance(event, IncidentClosed)}


def reached(house: House, state: str) -> bool:
    return any(isinstance(event, RolloutAdvanced) and event.state == state for event in house.witness.events)


def refused(house: House) -> bool:
    return any(isinstance(event, JobAdvanced) and event.state in ("rejected", "failed") for event in house.witness.events)
