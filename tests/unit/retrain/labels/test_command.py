"""`keepsight labels` on a real frame store, a real repository and a real log: what is handed out, labelled, imported and exported again."""

import csv
import json
import time
from pathlib import Path

import pytest

from contracts.events import (
    COMMANDS,
    LABELS,
    TOPICS,
    AnyEvent,
    FrameLabelled,
    LabelsWanted,
    ReviewLabel,
    Sample,
    WantedFrame,
    decode,
    encode,
)
from contracts.frame_header import inspect
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.log import open_bus
from contracts.predictions import Box, BoxesTruth, ClassTruth, Detections, Prediction, Scored, classification
from retrain.foreign import Inbox
from retrain.labels import command
from tests.small_model import photographs, publish_small_version

AT = 1_790_000_000.0
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
        """A frame that was answered and stored."""
        frame_id = new_id(AT + number)
        prediction: Prediction = Detections((Box("china", 0, 0, 5, 5, 0.8),)) if boxes else classification(KNOWN, [0.7, 0.3])
        card = StoredFrame(
            frame_id=frame_id, model="small", camera=camera, site="hall", captured_at=AT + number, codec="jpeg", sample=sample,
            predictions=(Scored("1", "champion", prediction),), path=frame_path("small", frame_id, "jpeg"),
        )  # fmt: skip
        self.store.put(card, content)
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


def wanted(house: House, *frames: tuple[StoredFrame, str], at: float = AT + 100) -> None:
    """The list that the retrain service says."""
    named = tuple(WantedFrame(card.frame_id, card.camera, card.path, why, "flower") for card, why in frames)  # type: ignore[arg-type]
    house.tell(LabelsWanted(event_id=new_id(at), occurred_at=at, model="small", frames=named))


