"""COCO JSON (Lin et al. 2014, cocodataset.org/#format-data): boxes as `[x, y, width, height]` in pixels, or categories of whole pictures.

A file whose annotations have boxes is of a detector: a picture without annotations shows nothing, which is a truth. A file whose annotations have none is
of a classifier: one category a picture, and a picture without one is not labelled yet. Crowds, and masks without a box, are refused.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from contracts.predictions import BoxesTruth, ClassTruth, Truth
from retrain.labels.formats.labelled import Contents, LabelFileError, Labelled, LeftOut, box_of, boxes_of, json_of, name_of, shown

Id = int | Annotated[str, msgspec.Meta(max_length=256)]


class _Category(msgspec.Struct):
    id: Id
    name: str


class _Image(msgspec.Struct):
    id: Id
    file_name: str
    width: int = 0
    height: int = 0


class _Annotation(msgspec.Struct):
    image_id: Id
    category_id: Id
    id: Id = ""
    bbox: list[float] | None = None
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    iscrowd: int = 0


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def parse(content: bytes) -> Contents:
    """The labels of a COCO file. Raises LabelFileError."""
    file = json_of(content, _File, "COCO JSON (an object with images, annotations and categories)")
    names = {one.id: name_of(one.name, "class", f"category {one.id!r}") for one in file.categories}
    _refuse_repeats([one.id for one in file.categories], "category")
    _refuse_repeats([one.id for one in file.images], "image")
    drawn: dict[Id, list[_Annotation]] = {image.id: [] for image in file.images}
    for one in file.annotations:
        where = f"annotation {one.id!r}"
        if one.image_id not in drawn:
            raise LabelFileError(where, f"its image_id {one.image_id!r} is none of the file's images")
        if one.category_id not in names:
            raise LabelFileError(where, f"its category_id {one.category_id!r} is none of the file's categories")
        if one.iscrowd:
            raise LabelFileError(
                where, "is a crowd (iscrowd 1): one box for many objects is no truth for a detector; draw them one by one"
            )
        if one.bbox is None and bytes(one.segmentation) not in (b"null", b"[]"):
            raise LabelFileError(where, "is a mask (segmentation) without a box: export boxes (bbox)")
        drawn[one.image_id].append(one)
    detects = any(one.bbox is not None for one in file.annotations)
    labelled, left_out = [], []
    for image in file.images:
        where = f"image {image.id!r}"
        if not image.file_name:
            raise LabelFileError(where, "has no file_name")
        truth = _boxes(drawn[image.id], names, where) if detects else _class(drawn[image.id], names, where)
        if truth is None:
            left_out.append(LeftOut(image.file_name, where, "no category is named", unlabelled=True))
        else:
            size = (image.width, image.height) if image.width > 0 and image.height > 0 else None
            labelled.append(Labelled(picture=image.file_name, truth=truth, size=size, where=where))
    return Contents(labelled, left_out)


def write(labelled: Sequence[Labelled], classes: Sequence[str]) -> bytes:
    """A COCO file; boxes in pixels. Categories are numbered from 1 in the order of `classes`."""
    numbers = {name: number for number, name in enumerate(classes, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, one in enumerate(labelled, 1):
        size = {"width": one.size[0], "height": one.size[1]} if one.size else {}
        images.append({"id": number, "file_name": one.picture, **size})
        about = {"image_id": number, "iscrowd": 0}
        if isinstance(one.truth, ClassTruth):
            annotations.append({"id": len(annotations) + 1, "category_id": numbers[one.truth.label], **about})
            continue
        for box in one.truth.boxes:
            width, height = box.x2 - box.x1, box.y2 - box.y1
            place = {"bbox": [box.x1, box.y1, width, height], "area": width * height}
            annotations.append({"id": len(annotations) + 1, "category_id": numbers[box.label], **about, **place})
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return msgspec.json.encode({"images": images, "annotations": annotations, "categories": categories})


def _boxes(drawn: list[_Annotation], names: dict[Id, str], where: str) -> BoxesTruth:
    boxes = []
    for one in drawn:
        at = f"annotation {one.id!r}"
        if one.bbox is None or len(one.bbox) != 4:
            raise LabelFileError(at, "needs bbox as [x, y, width, height]: the file's other annotations are boxes")
        x, y, width, height = one.bbox
        boxes.append(box_of(names[one.category_id], x, y, x + width, y + height, at))
    return boxes_of(boxes, where)


def _class(drawn: list[_Annotation], names: dict[Id, str], where: str) -> Truth | None:
    said = {names[one.category_id]: None for one in drawn}
    if len(said) > 1:
        raise LabelFileError(where, f"is said to be {' and '.join(map(shown, said))}: one class a picture")
    return ClassTruth(next(iter(said))) if said else None


def _refuse_repeats(ids: list[Id], what: str) -> None:
    seen: set[Id] = set()
    for one in ids:
        if one in seen:
            raise LabelFileError(f"{what} {one!r}", "stands in the file twice")
        seen.add(one)
