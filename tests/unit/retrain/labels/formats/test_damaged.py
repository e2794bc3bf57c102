"""Files that were damaged anywhere are read or refused, never anything else: no other exception, no box that is none, no name that is none."""

import json
import math
import random
from collections.abc import Callable

import pytest

from contracts.predictions import BoxesTruth, ClassTruth
from retrain.labels.formats import coco, csv, label_studio, yolo
from retrain.labels.formats.labelled import Contents, LabelFileError, Labelled, placed

CLASSES = ("cat", "dog")
RESULT = {"type": "rectanglelabels", "original_width": 64, "original_height": 48}
VALUE = {"x": 10.5, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["dog"]}
WHOLE: dict[str, bytes] = {
    "csv": b'picture,label,x1,y1,x2,y2,labelled_by\na.jpg,dog,1,2,3.5,4,eve\n"b, c.jpg",cat,0,0,64,48,\nc.jpg,(none),,,,,\n',
    "coco": json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}, {"id": 2, "file_name": "b.jpg"}],
            "categories": [{"id": 7, "name": "dog"}],
            "annotations": [
                {"id": 5, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3.5, 4], "iscrowd": 0, "segmentation": [[1, 2]]}
            ],
        }
    ).encode(),
    "label-studio": json.dumps(
        [{"id": 4, "data": {"image": "/u/a.jpg"}, "annotations": [{"completed_by": 3, "result": [{**RESULT, "value": VALUE}]}]}]
    ).encode(),
    "yolo": b"0 0.5 0.5 0.25 0.125\n1 0.1 0.9 0.05 0.1\n",
}
PARSERS: dict[str, Callable[[bytes], Contents]] = {
    "csv": csv.parse,
    "coco": coco.parse,
    "label-studio": label_studio.parse,
    "yolo": lambda content: Contents([yolo.parse(content, "a.jpg", CLASSES)], []),
}


def damaged(content: bytes, dice: random.Random) -> bytes:
    """Some bytes replaced, cut, doubled or swapped for what numbers and structures trip over."""
    found = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(found) + 1)
        match dice.randrange(5):
            case 0:
                found[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del found[at : at + dice.randint(1, 12)]
            case 2:
                found[at:at] = found[at : at + dice.randint(1, 40)]
            case 3:
                found[at : at + 1] = dice.choice(
                    (b"NaN", b"-1e308", b"1e999", b"null", b'"', b"[", b"{", b",", b"-", b"\n", b"9" * 400)
                )
            case 4:
                del found[at:]
    return bytes(found)


@pytest.mark.parametrize("name", WHOLE)
def test_damaged_files(name: str) -> None:
    dice, read = random.Random(name), 0
    assert PARSERS[name](WHOLE[name]).labelled
    longest = 0
    for _ in range(3000):
        try:
            contents = PARSERS[name](damaged(WHOLE[name], dice))
        except LabelFileError as error:
            longest = max(longest, len(str(error)))
            continue
        read += 1
        for one in contents.labelled:
            check(one)
    assert read > 50
    assert 0 < longest < 2000


def check(one: Labelled) -> None:
    if isinstance(one.truth, ClassTruth):
        assert one.truth.label.isprintable()
        return
    for box in one.truth.boxes:
        assert all(map(math.isfinite, (box.x1, box.y1, box.x2, box.y2)))
        assert box.label.isprintable()
    try:
        truth = placed(one, 64, 48)
    except LabelFileError:
        return
    assert isinstance(truth, BoxesTruth)
    assert all(0 <= box.x1 < box.x2 <= 64 and 0 <= box.y1 < box.y2 <= 48 for box in truth.boxes)
