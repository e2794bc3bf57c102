"""`keepsight labels next` and `review`: the frames to label next, and the labels to look at again, as the retrain service lists them."""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from contracts.errors import SettingsError
from contracts.events import WantedFrame, encode
from contracts.files import Folder
from contracts.frame_store import FrameStore
from contracts.log import open_bus
from contracts.ports import Bus
from retrain.labels import handing_out, past, reading, reviewing
from retrain.labels.bar import Bar
from retrain.labels.house import HouseSettings, in_service, known, refuse_full, say, who
from retrain.labels.publishing import SOURCE
from retrain.labels.standing import Standing, standing

MOST_NEXT: Final = 200


def next_(parsed: argparse.Namespace, house: HouseSettings, bar: Bar) -> int:
    """Say which frames to label, and hand them out."""
    if not 1 <= parsed.count <= MOST_NEXT:
        raise SettingsError(f"{parsed.count} frames; 1 to {MOST_NEXT} are handed out at once")
    refuse_full(parsed.to)
    champion = in_service(house)[0]
    found = _standing(house, bar)
    if found is None:
        return 1
    frames = found.unlabelled[: parsed.count]
    if not frames:
        say(["no stored frame waits for a label: raise sample_share of [serving], or wait for frames"])
        return 0
    lines = handing_out.told(frames)
    if parsed.to:
        detects = champion.task == "detection"
        gone = handing_out.hand_out(frames, parsed.to, FrameStore(house.frame_store).read, detects, bar.named("copying frames"))
        bar.end()
        table = parsed.to / handing_out.TABLE
        lines += [f"fill in {table}, then: keepsight labels import {table}"]
        lines += [f"{gone} of them are gone by retention meanwhile"] if gone else []
    say(lines)
    return 0


def review(parsed: argparse.Namespace, house: HouseSettings, bar: Bar) -> int:
    """Look again at the labels that the last training process doubted."""
    by = who(parsed.by)
    refuse_full(parsed.to)
    table = reviewing.filled_in(reading.bytes_of(parsed.table), parsed.table.name) if parsed.table else {}
    classes = known(house)
    found = _standing(house, bar)
    if found is None:
        return 1
    if not found.doubted:
        say(["no label is in doubt: the list is made by each training run, and what was looked at is off it"])
        return 0
    store = FrameStore(house.frame_store)
    if parsed.to:
        gone = reviewing.hand_out(found.doubted, parsed.to, store.read)
        path = parsed.to / reviewing.TABLE
        told = "fill in `said` (right, wrong, unsure, or the right class)"
        say([f"{len(found.doubted) - gone} labels to look at again: {told} in {path}, then: keepsight labels review {path}"])
        return 0
    if not parsed.table and not sys.stdin.isatty():
        raise SettingsError(
            "there is no terminal to ask on: `--to DIR` writes a table to fill in, and the table is given back as FILE"
        )
    bus = open_bus(house.log, "keepsight-labels", house.log_security)
    try:
        if parsed.table:
            return _take_table(table, found, classes, by, bus)
        taken = 0
        with tempfile.TemporaryDirectory(prefix="keepsight-review-") as folder:
            pictures = partial(_picture, store, Folder(folder))
            for event in reviewing.asked(found.doubted, pictures, classes, by, time.time, input, lambda line: say([line])):
                bus.publish([encode(event, SOURCE)])
                taken += 1
        say([f"{taken} put on the log, {len(found.doubted) - taken} still to be looked at"])
    finally:
        bus.close()
    return 0


def _take_table(table: Mapping[str, str], found: Standing, classes: Sequence[str], by: str, bus: Bus) -> int:
    """Publish what a table says. Returns 1 when a row could not be taken, and says why."""
    doubted = {wanted.frame_id: (wanted, label) for wanted, label in found.doubted}
    events, lines = [], []
    for frame_id, said in table.items():
        if frame_id not in doubted:
            lines.append(
                f"{frame_id} is not on the list any more: it was looked at, labelled again, or a newer run does not doubt it"
            )
        elif event := reviewing.answer(said, *doubted[frame_id], classes, by, time.time()):
            events.append(event)
        else:
            lines.append(f"{frame_id}: {said!r} is neither right, wrong, unsure nor one of the classes {', '.join(classes)}")
    bus.publish([encode(event, SOURCE) for event in events])
    say([f"{len(events)} put on the log, {len(doubted) - len(events)} still to be looked at", *lines])
    return 1 if lines else 0


def _picture(store: FrameStore, folder: Folder, wanted: WantedFrame) -> str:
    """Where a person finds the picture of a frame."""
    name = f"{wanted.frame_id}{PurePosixPath(wanted.path).suffix or '.jpeg'}"
    try:
        folder.write(name, store.read(wanted.path), durable=False)
    except FileNotFoundError:
        return "(its picture is gone by retention)"
    return f"{folder.url}/{name}"


def _standing(house: HouseSettings, bar: Bar) -> Standing | None:
    bus = open_bus(house.log, "keepsight-labels", house.log_security)
    try:
        found = standing(lambda topics: past.records(bus, topics, bar.named("reading the log")), house.model)
    finally:
        bus.close()
        bar.end()
    if found is None:
        say(["no list of wanted frames is on the log yet: the retrain service says one within a minute of its first stored frames"])
    return found
