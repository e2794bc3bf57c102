"""`keepsight labels import` and `export`: label files into the log and out of it, and pictures of elsewhere into the inbox."""

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from contracts.errors import KeepsightError, SettingsError
from contracts.events import LABELS, FrameLabelled
from contracts.files import Folder
from contracts.frame_store import FrameStore
from contracts.log import open_bus
from retrain.foreign import MOST, Batch, Inbox
from retrain.labels import exporting, past, reading
from retrain.labels.bar import Bar
from retrain.labels.formats.labelled import Labelled, LeftOut
from retrain.labels.house import HouseSettings, in_service, known, say, who
from retrain.labels.importing import joined
from retrain.labels.matching import Pictures, by_content, frame_id_in
from retrain.labels.publishing import published
from retrain.labels.strangers import brought
from retrain.labels.telling import Tally, export_lines


def import_(parsed: argparse.Namespace, house: HouseSettings, bar: Bar) -> int:
    """Publish the labels of a file."""
    by = who(parsed.by)
    form, contents = reading.read(parsed.file, parsed.format, parsed.classes)
    store = FrameStore(house.frame_store)
    frame_ids = {one.picture: found for one in contents.labelled if (found := frame_id_in(one.picture))}
    pictures = Pictures(parsed.pictures) if parsed.pictures else None
    if pictures:
        nameless = dict.fromkeys(one.picture for one in contents.labelled if one.picture not in frame_ids)
        frame_ids |= by_content(nameless, pictures, store, house.model, bar.named("comparing pictures"))
    elif parsed.source:
        raise SettingsError("--source takes pictures that no camera sent: name their folder with --pictures DIR")
    classes = known(house)
    tally, tick = Tally(), bar.named("labels")
    for one in contents.left_out:
        tally.leave_out(one)
    name = parsed.file.name.encode(errors="replace").decode()
    ours = [one for one in contents.labelled if one.picture in frame_ids or not parsed.source]
    strangers = [one for one in contents.labelled if one.picture not in frame_ids and parsed.source]
    results = joined(ours, frame_ids, store, house.model, classes, by, f"{form}:{name}", time.time())
    bus = None if parsed.dry_run else open_bus(house.log, "keepsight-labels", house.log_security)
    try:
        for result in published(bus, results) if bus else results:
            if isinstance(result, LeftOut):
                tally.leave_out(result)
            else:
                tally.take(result)
            tick(tally.taken + tally.not_taken, len(ours))
        if pictures and strangers:
            _bring(strangers, pictures, house, classes, by, parsed, tally, bar)
    except KeepsightError:
        bar.end()
        say(tally.lines("put on the log before it stopped: import the file again"))
        raise
    finally:
        bar.end()
        if bus:
            bus.close()
    say([f"{name} is {form}", *tally.lines("would be put on the log" if parsed.dry_run else "put on the log")])
    return 1 if tally.not_taken else 0


def _bring(
    strangers: Sequence[Labelled],
    pictures: Pictures,
    house: HouseSettings,
    classes: Sequence[str],
    by: str,
    parsed: argparse.Namespace,
    tally: Tally,
    bar: Bar,
) -> None:
    """Put pictures that no camera sent into the inbox, from where the next candidate learns."""
    if len(strangers) > MOST:
        raise SettingsError(f"{len(strangers)} pictures that no camera sent; at most {MOST} are brought at once: split the file")
    store = None if parsed.dry_run else FrameStore(house.frame_store)
    task, tick = in_service(house)[0].task, bar.named("pictures of elsewhere")
    taken = []
    for result in brought(strangers, pictures, store, house.model, task, classes, by, tick):
        if isinstance(result, LeftOut):
            tally.leave_out(result)
        else:
            taken.append(result)
    if taken and not parsed.dry_run:
        Inbox(house.frame_store, house.model).put(Batch(parsed.source, tuple(taken)))
    tally.brought = len({one.sha256 for one in taken})


def export(parsed: argparse.Namespace, house: HouseSettings, bar: Bar) -> int:
    """Write the newest truth of every labelled frame to a file."""
    if parsed.out.exists():
        raise SettingsError(f"{parsed.out} exists already: name another file")
    since = _time(parsed.since, "--since") if parsed.since else 0.0
    store = FrameStore(house.frame_store)
    bus = open_bus(house.log, "keepsight-labels", house.log_security)
    try:
        events = exporting.newest(past.records(bus, [LABELS], bar.named("reading the log")), house.model, since)
    finally:
        bus.close()
    labels, left_out = exporting.exported(events, parsed.format, store.read, bar.named("sizes of frames"))
    classes = known(house)
    several = parsed.format == "yolo"
    written = exporting.files(labels, parsed.format, classes, parsed.out.name)
    folder = Folder(str(parsed.out if several else parsed.out.parent))
    for path, content in written.items():
        folder.write(path, content, durable=False)
    if parsed.pictures:
        left_out += _pictures(events, {one.picture for one in labels}, store, parsed.pictures, bar)
    bar.end()
    say(export_lines(len(labels), str(parsed.out), left_out))
    return 1 if left_out else 0


def _pictures(events: Sequence[FrameLabelled], wanted: set[str], store: FrameStore, to: Path, bar: Bar) -> list[LeftOut]:
    """Copy the frames of an export beside it. Returns those that are gone."""
    folder, tick, gone = Folder(str(to)), bar.named("copying frames"), []
    for done, event in enumerate(events):
        tick(done, len(events))
        picture = Path(event.stored or "").name
        if picture not in wanted:
            continue
        try:
            folder.write(picture, store.read(event.stored or ""), durable=False)
        except FileNotFoundError:
            gone.append(LeftOut(picture, event.frame_id, "its picture is gone by retention; its label is written"))
    return gone


def _time(text: str, option: str) -> float:
    """Unix seconds, or a date with or without a time; UTC where no offset stands."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise SettingsError(f"{option} is {text!r}; give a time as 2026-01-31, 2026-01-31T12:00:00Z or Unix seconds") from None
