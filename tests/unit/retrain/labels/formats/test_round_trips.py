"""What is exported and imported again is what was there, in every format; and one truth is one event whichever format brought it."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.predictions import Box, BoxesTruth, ClassTruth, Truth
from retrain.labels.formats import coco, csv, label_studio, yolo
from retrain.labels.formats.labelled import Contents, Labelled, placed

CLASSES = ("good", "no", "a, \"b\"; 'c'", "défaut 裂", "7")
SIZES = st.tuples(st.integers(8, 8192), st.integers(8, 8192))
NAMES = (
    st.text("abz-_ 裂é()", min_size=1, max_size=12)
    .map(lambda name: f"frames/{name.strip() or 'x'}")
    .map(lambda name: f"{name}.jpg")
)


@st.composite
def boxes(draw: Any, size: tuple[int, int]) -> Box:
    """On the grid of a thousandth of a pixel, as every import leaves them."""
    (x1, x2), (y1, y2) = (sorted(draw(st.lists(st.integers(0, side * 1000), min_size=2, max_size=2, unique=True))) for side in size)
    return Box(draw(st.sampled_from(CLASSES)), x1 / 1000, y1 / 1000, x2 / 1000, y2 / 1000)


@st.composite
def detected(draw: Any) -> list[Labelled]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        size = draw(SIZES)
        truth = BoxesTruth(tuple(draw(st.lists(boxes(size), min_size=0 if number else 1, max_size=4))))
        found.append(Labelled(picture=f"{number}-{draw(NAMES)}", truth=truth, size=size, labelled_by="eve@site"))
    return found


@st.composite
def classified(draw: Any) -> list[Labelled]:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    return [Labelled(picture=name, truth=ClassTruth(draw(st.sampled_from(CLASSES))), labelled_by="eve") for name in names]


def _yolo(labelled: Sequence[Labelled]) -> Contents:
    files = yolo.write(labelled, CLASSES)
    assert yolo.classes_of(files["data.yaml"], "data.yaml") == yolo.classes_of(files["classes.txt"], "classes.txt") == CLASSES
    texts = {
        f"labels/{one.picture.removeprefix('frames/').removesuffix('.jpg')}.txt".split("/")[-1]: one.picture for one in labelled
    }
    return Contents([yolo.parse(files[f"labels/{name}"], picture, CLASSES) for name, picture in texts.items()], [])


FORMATS: dict[str, Callable[[Sequence[Labelled]], Contents]] = {
    "csv": lambda labelled: csv.parse(csv.write(labelled)),
    "coco": lambda labelled: coco.parse(coco.write(labelled, CLASSES)),
    "label-studio": lambda labelled: label_studio.parse(label_studio.write(labelled)),
}


def said(labelled: Sequence[Labelled], sizes: Sequence[tuple[int, int] | None]) -> list[tuple[str, Truth]]:
    return [(one.picture, placed(one, *(size or (1, 1)))) for one, size in zip(labelled, sizes, strict=True)]


@pytest.mark.parametrize("name", FORMATS)
@given(labelled=classified())
def test_classes_come_back(name: str, labelled: list[Labelled]) -> None:
    back = FORMATS[name](labelled)
    assert back.left_out == []
    assert said(back.labelled, [None] * len(labelled)) == [(one.picture, one.truth) for one in labelled]


@pytest.mark.parametrize("name", FORMATS)
@given(labelled=detected())
def test_boxes_come_back(name: str, labelled: list[Labelled]) -> None:
    back = FORMATS[name](labelled)
    assert back.left_out == []
    assert said(back.labelled, [one.size for one in labelled]) == [(one.picture, one.truth) for one in labelled]


@given(labelled=detected())
def test_boxes_come_back_from_yolo(labelled: list[Labelled]) -> None:
    labelled = [msgspec.structs.replace(one, picture=f"frames/{number}.jpg") for number, one in enumerate(labelled)]
    back = _yolo(labelled)
    assert said(back.labelled, [one.size for one in labelled]) == [(one.picture, one.truth) for one in labelled]


@given(labelled=detected())
def test_who_labelled_comes_back_where_the_format_holds_it(labelled: list[Labelled]) -> None:
    for name in ("csv", "label-studio"):
        assert {one.labelled_by for one in FORMATS[name](labelled).labelled} == {"eve@site"}
