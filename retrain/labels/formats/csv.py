"""CSV: a header and a row a label. What people type and spreadsheets save.

    picture,label,labelled_by                  a classifier's labels
    picture,label,x1,y1,x2,y2,labelled_by      a detector's: a row a box, corners in pixels; `(none)` as label says that nothing is to be seen

Other names of the columns are known too, other columns are left alone, and columns may be parted by `,`, `;` or tabs. An empty label is not labelled yet.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Final

from contracts.predictions import Box, BoxesTruth, ClassTruth, Truth
from retrain.labels.formats.labelled import Contents, LabelFileError, Labelled, LeftOut, box_of, boxes_of, name_of, shown, text_of

NOTHING: Final = "(none)"
"""The label of a picture in which a detector should find nothing."""
CORNERS: Final = ("x1", "y1", "x2", "y2")
_NAMES: Final = {
    "picture": ("picture", "frame_id", "file_name", "filename", "file", "image", "path"),
    "label": ("label", "class", "class_name", "category"),
    "labelled_by": ("labelled_by", "labeled_by", "annotator"),
    **{corner: (corner,) for corner in CORNERS},
    "x1": ("x1", "xmin"),
    "y1": ("y1", "ymin"),
    "x2": ("x2", "xmax"),
    "y2": ("y2", "ymax"),
}
_PARTED_BY: Final = ",;\t"


def parse(content: bytes) -> Contents:
    """The labels of a CSV file. Raises LabelFileError."""
    text = text_of(content)
    head = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_PARTED_BY, key=head.count), strict=True)
    found: dict[str, _Rows] = {}
    left_out: list[LeftOut] = []
    columns: Mapping[str, int] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = _columns(row)
                continue
            _take(row, columns, f"row {reader.line_num}", found, left_out)
    except csv.Error as error:
        raise LabelFileError(f"row {reader.line_num}", f"is no CSV: {error}") from None
    if columns is None:
        raise LabelFileError("", "the file is empty: a header with the columns picture and label is needed")
    return Contents([rows.labelled(picture) for picture, rows in found.items()], left_out)


def write(labelled: Sequence[Labelled]) -> bytes:
    """A CSV file; boxes in pixels."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    detects = any(isinstance(one.truth, BoxesTruth) for one in labelled)
    writer.writerow(("picture", "label", *(CORNERS if detects else ()), "labelled_by"))
    for one in labelled:
        if isinstance(one.truth, ClassTruth):
            writer.writerow((one.picture, one.truth.label, *([""] * 4 if detects else ()), one.labelled_by))
            continue
        for box in one.truth.boxes:
            writer.writerow((one.picture, box.label, box.x1, box.y1, box.x2, box.y2, one.labelled_by))
        if not one.truth.boxes:
            writer.writerow((one.picture, NOTHING, "", "", "", "", one.labelled_by))
    return out.getvalue().encode()


class _Rows:
    """What the rows of one picture say."""

    def __init__(self, where: str, labelled_by: str, label: str | None) -> None:
        self.where, self.labelled_by, self.label = where, labelled_by, label
        self.boxes: list[Box] = []

    def labelled(self, picture: str) -> Labelled:
        truth: Truth = ClassTruth(self.label) if self.label is not None else boxes_of(self.boxes, self.where)
        return Labelled(picture=picture, truth=truth, labelled_by=self.labelled_by, where=self.where)


def _columns(header: list[str]) -> dict[str, int]:
    names = [cell.strip().lower() for cell in header]
    found: dict[str, int] = {}
    for column, known in _NAMES.items():
        places = [names.index(name) for name in known if name in names]
        if places:
            found[column] = places[0]
    missing = [column for column in ("picture", "label") if column not in found]
    if missing:
        had = ", ".join(shown(cell) for cell in header[:12])
        raise LabelFileError("row 1", f"no column {' and '.join(missing)} among {had}; a header with picture and label is needed")
    corners = [corner for corner in CORNERS if corner in found]
    if 0 < len(corners) < len(CORNERS):
        raise LabelFileError("row 1", f"has the columns {', '.join(corners)} alone: boxes need {', '.join(CORNERS)}")
    return found


def _take(row: list[str], columns: Mapping[str, int], where: str, found: dict[str, _Rows], left_out: list[LeftOut]) -> None:
    cells = {name: row[place].strip() if place < len(row) else "" for name, place in columns.items()}
    picture, label = cells["picture"], cells["label"]
    if not picture:
        raise LabelFileError(where, "names no picture")
    corners = [cells[corner] for corner in CORNERS if corner in cells]
    if not label and not any(corners):
        left_out.append(LeftOut(picture, where, "the label is empty", unlabelled=True))
        return
    by = cells.get("labelled_by", "")
    labelled_by = name_of(by, "person", where) if by else ""
    standing = found.get(picture)
    if not corners or (label == NOTHING and not any(corners)):
        said = None if corners or label == NOTHING else name_of(label, "class", where)
        if standing is None:
            found[picture] = _Rows(where, labelled_by, said)
        elif standing.label != said or standing.boxes:
            raise LabelFileError(where, f"says something else of {shown(picture)} than {standing.where}")
        return
    if standing is None:
        standing = found[picture] = _Rows(where, labelled_by, None)
    elif not standing.boxes:
        raise LabelFileError(where, f"draws a box on {shown(picture)}, of which {standing.where} says that it shows nothing")
    x1, y1, x2, y2 = (_number(text, where) for text in corners)
    standing.boxes.append(box_of(label, x1, y1, x2, y2, where))


def _number(text: str, where: str) -> float:
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise LabelFileError(where, f"{shown(text)} is no number of pixels")
    return number
