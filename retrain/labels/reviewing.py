"""Doubted labels are looked at again: one by one in the terminal, or in a table beside the pictures. What a person says of each becomes an event."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import msgspec

from contracts.errors import SettingsError
from contracts.events import FrameLabelled, ReviewLabel, WantedFrame
from contracts.files import Folder
from contracts.ids import derived_id, is_id
from contracts.predictions import BoxesTruth, ClassTruth
from retrain.labels.formats.labelled import LabelFileError, text_of
from retrain.labels.matching import frame_id_in

TABLE: Final = "review.csv"
Said = Literal["right", "wrong", "unsure"]
SAID: Final[dict[str, Said]] = {"right": "right", "r": "right", "wrong": "wrong", "w": "wrong", "unsure": "unsure", "u": "unsure"}
Doubted = Sequence[tuple[WantedFrame, FrameLabelled]]
Event = ReviewLabel | FrameLabelled


def label_of(event: FrameLabelled) -> str:
    """A label in words."""
    if isinstance(event.truth, BoxesTruth):
        return ", ".join(box.label for box in event.truth.boxes) or "(none)"
    return event.truth.label


def answer(said: str, wanted: WantedFrame, label: FrameLabelled, known: Sequence[str], by: str, now: float) -> Event | None:
    """The event of what a person said: a verdict, or the right class of the frame. None where it is neither."""
    if (verdict := SAID.get(said)) is not None and said not in known:
        return ReviewLabel(
            event_id=derived_id(wanted.frame_id, "review", verdict, by, f"{now:.3f}"), occurred_at=now, model=label.model,
            frame_id=wanted.frame_id, by=by, verdict=verdict,
        )  # fmt: skip
    if said not in known or not isinstance(label.truth, ClassTruth):
        return None
    truth = ClassTruth(said)
    event_id = derived_id(label.frame_id, "label", msgspec.json.encode(truth).decode(), f"{now:.3f}")
    return msgspec.structs.replace(label, event_id=event_id, occurred_at=now, truth=truth, labelled_by=by, source="review")


def asked(
    doubted: Doubted, pictures: Callable[[WantedFrame], str], known: Sequence[str], by: str, clock: Callable[[], float],
    ask: Callable[[str], str], say: Callable[[str], None],
) -> Iterator[Event]:  # fmt: skip
    """Ask a person about one label after the other. Ends with the list, with `q` or with the end of the input."""
    keys = "r right, w wrong, u unsure, s skip, ? what the heads say, q quit; or the right class"
    for number, (wanted, label) in enumerate(doubted, 1):
        say(
            f"{number} of {len(doubted)}  {pictures(wanted)}  camera {wanted.camera}  labelled {label_of(label)} by {label.labelled_by or '?'}"
        )
        while True:
            try:
                said = ask(f"{keys}: ").strip()
            except EOFError:
                return
            if said == "q" and said not in known:
                return
            if said in ("", "s") and said not in known:
                break
            if said == "?":
                say(f"heads that never learned from it say {wanted.suggested or 'nothing'}")
                continue
            if event := answer(said, wanted, label, known, by, clock()):
                yield event
                break
            say(f"{said!r} is none of the keys and no class: {', '.join(known)}")


def hand_out(doubted: Doubted, folder: Path, read: Callable[[str], bytes]) -> int:
    """Copy the pictures into `folder`, with a table whose last column is to be filled in. Returns how many pictures are gone."""
    to, out, gone = Folder(str(folder)), io.StringIO(newline=""), 0
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("picture", "label", "labelled_by", "camera", "said"))
    for wanted, label in doubted:
        picture = f"{wanted.frame_id}{PurePosixPath(label.stored or '').suffix}"
        try:
            to.write(picture, read(wanted.path), durable=False)
        except FileNotFoundError:
            gone += 1
            continue
        writer.writerow((picture, label_of(label), label.labelled_by, wanted.camera, ""))
    to.write(TABLE, out.getvalue().encode())
    return gone


def filled_in(content: bytes, name: str) -> dict[str, str]:
    """What a table says of each frame, by its id; rows without a word are left out. Raises LabelFileError, and SettingsError for no such table."""
    try:
        rows = list(csv.DictReader(io.StringIO(text_of(content), newline="")))
    except csv.Error as error:
        raise LabelFileError(name, f"is no CSV: {error}") from None
    if not rows:
        return {}
    if not {"picture", "said"} <= rows[0].keys():
        raise SettingsError(f"{name} has no columns picture and said: `keepsight labels review --to DIR` writes such a table")
    found: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        said, frame_id = (row["said"] or "").strip(), frame_id_in(row["picture"] or "")
        if not said:
            continue
        if frame_id is None or not is_id(frame_id):
            raise LabelFileError(f"{name} row {number}", f"{row['picture']!r} holds no frame's id")
        if found.setdefault(frame_id, said) != said:
            raise LabelFileError(f"{name} row {number}", "says something else of a frame than a row before")
    return found
