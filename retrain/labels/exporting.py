"""From the log to a label file: the newest truth of every frame that was labelled."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from contracts.errors import FrameError, SettingsError
from contracts.events import BadEventError, FrameLabelled, decode
from contracts.frame_header import inspect
from contracts.ports import Record
from contracts.predictions import BoxesTruth
from retrain.labels.formats import coco, csv, label_studio, yolo
from retrain.labels.formats.labelled import Labelled, LeftOut
from retrain.labels.reading import Format

MAX_FRAMES: Final = 500_000
"""Labelled frames that one export holds in memory, some 1 KB each."""


def newest(records: Iterable[Record], model: str, since: float) -> list[FrameLabelled]:
    """The newest truth of each frame of `model` captured from `since` on (Unix seconds), in order of capture. Of two said at one time the later read.

    Raises SettingsError when they are too many.
    """
    found: dict[str, FrameLabelled] = {}
    for record in records:
        try:
            event = decode(record)
        except BadEventError:
            continue  # the services have put it among the dead letters
        if not isinstance(event, FrameLabelled) or event.model != model or event.captured_at < since:
            continue
        standing = found.get(event.frame_id)
        if standing is None and len(found) == MAX_FRAMES:
            raise SettingsError(f"more than {MAX_FRAMES} labelled frames: name a time with --since")
        if standing is None or standing.occurred_at <= event.occurred_at:
            found[event.frame_id] = event
    return sorted(found.values(), key=lambda event: (event.captured_at, event.frame_id))


def exported(
    events: Sequence[FrameLabelled], form: Format, frame: Callable[[str], bytes], tick: Callable[[int, int], None]
) -> tuple[list[Labelled], list[LeftOut]]:
    """The labels as a file holds them. `frame` reads a stored frame; it is asked only where the format needs a picture's size.

    A picture is named as its frame is stored, so that an import finds it again.
    """
    found: list[Labelled] = []
    left_out: list[LeftOut] = []
    for done, event in enumerate(events):
        tick(done, len(events))
        picture = PurePosixPath(event.stored or event.frame_id).name
        size = None
        if form != "csv" and isinstance(event.truth, BoxesTruth):
            try:
                header = inspect(frame(event.stored or ""))
            except (FileNotFoundError, FrameError) as error:
                gone = (
                    "its frame is gone by retention, and with it the picture's size"
                    if isinstance(error, FileNotFoundError)
                    else str(error)
                )
                left_out.append(LeftOut(picture, event.frame_id, gone))
                continue
            size = (header.width, header.height)
        found.append(Labelled(picture=picture, truth=event.truth, size=size, labelled_by=event.labelled_by))
    return found, left_out


def files(labels: Sequence[Labelled], form: Format, known: Sequence[str], name: str) -> Mapping[str, bytes]:
    """The content of the files to write, by path: one called `name`, for YOLO a folder's.

    `known` are the classes in the model's order; classes of labels that are none of it (any more) come behind. Raises SettingsError for what a format
    does not hold.
    """
    said = [box.label for one in labels if isinstance(one.truth, BoxesTruth) for box in one.truth.boxes]
    said += [one.truth.label for one in labels if not isinstance(one.truth, BoxesTruth)]
    classes = tuple(dict.fromkeys([*known, *sorted(set(said))]))
    match form:
        case "csv":
            return {name: csv.write(labels)}
        case "coco":
            return {name: coco.write(labels, classes)}
        case "label-studio":
            return {name: label_studio.write(labels)}
        case "yolo":
            return yolo.write(labels, classes)
