"""A label file that breaks its format's rules is refused whole, with the place and the rule; nothing that is read can be more than its bytes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts.errors import SettingsError
from contracts.labelling import MAX_BOXES
from contracts.predictions import Box, BoxesTruth, ClassTruth
from retrain.labels.formats import coco, csv, label_studio, labelled, yolo
from retrain.labels.formats.labelled import LabelFileError, Labelled, placed

CLASSES = ("cat", "dog")
PARSERS: dict[str, Callable[[bytes], object]] = {
    "csv": csv.parse,
    "coco": coco.parse,
    "yolo": lambda content: yolo.parse(content, "a.jpg", CLASSES),
    "label-studio": label_studio.parse,
}


def refused(parse: Callable[[bytes], object], content: bytes) -> str:
    with pytest.raises(LabelFileError) as error:
        parse(content)
    assert len(str(error.value)) < 600
    return str(error.value)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "a ZIP archive: unpack it first"),
        (b"\x1f\x8brest", "a gzip archive"),
        ("picture,label\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b"picture,label\na,caf\xe9\n", "byte 19: is not UTF-8 (0xe9)"),
        (b"picture,label\na,\x00\n", "is NUL"),
    ],
)
def test_what_is_no_text_is_named(name: str, content: bytes, said: str) -> None:
    assert said in refused(PARSERS[name], content)


@pytest.mark.parametrize("name", ["coco", "label-studio"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'[{"data":' + b'{"a":' * 200_000,
        b"1e999",
        b'{"images": NaN}',
        b"[1, 2",
        b'"x"',
        b"null",
    ],
)
def test_json_that_is_something_else(name: str, content: bytes) -> None:
    assert "this is not" in refused(PARSERS[name], content)


def test_a_file_beyond_the_limit_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "MAX_BYTES", 10)
    for parse in PARSERS.values():
        assert "11 bytes; at most 10 are taken: split it" in refused(parse, b"x" * 11)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("picture\na\n", "row 1: no column label among 'picture'"),
        ("name,labels\n", "no column picture and label"),
        ("picture,label,x1,y1\n", "row 1: has the columns x1, y1 alone"),
        ("picture,label\n,dog\n", "row 2: names no picture"),
        ("picture,label\na,dog\na,cat\n", "row 3: says something else of 'a' than row 2"),
        ("picture,label\na,d\x07g\n", "is no name of a class"),
        ("picture,label\na," + "x" * 129 + "\n", "is no name of a class: 1 to 128"),
        ("picture,label\na," + "x" * 200_000 + "\n", "row 2: is no CSV: field larger than field limit"),
        ('picture,label\na,"dog\n', "is no CSV"),
        ("picture,label,x1,y1,x2,y2\na,dog,1,2,3,\n", "row 2: '' is no number of pixels"),
        ("picture,label,x1,y1,x2,y2\na,dog,,,,\n", "row 2: '' is no number of pixels"),
        ("picture,label,x1,y1,x2,y2\na,dog,1,2,nan,4\n", "'nan' is no number of pixels"),
        ("picture,label,x1,y1,x2,y2\na,dog,1,2,1_0,4\n", "'1_0' is no number"),
        ("picture,label,x1,y1,x2,y2\na,dog,5,2,3,4\n", "row 2: a box of 'dog' has no area: -2 x 2"),
        ("picture,label,x1,y1,x2,y2\na,,1,2,3,4\n", "'' is no name of a class"),
        ("picture,label,x1,y1,x2,y2\na,(none),,,,\na,dog,1,2,3,4\n", "row 3: draws a box on 'a', of which row 2"),
        ("picture,label,x1,y1,x2,y2\na,dog,1,2,3,4\na,(none),,,,\n", "row 3: says something else of 'a' than row 2"),
    ],
)
def test_csv(text: str, said: str) -> None:
    assert said in refused(csv.parse, text.encode())


def test_csv_as_spreadsheets_save_it() -> None:
    text = "\ufeffFrame_ID;note;Class\r\na;x, y;dog \r\n\r\nb;;\r\nc;;(none)\r\na;;dog\r\n"
    found = csv.parse(text.encode())
    assert [(one.picture, one.truth, one.where) for one in found.labelled] == [
        ("a", ClassTruth("dog"), "row 2"),
        ("c", BoxesTruth(()), "row 5"),
    ]
    assert [(one.picture, one.where, one.unlabelled) for one in found.left_out] == [("b", "row 4", True)]


def coco_file(*annotations: dict[str, Any], **more: Any) -> bytes:
    images = [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}, {"id": 2, "file_name": "b.jpg"}]
    categories = [{"id": 7, "name": "dog"}, {"id": 8, "name": "cat"}]
    standard = {"id": 5, "image_id": 1, "category_id": 7}
    file = {"images": images, "categories": categories, "annotations": [{**standard, **one} for one in annotations], **more}
    return json.dumps(file).encode()


BOX = {"bbox": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (coco_file({**BOX, "iscrowd": 1}), "annotation 5: is a crowd (iscrowd 1)"),
        (coco_file({"segmentation": {"counts": "x", "size": [1, 1]}}), "annotation 5: is a mask (segmentation) without a box"),
        (coco_file({"segmentation": [[1, 2, 3, 4]]}), "annotation 5: is a mask"),
        (coco_file({**BOX, "image_id": 3}), "annotation 5: its image_id 3 is none"),
        (coco_file({**BOX, "image_id": "1"}), "annotation 5: its image_id '1' is none"),
        (coco_file({**BOX, "id": "\x1b[2J", "category_id": 3}), "annotation '\\x1b[2J': its category_id 3 is none"),
        (coco_file({**BOX, "category_id": 3}), "annotation 5: its category_id 3 is none"),
        (coco_file({"bbox": [1, 2, 3]}), "annotation 5: needs bbox as [x, y, width, height]"),
        (coco_file({"bbox": [1, 2, -3, 4]}), "annotation 5: a box of 'dog' has no area: -3 x 4"),
        (coco_file({"bbox": [1, 2, 1e308, 1e308]}, {"bbox": [1e308, 2, 1e308, 4]}), "is no finite number"),
        (coco_file({**BOX, "id": 9}, {}), "annotation 5: needs bbox"),
        (coco_file({}, {"category_id": 8}), "image 1: is said to be 'dog' and 'cat'"),
        (coco_file(categories=[{"id": 1, "name": "x"}, {"id": 1, "name": "y"}]), "category 1: stands in the file twice"),
        (coco_file(categories=[{"id": 1, "name": " "}]), "category 1: ' ' is no name of a class"),
        (coco_file(images=[{"id": 1, "file_name": "x"}] * 2), "image 1: stands in the file twice"),
        (coco_file(images=[{"id": 1, "file_name": ""}]), "image 1: has no file_name"),
        (coco_file(images=[{"id": True, "file_name": "x"}]), "$.images[0].id"),
        (coco_file(*[BOX] * (MAX_BOXES + 1)), f"image 1: {MAX_BOXES + 1} boxes of one picture"),
        (b'{"images": []}', "missing required field"),
    ],
)
def test_coco(content: bytes, said: str) -> None:
    assert said in refused(coco.parse, content)


def test_coco_pictures_without_annotations() -> None:
    """In a file with boxes they show nothing; in one without, nobody has labelled them."""
    first, second = coco.parse(coco_file(BOX, {**BOX, "segmentation": [[1, 2, 3, 4]]})).labelled
    assert (first.picture, first.size, len(first.truth.boxes)) == ("a.jpg", (64, 48), 2)  # type: ignore[union-attr]  # of boxes
    assert (second.picture, second.size, second.truth) == ("b.jpg", None, BoxesTruth(()))
    classes = coco.parse(coco_file({}))
    assert [one.truth for one in classes.labelled] == [ClassTruth("dog")]
    assert [(one.picture, one.unlabelled) for one in classes.left_out] == [("b.jpg", True)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.1", "line 1: has 4 numbers"),
        ("0 0.5 0.5 0.1 0.1 0.9", "a sixth number is a score, and predictions are no truths"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "outlines and key points are not taken"),
        ("\n2 0.5 0.5 0.1 0.1", "line 2: '2' is the number of no class: there are 2, from 0"),
        ("-1 0.5 0.5 0.1 0.1", "'-1' is the number of no class"),
        ("² 0.5 0.5 0.1 0.1", "is the number of no class"),
        ("9" * 5000 + " 0.5 0.5 0.1 0.1", "is the number of no class"),
        ("0 nan 0.5 0.1 0.1", "'nan' is no share"),
        ("0 1.5 0.5 0.1 0.1", "'1.5' is no share of the picture's side: 0 to 1"),
        ("0 0.5 0.5 -0.1 0.1", "'-0.1' is no share"),
        ("0 0.5 0.5 0 0.1", "a box of 'cat' has no area"),
        ("0 0.5 0.5 0.1 0.1\n" * (MAX_BOXES + 1), f"{MAX_BOXES + 1} boxes of one picture"),
    ],
)
def test_yolo(text: str, said: str) -> None:
    assert said in refused(PARSERS["yolo"], text.encode())


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("classes.txt", "\n", "names: 0 classes"),
        ("classes.txt", "cat\ncat\n", "names: 'cat' stands there twice"),
        ("classes.txt", "x\n" * 10_001, "names: 10001 classes"),
        ("data.yaml", "names: [", "this is no YAML"),
        ("data.yaml", "- cat\n", "names: is needed"),
        ("data.yaml", "names: [yes, no]", "names: is needed"),
        ("data.yaml", "names: {1: cat, 2: dog}", "names: is a table whose keys are not the numbers from 0"),
        ("data.yaml", "names: !!python/object/apply:os.system [ls]", "this is no YAML"),
        ("data.yaml", "[" * 100_000, "this is no YAML"),
        ("data.yaml", BOMB + "names: *i\n", "names: is needed"),
        ("data.yaml", "x" * ((1 << 20) + 1), "a data.yaml has at most"),
    ],
)
def test_yolo_classes(name: str, text: str, said: str) -> None:
    assert said in refused(lambda content: yolo.classes_of(content, name), text.encode())


def test_yolo_classes_as_tools_write_them() -> None:
    assert yolo.classes_of(b"path: .\nnc: 2\nnames:\n  0: cat\n  1: 7\n", "data.yaml") == ("cat", "7")
    assert yolo.classes_of(b"names: ['cat', \"dog\"]", "data.yaml") == CLASSES
    assert yolo.classes_of(b"cat\r\n dog \r\n", "classes.txt") == CLASSES


def test_yolo_holds_no_classes_of_whole_pictures() -> None:
    with pytest.raises(SettingsError, match="use csv, coco or label-studio"):
        yolo.write([Labelled(picture="a", truth=ClassTruth("dog"))], CLASSES)


def task(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": 4,
        "data": {"image": "/data/upload/1/a.jpg"},
        "annotations": [{"result": list(results), "completed_by": 3}],
        **more,
    }


def rectangle(**more: Any) -> dict[str, Any]:
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["dog"], **more}
    return {"type": "rectanglelabels", "original_width": 200, "original_height": 100, "value": value}


CHOICE = {"type": "choices", "value": {"choices": ["dog"]}}


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([task({"type": "polygonlabels", "value": {}})], "results of the type 'polygonlabels' are not taken"),
        ([task({"type": "brushlabels", "value": {"format": "rle", "rle": [1]}})], "'brushlabels' are not taken"),
        ([task(CHOICE), task(rectangle())], "has choices and rectanglelabels"),
        ([task(rectangle(rotation=30))], "task 4: has a rotated rectangle or picture"),
        ([task({**rectangle(), "image_rotation": 90})], "task 4: has a rotated rectangle or picture"),
        ([task(rectangle(rectanglelabels=[]))], "task 4: has a rectangle with 0 labels"),
        ([task(rectangle(width=-30))], "task 4: a box of 'dog' has no area"),
        ([task(rectangle(width="wide"))], "task 4: has a result that is none: Expected `float`"),
        ([task(rectangle(), {**rectangle(), "original_width": 201})], "task 4: its results are of pictures of several sizes"),
        ([task({"type": "choices", "value": {"choices": ["dog", "cat"]}})], "task 4: is said to be 'dog' and 'cat'"),
        ([task({"type": "choices", "value": {"choices": ["\n"]}})], "is no name of a class"),
        ([task(CHOICE, data={})], "task 4: names no picture: data needs `image`, or one text alone; it has nothing"),
        ([task(CHOICE, data={"a": "x", "b": "y"})], "task 4: names no picture"),
        ([task(CHOICE, data={"image": "http://[x/a.jpg"})], "is no picture's address"),
        ([{"image": "/a.jpg", "choice": "dog"}], "not JSON-MIN"),
        ([task(*[rectangle()] * (MAX_BOXES + 1))], f"{MAX_BOXES + 1} boxes of one picture"),
    ],
)
def test_label_studio(tasks: list[dict[str, Any]], said: str) -> None:
    assert said in refused(label_studio.parse, json.dumps(tasks).encode())


def test_label_studio_as_it_exports() -> None:
    address = {"image": "/data/local-files/?d=belt%2F1%2Fb.jpg", "camera": "x"}
    skipped = {"result": [], "was_cancelled": True}
    other = {"result": [{"type": "choices", "value": {"choices": ["cat"]}}]}
    tasks = [
        task(CHOICE, predictions=[{"result": [{"type": "brushlabels"}]}]),
        task(CHOICE, data=address, id=5),
        task(id=6, annotations=[skipped]),
        task(id=7, annotations=[]),
        task(id=8, annotations=[{"result": [CHOICE]}, other]),
    ]
    found = label_studio.parse(json.dumps(tasks).encode())
    assert [(one.picture, one.truth, one.labelled_by) for one in found.labelled] == [
        ("/data/upload/1/a.jpg", ClassTruth("dog"), "label studio user 3"),
        ("belt/1/b.jpg", ClassTruth("dog"), "label studio user 3"),
    ]
    assert [(one.where, one.unlabelled) for one in found.left_out] == [("task 6", True), ("task 7", True), ("task 8", False)]
    (boxed,) = label_studio.parse(json.dumps([task(rectangle())]).encode()).labelled
    assert placed(boxed, 200, 100) == BoxesTruth((Box("dog", 20, 20, 80, 60),))


def boxed(*corners: float, **more: Any) -> Labelled:
    return Labelled(picture="a", truth=BoxesTruth((Box("dog", *corners),)), where="row 2", **more)


def test_boxes_are_cut_at_the_frame_and_kept_to_a_thousandth() -> None:
    assert placed(boxed(-0.5, 0.12345, 64.9, 48), 64, 48) == BoxesTruth((Box("dog", 0, 0.123, 64, 48),))
    assert placed(boxed(0.25, 0.5, 0.75, 1, shares=True), 64, 48) == BoxesTruth((Box("dog", 16, 24, 48, 48),))


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (boxed(-2, 0, 5, 5), "row 2: a box of 'dog' leaves the frame of 64 x 48 pixels: x -2 to 5, y 0 to 5"),
        (boxed(0, 0, 66, 5), "leaves the frame"),
        (boxed(0, 0, 1e308, 5), "leaves the frame"),
        (boxed(64.2, 0, 64.8, 5), "nothing is left of a box of 'dog'"),
        (boxed(5, 5, 5.0001, 6), "nothing is left"),
        (boxed(0, 0, 5, 5, size=(128, 96)), "the labelled picture had 128 x 96 pixels, the frame has 64 x 48"),
    ],
)
def test_boxes_that_do_not_fit_the_frame(one: Labelled, said: str) -> None:
    with pytest.raises(LabelFileError) as error:
        placed(one, 64, 48)
    assert said in str(error.value)