def test_frames_are_handed_out_filled_in_and_imported(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert house.run("next") == 1
    assert "the retrain service says one within a minute" in capsys.readouterr().out
    cards = [house.frame(n, PICTURES[n % 6], camera=f"line-{n % 3}") for n in range(8)]
    house.run("import", write(house.folder / "a.csv", f"picture,label\n{cards[0].frame_id},china\n"))
    wanted(house, (cards[7], "drifted"))
    wanted(house, (cards[1], "suspect"), *((card, why) for card, why in zip(cards, ["uniform", "uncertain"] * 3, strict=False)))
    (house.folder / "frames" / cards[5].path).unlink()
    capsys.readouterr()
    to = house.folder / "to-label"
    assert house.run("next", 10, "--to", to) == 0
    said = capsys.readouterr().out.splitlines()
    table = list(csv.DictReader((to / "labels.csv").open()))
    handed = {Path(row["picture"]).stem: row for row in table}
    assert set(handed) == {card.frame_id for card in cards[1:5]}
    assert {row["why"] for row in table} == {"uncertain", "uniform"}
    assert len(said) == 1 + 5 + 2
    assert said[-2:] == [
        f"fill in {to / 'labels.csv'}, then: keepsight labels import {to / 'labels.csv'}",
        "1 of them are gone by retention meanwhile",
    ]
    assert (to / table[0]["picture"]).read_bytes() in PICTURES
    assert house.run("next", 10, "--to", to) == 2
    assert "is not empty" in capsys.readouterr().err
    text = (to / "labels.csv").read_text()
    assert house.run("import", to / "labels.csv") == 0
    assert "4 pictures without a label yet" in capsys.readouterr().out
    (to / "labels.csv").write_text(text.replace(",,,", ",flower,,"))
    assert house.run("import", to / "labels.csv") == 0
    unsure = ReviewLabel(
        event_id=new_id(AT + 200), occurred_at=AT + 200, model="small", frame_id=cards[5].frame_id, by="ada", verdict="unsure"
    )
    house.tell(unsure)
    assert house.run("next") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("no stored frame waits for a label")


def doubted(house: House) -> list[StoredFrame]:
    """Four labels that are doubted, the last of which was corrected since."""
    cards = [house.frame(n, PICTURES[n], camera=f"line-{n % 2}") for n in range(4)]
    rows = "".join(f"{card.frame_id},china,eve\n" for card in cards)
    assert house.run("import", write(house.folder / "a.csv", f"picture,label,labelled_by\n{rows}")) == 0
    wanted(house, *((card, "suspect") for card in cards), at=time.time())
    assert house.run("import", write(house.folder / "b.csv", f"picture,label\n{cards[3].frame_id},flower\n")) == 0
    return cards


def reviews(house: House) -> dict[str, tuple[str, str]]:
    reader = house.bus.reader(None, [COMMANDS])
    try:
        found = [decode(record) for record in reader.poll(0.1)]
    finally:
        reader.close()
    return {event.frame_id: (event.verdict, event.by) for event in found if isinstance(event, ReviewLabel)}


def test_doubted_labels_go_out_in_a_table_and_come_back_with_what_a_person_said(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = doubted(house)
    to = house.folder / "again"
    assert house.run("review", "--to", to) == 0
    assert "3 labels to look at again: fill in `said`" in capsys.readouterr().out
    table = list(csv.DictReader((to / "review.csv").open()))
    assert [(row["picture"], row["label"], row["labelled_by"], row["said"]) for row in table] == [
        (f"{card.frame_id}.jpeg", "china", "eve", "") for card in cards[:3]
    ]
    assert (to / table[0]["picture"]).read_bytes() == PICTURES[0]
    said = ("right", "wrong", "flower")
    text = "picture,said\n" + "".join(f"{card.frame_id}.jpeg,{word}\n" for card, word in zip(cards, said, strict=False))
    assert house.run("review", write(to / "filled.csv", f"{text}{cards[3].frame_id}.jpeg,right\n"), "--by", "ada") == 1
    out = capsys.readouterr().out
    assert "3 put on the log, 0 still to be looked at" in out
    assert f"{cards[3].frame_id} is not on the list any more" in out
    assert reviews(house) == {cards[0].frame_id: ("right", "ada"), cards[1].frame_id: ("wrong", "ada")}
    last = max(house.labels(), key=lambda event: event.occurred_at)
    assert (last.frame_id, last.truth, last.labelled_by, last.source) == (cards[2].frame_id, ClassTruth("flower"), "ada", "review")
    assert house.run("review", write(to / "strange.csv", f"picture,said\n{cards[0].frame_id},perhaps\n")) == 0
    assert "no label is in doubt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n", "has no columns picture and said"),
        ("picture,said\nx.jpg,right\n", "'x.jpg' holds no frame's id"),
        ("picture,said\n{0},right\n{0},wrong\n", "row 3: says something else of a frame than a row before"),
    ],
)
def test_a_table_that_is_none_is_refused_whole(house: House, text: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    cards = doubted(house)
    assert house.run("review", write(house.folder / "r.csv", text.format(cards[0].frame_id))) == 2
    assert why in capsys.readouterr().err
    assert reviews(house) == {}


def test_without_a_terminal_nobody_is_asked(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    doubted(house)
    assert house.run("review") == 2
    assert "there is no terminal to ask on" in capsys.readouterr().err


def test_pictures_that_no_camera_sent_are_brought_to_learn_from(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    card = house.frame(0, PICTURES[0])
    pictures = house.folder / "pictures"
    for name, content in (("own.jpg", PICTURES[0]), ("other.jpg", PICTURES[1]), ("twin.jpg", PICTURES[1]), ("torn.jpg", b"torn")):
        write(pictures / name, "")
        (pictures / name).write_bytes(content)
    names = ("own.jpg", "other.jpg", "twin.jpg", "torn.jpg", "away.jpg")
    file = write(house.folder / "a.csv", "picture,label\n" + "".join(f"{name},china\n" for name in names) + "other.jpg,china\n")
    write(pictures / "strange.jpg", "")
    (pictures / "strange.jpg").write_bytes(PICTURES[2])
    file.write_text(file.read_text() + "strange.jpg,zebra\n")
    assert house.run("import", file, "--source", "factory 2") == 2
    assert "name their folder with --pictures DIR" in capsys.readouterr().err
    inbox, store = Inbox(str(house.folder / "frames"), "small"), FrameStore(str(house.folder / "frames"))
    assert house.run("import", file, "--source", "factory 2", "--pictures", pictures, "--dry-run", "--by", "ada") == 1
    assert "1 picture that no camera sent" in capsys.readouterr().out
    assert inbox.names() == ()
    for _ in range(2):
        assert house.run("import", file, "--source", "factory 2", "--pictures", pictures, "--by", "ada") == 1
    said = capsys.readouterr().out
    assert "1 label put on the log" in said
    assert "there is no such picture in the folder (row 6 'away.jpg')" in said
    assert "'zebra' is no class of the versions in service" in said
    assert {event.frame_id for event in house.labels()} == {card.frame_id}
    (digest,) = inbox.names()
    batch = inbox.get(digest)
    assert (batch.source, [(one.name, one.truth, one.labelled_by) for one in batch.pictures]) == (
        "factory 2",
        [(name, ClassTruth("china"), "ada") for name in ("other.jpg", "twin.jpg")],
    )
    assert store.kept("small", batch.pictures[0].sha256) == PICTURES[1]


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
