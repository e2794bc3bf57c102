"""`keepsight labels` on a real frame store, a real repository and a real log: what is handed out, labelled, imported and exported again."""

import csv
import json
from pathlib import Path

import pytest

from contracts.events import LABELS, TOPICS, AnyEvent, FrameLabelled, FrameScored, IncidentOpened, Sample, decode, encode
from contracts.frame_header import inspect
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.predictions import Box, BoxesTruth, ClassTruth, Detections, Prediction, Scored, classification
from contracts.statistics import ImageStatistics
from retrain.labels import command
from tests.small_model import photographs, publish_small_version

AT = 1_790_000_000.0
STATISTICS = ImageStatistics(120.0, 40.0, 300.0, 2.0, 7.0, 0.2, 1.0, 1.0, 0.0, 0.0)
KNOWN = ("china", "flower")


class House:
    """A settings file, a version that serves, a log, and frames as serving stores them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, FrameStore(str(folder / "frames"))
        publish_small_version(str(folder / "repository"), "small", "1")
        self.bus = open_bus(f"embedded://{folder}/log")
        self.bus.ensure_topics(TOPICS)
        shared = {
            "log": f"embedded://{folder}/log",
            "repository": str(folder / "repository"),
            "frame_store": self.store.url,
            "model": "small",
        }
        self.settings = folder / "keepsight.toml"
        self.settings.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in shared.items()))

    def frame(
        self, number: int, content: bytes, sample: Sample = "uniform", boxes: bool = False, camera: str = "line-1"
    ) -> StoredFrame:
        """A frame that was answered and stored, on the log too."""
        frame_id = new_id(AT + number)
        prediction: Prediction = Detections((Box("china", 0, 0, 5, 5, 0.8),)) if boxes else classification(KNOWN, [0.7, 0.3])
        card = StoredFrame(
            frame_id=frame_id, model="small", camera=camera, site="hall", captured_at=AT + number, codec="jpeg", sample=sample,
            predictions=(Scored("1", "champion", prediction),), path=frame_path("small", frame_id, "jpeg"),
        )  # fmt: skip
        self.store.put(card, content)
        self.tell(
            FrameScored(
                event_id=new_id(AT), occurred_at=AT, model="small", frame_id=frame_id, camera=camera, site="hall", stream="items", version="1",
                variant="champion", captured_at=AT + number, received_at=AT, width=96, height=96, bytes=1, codec="jpeg", statistics=STATISTICS,
                prediction=prediction, confidence=0.7, entropy=0.5, embedding=(0.1, float(number)), stored=card.path, sample=sample,
            )
        )  # fmt: skip
        return card

    def tell(self, event: AnyEvent) -> None:
        self.bus.publish([encode(event, "test")])

    def labels(self) -> list[FrameLabelled]:
        reader = self.bus.reader(None, [LABELS])
        try:
            found = [decode(record) for record in reader.poll(0.1)]
        finally:
            reader.close()
        return [event for event in found if isinstance(event, FrameLabelled)]

    def run(self, *arguments: object) -> int:
        return command.main([*map(str, arguments), "--settings", str(self.settings)])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


PICTURES, _ = photographs(6)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_is_imported_and_what_is_not_taken_is_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = house.frame(0, PICTURES[0]), house.frame(1, PICTURES[1], "uncertain", camera="line-2")
    gone = new_id(AT - 1)
    rows = [
        (first.frame_id, "flower", ""),
        (f"upload/1a2b-{second.frame_id}.jpg", "china", "ann"),
        (gone, "china", ""),
        ("x.jpg", "china", ""),
    ]
    third = house.frame(2, PICTURES[2])
    rows += [(third.frame_id, label, "") for label in ("china", "flower")]
    file = write(house.folder / "a.csv", "frame_id,label,labelled_by\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    assert house.run("import", file) == 2
    assert "row 7: says something else" in capsys.readouterr().err
    file = write(
        house.folder / "a.csv",
        "frame_id,label,labelled_by\n" + "".join(f"{a},{b},{c}\n" for a, b, c in [*rows[:4], (rows[4][0], "", "")]),
    )
    assert house.run("import", file, "--dry-run") == 1
    said = capsys.readouterr().out
    assert house.labels() == []
    assert "2 labels would be put on the log, of 2 cameras: china 1, flower 1" in said
    assert house.run("import", file, "--by", "eve") == 1
    said = capsys.readouterr().out
    assert "a.csv is csv" in said
    assert "2 labels put on the log, of 2 cameras: china 1, flower 1" in said
    assert "1 of uniformly sampled frames" in said
    assert "1 picture without a label yet" in said
    assert f"1: its frame is not in the frame store: never sampled, of another model, or gone by retention (row 4 '{gone}')" in said
    assert "1: its name holds no frame's id, and no picture of it is a stored frame (row 5 'x.jpg')" in said
    told = {event.frame_id: event for event in house.labels()}
    assert set(told) == {first.frame_id, second.frame_id}
    event = told[first.frame_id]
    assert (event.truth, event.labelled_by, event.source, event.sample) == (ClassTruth("flower"), "eve", "csv:a.csv", "uniform")
    assert (event.stored, event.predictions, event.camera) == (first.path, first.predictions, "line-1")
    assert told[second.frame_id].labelled_by == "ann"


def test_importing_again_says_the_same_once_more(house: House) -> None:
    card = house.frame(0, PICTURES[0])
    file = write(house.folder / "a.csv", f"picture,label\n{card.frame_id}.jpeg,flower\n")
    assert [house.run("import", file) for _ in range(2)] == [0, 0]
    first, second = house.labels()
    assert (first.frame_id, first.truth) == (second.frame_id, second.truth)
    assert first.event_id != second.event_id  # what was said in between is corrected by it


def test_classes_that_no_version_knows_are_not_taken(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    card = house.frame(0, PICTURES[0])
    assert house.run("import", write(house.folder / "a.csv", f"picture,label\n{card.frame_id},flwr\n")) == 1
    assert "'flwr' is no class of the versions in service; known: china, flower" in capsys.readouterr().out
    assert house.labels() == []


def test_a_class_of_the_setting_is_taken_before_any_version_knows_it(house: House) -> None:
    house.settings.write_text(f'{house.settings.read_text()}new_classes = ["scratch"]\n')
    card = house.frame(0, PICTURES[0])
    assert house.run("import", write(house.folder / "a.csv", f"picture,label\n{card.frame_id},scratch\n")) == 0
    assert [event.truth for event in house.labels()] == [ClassTruth("scratch")]


def test_pictures_without_a_frames_id_are_found_by_their_content(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    cards = [house.frame(number, content) for number, content in enumerate([*PICTURES[:3], PICTURES[0]])]
    pictures = house.folder / "pictures"
    for number, name in enumerate(("a.jpg", "sub/b.jpg", "sub/c.jpg")):
        (pictures / name).parent.mkdir(parents=True, exist_ok=True)
        (pictures / name).write_bytes(PICTURES[number])
    (pictures / "other.jpg").write_bytes(PICTURES[5])
    (house.folder / "secret.jpg").write_bytes(PICTURES[2])
    names = ("a.jpg", "sub/b.jpg", "../secret.jpg", "other.jpg")
    file = write(house.folder / "a.csv", "picture,label\n" + "".join(f"{name},china\n" for name in names))
    assert house.run("import", file, "--pictures", pictures) == 1
    assert [event.frame_id for event in house.labels()] == [cards[0].frame_id, cards[1].frame_id]
    said = capsys.readouterr().out
    assert "2: its name holds no frame's id" in said
    assert house.run("import", file, "--pictures", house.folder / "nowhere") == 2


@pytest.mark.parametrize("form", ["csv", "coco", "label-studio", "yolo"])
def test_boxes_go_out_and_come_in_again_in_every_format(house: House, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    cards = [house.frame(number, PICTURES[number], boxes=True) for number in range(3)]
    boxes = f"picture,label,x1,y1,x2,y2\n{cards[0].frame_id},flower,1,2,30.125,40\n{cards[0].frame_id},china,0,0,96,96\n{cards[1].frame_id},(none),,,,\n"
    assert house.run("import", write(house.folder / "a.csv", boxes)) == 0
    assert "1 frame in which nothing is to be seen" in capsys.readouterr().out
    before = house.labels()
    out = house.folder / f"out-{form}"
    assert house.run("export", out, "--format", form, "--pictures", house.folder / "frames-out") == 0
    assert f"2 labels written to {out}" in capsys.readouterr().out
    assert sorted(path.name for path in (house.folder / "frames-out").iterdir()) == sorted(
        Path(card.path).name for card in cards[:2]
    )
    assert house.run("export", out, "--format", form) == 2
    assert house.run("import", out) == 0
    assert f"{out.name} is {form}" in capsys.readouterr().out
    after = house.labels()[len(before) :]
    assert {event.frame_id: event.truth for event in after} == {event.frame_id: event.truth for event in before}
    assert BoxesTruth((Box("flower", 1, 2, 30.125, 40), Box("china", 0, 0, 96, 96))) in [event.truth for event in after]


def test_boxes_that_leave_the_frame_and_labels_of_another_kind(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    boxed, classified = house.frame(0, PICTURES[0], boxes=True), house.frame(1, PICTURES[1])
    assert (inspect(PICTURES[0]).width, inspect(PICTURES[0]).height) == (96, 96)
    text = f"picture,label,x1,y1,x2,y2\n{boxed.frame_id},flower,1,2,300,40\n{classified.frame_id},flower,1,2,3,4\n"
    assert house.run("import", write(house.folder / "a.csv", text)) == 1
    said = capsys.readouterr().out
    assert "a box of 'flower' leaves the frame of 96 x 96 pixels: x 1 to 300, y 2 to 40" in said
    assert "needs `label`, one of the model's classes" in said
    assert "0 labels put on the log\n" in said


def test_an_export_holds_the_newest_truth_and_what_is_gone_is_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    card, gone = house.frame(0, PICTURES[0]), house.frame(1, PICTURES[1], boxes=True)
    for label in ("china", "flower"):
        assert house.run("import", write(house.folder / "a.csv", f"picture,label\n{card.frame_id},{label}\n")) == 0
    assert house.run("import", write(house.folder / "b.csv", f"picture,label,x1,y1,x2,y2\n{gone.frame_id},china,1,1,2,2\n")) == 0
    (house.folder / "frames" / gone.path).unlink()
    out = house.folder / "out.json"
    assert house.run("export", out, "--format", "coco") == 1
    assert "1 label not written: its frame is gone by retention, and with it the picture's size" in capsys.readouterr().out
    file = json.loads(out.read_text())
    assert [image["file_name"] for image in file["images"]] == [Path(card.path).name]
    assert file["annotations"][0]["category_id"] == 2
    assert house.run("export", house.folder / "later.csv", "--since", "2040-01-01") == 0
    assert "0 labels written" in capsys.readouterr().out
    assert house.run("export", house.folder / "x.csv", "--since", "noon") == 2


def test_frames_are_handed_out_filled_in_and_imported(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    cards = [house.frame(n, PICTURES[n % 6], "uncertain" if n % 2 else "uniform", camera=f"line-{n % 3}") for n in range(12)]
    house.run("import", write(house.folder / "a.csv", f"picture,label\n{cards[0].frame_id},china\n"))
    about = {"severity": "ticket", "headline": "", "action": "", "site": "hall", "version": "1", "since": AT + 6, "opened_at": AT}
    for number, cause in (("1", "camera_fault"), ("2", "environment_change")):
        camera = "line-2" if cause == "camera_fault" else "line-0"
        incident = Incident(incident_id=number, cause=cause, cameras=(camera,), **about)  # type: ignore[arg-type]
        house.tell(IncidentOpened(event_id=new_id(AT), occurred_at=AT, model="small", incident=incident))
    capsys.readouterr()
    to = house.folder / "to-label"
    assert house.run("next", 10, "--to", to) == 0
    said = capsys.readouterr().out.splitlines()
    table = list(csv.DictReader((to / "labels.csv").open()))
    handed = {Path(row["picture"]).stem: row for row in table}
    assert set(handed) == {card.frame_id for card in cards[1:] if card.camera != "line-2"}
    assert {row["why"] for row in table} == {"uncertain", "drifted", "uniform"}
    assert handed[cards[6].frame_id]["why"] == "drifted"
    assert len(said) == len(table) + 2
    assert said[-1] == f"fill in {to / 'labels.csv'}, then: keepsight labels import {to / 'labels.csv'}"
    assert (to / table[0]["picture"]).read_bytes() in PICTURES
    assert house.run("next", 10, "--to", to) == 2
    assert "is not empty" in capsys.readouterr().err
    text = (to / "labels.csv").read_text()
    assert house.run("import", to / "labels.csv") == 0
    assert "7 pictures without a label yet" in capsys.readouterr().out
    (to / "labels.csv").write_text(text.replace(",,,", ",flower,,"))
    assert house.run("import", to / "labels.csv") == 0
    assert house.run("next") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("no stored frame waits for a label")


def test_a_log_that_nothing_ran_on_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = House(tmp_path)
    house.settings.write_text(house.settings.read_text().replace(f"{tmp_path}/log", f"{tmp_path}/none"))
    assert house.run("export", tmp_path / "out.csv") == 2
    assert "`keepsight up` makes it" in capsys.readouterr().err
    assert house.run("next", 0) == 2
    assert house.run("import", tmp_path / "missing.csv") == 2
    assert "missing.csv cannot be read: No such file or directory" in capsys.readouterr().err


def test_yolo_needs_its_classes(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    card = house.frame(0, PICTURES[0], boxes=True)
    text = write(house.folder / "yolo" / f"{card.frame_id}.txt", "1 0.5 0.5 0.5 0.25\n")
    assert house.run("import", text.parent) == 2
    assert "needs the classes' names: data.yaml or" in capsys.readouterr().err
    assert house.run("import", text, "--classes", write(house.folder / "names", "china\nflower\n")) == 0
    (event,) = house.labels()
    assert event.truth == BoxesTruth((Box("flower", 24, 36, 72, 60),))
    write(text, "1 0.5 0.5 0.5\n")
    assert house.run("import", text, "--classes", house.folder / "names") == 2
    assert f"{card.frame_id}.txt line 1: has 4 numbers" in capsys.readouterr().err
