"""What every label file comes down to: a picture's name and what is true of it. Parsers make it, writers take it, and `placed` fits boxes to the frame.

A file that breaks its format's rules is refused whole, at its first fault: `LabelFileError` names the place in the file and the rule. What is no truth yet
(a task that nobody labelled) is left out and told apart from what is wrong.
"""

import math
from typing import Final, NamedTuple, TypeVar

import msgspec

from contracts.errors import KeepsightError
from contracts.labelling import MAX_BOXES, MAX_NAME
from contracts.predictions import Box, BoxesTruth, ClassTruth, Truth

MAX_BYTES: Final = 64 << 20
"""Of a label file: a million rows of a table. Parsers hold what they read in memory."""
OVERHANG_PX: Final = 1.0
"""Tools round: a box may reach this far beyond the frame, and is cut there."""
DIGITS: Final = 3
"""Boxes are kept to a thousandth of a pixel, so that one truth is the same event through whichever format it came."""
_ARCHIVES: Final = {
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "RAR",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_SHOWN: Final = 64
T = TypeVar("T")


class LabelFileError(KeepsightError):
    """A label file breaks a rule of its format. `where` is the place in the file: `row 7`, `annotation 12`."""

    def __init__(self, where: str, rule: str) -> None:
        super().__init__(f"{where}: {rule}" if where else rule)
        self.where, self.rule = where, rule


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A picture's truth as a file tells it. Boxes are in pixels, or, where `shares`, in shares of the picture's sides (0 to 1)."""

    picture: str
    """As the file names it: a path, a URL, a frame's id."""
    truth: Truth
    shares: bool = False
    size: tuple[int, int] | None = None
    """Width and height in pixels of the picture that was labelled, where the file says so."""
    labelled_by: str = ""
    where: str = ""
    """The place in the file, for a person."""


class LeftOut(NamedTuple):
    """A picture of the file that brings no label. `unlabelled`: nobody has labelled it yet, so that nothing is wrong with it."""

    picture: str
    where: str
    why: str
    unlabelled: bool = False


class Contents(NamedTuple):
    """A label file, read."""

    labelled: list[Labelled]
    left_out: list[LeftOut]


def placed(one: Labelled, width: int, height: int) -> Truth:
    """The truth in pixels of the stored frame, which has `width` x `height`. Raises LabelFileError where boxes do not fit it."""
    if isinstance(one.truth, ClassTruth):
        return one.truth
    if one.size is not None and one.size != (width, height):
        had = f"{one.size[0]} x {one.size[1]}"
        raise LabelFileError(
            one.where, f"the labelled picture had {had} pixels, the frame has {width} x {height}: label the frame itself"
        )
    across, down = (width, height) if one.shares else (1, 1)
    return BoxesTruth(tuple(_placed(box, across, down, width, height, one.where) for box in one.truth.boxes))


def _placed(box: Box, across: int, down: int, width: int, height: int, where: str) -> Box:
    x1, y1, x2, y2 = box.x1 * across, box.y1 * down, box.x2 * across, box.y2 * down
    if min(x1, y1) < -OVERHANG_PX or x2 > width + OVERHANG_PX or y2 > height + OVERHANG_PX:
        reach = f"x {x1:.6g} to {x2:.6g}, y {y1:.6g} to {y2:.6g}"
        raise LabelFileError(where, f"a box of {shown(box.label)} leaves the frame of {width} x {height} pixels: {reach}")
    x1, y1 = round(max(x1, 0.0), DIGITS), round(max(y1, 0.0), DIGITS)
    x2, y2 = round(min(x2, float(width)), DIGITS), round(min(y2, float(height)), DIGITS)
    if x1 >= x2 or y1 >= y2:
        raise LabelFileError(where, f"nothing is left of a box of {shown(box.label)} inside the frame of {width} x {height} pixels")
    return Box(box.label, x1, y1, x2, y2)


def box_of(label: str, x1: float, y1: float, x2: float, y2: float, where: str) -> Box:
    """A box whose corners are finite numbers in order. Raises LabelFileError."""
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise LabelFileError(where, f"a box of {shown(label)} has a corner that is no finite number: {x1}, {y1}, {x2}, {y2}")
    if x1 >= x2 or y1 >= y2:
        raise LabelFileError(where, f"a box of {shown(label)} has no area: {x2 - x1:.6g} x {y2 - y1:.6g}")
    return Box(name_of(label, "class", where), x1, y1, x2, y2)


def boxes_of(boxes: list[Box], where: str) -> BoxesTruth:
    """The boxes of a picture as its truth. Raises LabelFileError when they are too many for an event."""
    if len(boxes) > MAX_BOXES:
        raise LabelFileError(where, f"{len(boxes)} boxes of one picture; at most {MAX_BOXES} are taken")
    return BoxesTruth(tuple(boxes))


def name_of(text: str, what: str, where: str) -> str:
    """`text` without blanks around it, if it can be the name of a class or of who labelled. Raises LabelFileError."""
    name = text.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise LabelFileError(where, f"{shown(text)} is no name of a {what}: 1 to {MAX_NAME} printable characters")
    return name


def text_of(content: bytes) -> str:
    """The text of a label file. Raises LabelFileError for what is none: archives, other encodings, control characters."""
    if len(content) > MAX_BYTES:
        raise LabelFileError("", f"the file has {len(content)} bytes; at most {MAX_BYTES} are taken: split it")
    for signature, kind in _ARCHIVES.items():
        if content.startswith(signature):
            raise LabelFileError("", f"the file is a {kind} archive: unpack it first")
    if content.startswith(_WIDE):
        raise LabelFileError("", "the file is UTF-16: save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelFileError(
            f"byte {error.start}", f"is not UTF-8 (0x{content[error.start]:02x}): save the file as UTF-8"
        ) from None
    if "\x00" in text:
        raise LabelFileError(f"character {text.index(chr(0))}", "is NUL: the file is no text")
    return text


def json_of(content: bytes, kind: type[T], what: str) -> T:
    """A JSON label file as `kind`. Raises LabelFileError saying where it differs from `what`."""
    try:
        return msgspec.json.decode(text_of(content), type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise LabelFileError("", f"this is not {what}: {error}") from None


def shown(text: str) -> str:
    """A name from a file as a message shows it: quoted, and not without end."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
