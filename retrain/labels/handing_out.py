"""`keepsight labels next`: the frames that are worth a person's look, in lines and in a folder to label them in."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from contracts.events import WantedFrame
from contracts.files import Folder
from retrain.labels.formats.csv import CORNERS

TABLE: Final = "labels.csv"


def told(frames: Sequence[WantedFrame]) -> list[str]:
    """The frames in lines for a person."""
    lines = [f"{'why':<10} {'camera':<20} {'model says':<16} frame"]
    return lines + [f"{one.why:<10} {one.camera:<20} {one.suggested[:16] or '-':<16} {one.path}" for one in frames]


def hand_out(
    frames: Sequence[WantedFrame], folder: Path, read: Callable[[str], bytes], detects: bool, tick: Callable[[int, int], None]
) -> int:
    """Copy the frames into `folder`, named as they are stored, with a table whose labels are to be filled in. Returns how many are gone by retention.

    The table is no place for what the model says: who labels should look at the picture first.
    """
    to = Folder(str(folder))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    corners = [""] * len(CORNERS) if detects else []
    writer.writerow(("picture", "label", *(CORNERS if detects else ()), "labelled_by", "camera", "why"))
    gone = 0
    for done, frame in enumerate(frames):
        tick(done, len(frames))
        picture = PurePosixPath(frame.path).name
        try:
            to.write(picture, read(frame.path), durable=False)
        except FileNotFoundError:
            gone += 1
            continue
        writer.writerow((picture, "", *corners, "", frame.camera, frame.why))
    to.write(TABLE, out.getvalue().encode())
    return gone
