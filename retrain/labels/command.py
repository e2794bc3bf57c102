"""`keepsight labels` (`python -m retrain.labels.command`): label files into the log and out of it, and the frames to label next.

Reads and writes the log, the model repository and the frame store alone, as the services do: it works beside a running house and beside a cluster alike.
"""

import argparse
import getpass
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from contracts.errors import KeepsightError, SettingsError
from contracts.events import FRAMES, INCIDENTS, LABELS, FrameLabelled
from contracts.files import Folder
from contracts.frame_store import FrameStore
from contracts.labelling import MAX_NAME
from contracts.log import open_bus
from contracts.manifest import Manifest
from contracts.repository import ModelRepository
from contracts.settings import ServiceSettings, exit_with, load
from retrain.labels import exporting, handing_out, past, reading
from retrain.labels.bar import Bar
from retrain.labels.formats.labelled import LeftOut
from retrain.labels.importing import joined
from retrain.labels.matching import Pictures, by_content, frame_id_in
from retrain.labels.publishing import published
from retrain.labels.telling import Tally, export_lines

FORMATS: Final = ("csv", "coco", "yolo", "label-studio")
MOST_NEXT: Final = 200


class HouseSettings(ServiceSettings):
    """What all services share is all that is needed here."""

    section: ClassVar[str] = "standalone"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0 when all labels were taken, 1 when some were not, 2 with the reason when it cannot be, 130 after Ctrl-C."""
    parsed = _parser().parse_args(argv)
    bar = Bar(sys.stderr, time.monotonic)
    try:
        named = ["--settings", str(parsed.settings)] if parsed.settings else []
        return int(parsed.run(parsed, load(HouseSettings, named, "keepsight labels", ""), bar))
    except KeepsightError as error:
        bar.end()
        return exit_with(error)
    except KeyboardInterrupt:
        bar.end()
        return 130


def import_(parsed: argparse.Namespace, house: HouseSettings, bar: Bar) -> int:
    """Publish the labels of a file."""
    by = parsed.by or getpass.getuser()
    if len(by) > MAX_NAME:
        raise SettingsError(f"--by has {len(by)} characters; at most {MAX_NAME} are taken")
    form, contents = reading.read(parsed.file, parsed.format, parsed.classes)
    store = FrameStore(house.frame_store)
    frame_ids = {one.picture: found for one in contents.labelled if (found := frame_id_in(one.picture))}
    if parsed.pictures:
        nameless = dict.fromkeys(one.picture for one in contents.labelled if one.picture not in frame_ids)
        frame_ids |= by_content(nameless, Pictures(parsed.pictures), store, house.model, bar.named("comparing pictures"))
    known = _known(house)
    tally, tick = Tally(), bar.named("labels")
    for one in contents.left_out:
        tally.leave_out(one)
    name = parsed.file.name.encode(errors="replace").decode()
    results = joined(contents.labelled, frame_ids, store, house.model, known, by, f"{form}:{name}", time.time())
    bus = None if parsed.dry_run else open_bus(house.log, "keepsight-labels", house.log_security)
    try:
        for result in published(bus, results) if bus else results:
            if isinstance(result, LeftOut):
                tally.leave_out(result)
            else:
                tally.take(result)
            tick(tally.taken + tally.not_taken, len(contents.labelled))
    except KeepsightError:
        bar.end()
        _say(tally.lines("put on the log before it stopped: import the file again"))
        raise
    finally:
        bar.end()
        if bus:
            bus.close()
    _say([f"{name} is {form}", *tally.lines("would be put on the log" if parsed.dry_run else "put on the log")])
    return 1 if tally.not_taken else 0


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
    known = _known(house)
    several = parsed.format == "yolo"
    written = exporting.files(labels, parsed.format, known, parsed.out.name)
    folder = Folder(str(parsed.out if several else parsed.out.parent))
    for path, content in written.items():
        folder.write(path, content, durable=False)
    if parsed.pictures:
        left_out += _pictures(events, {one.picture for one in labels}, store, parsed.pictures, bar)
    bar.end()
    _say(export_lines(len(labels), str(parsed.out), left_out))
    return 1 if left_out else 0


def next_(parsed: argparse.Namespace, house: HouseSettings, bar: Bar) -> int:
    """Say which frames to label, and hand them out."""
    if not 1 <= parsed.count <= MOST_NEXT:
        raise SettingsError(f"{parsed.count} frames; 1 to {MOST_NEXT} are handed out at once")
    if parsed.to and parsed.to.exists() and any(parsed.to.iterdir()):
        raise SettingsError(f"{parsed.to} is not empty: name another folder")
    since = _time(parsed.since, "--since") if parsed.since else None
    champion = _in_service(house)[0]
    bus = open_bus(house.log, "keepsight-labels", house.log_security)
    try:
        found = handing_out.waiting(past.records(bus, [FRAMES, LABELS, INCIDENTS], bar.named("reading the log")), house.model)
    finally:
        bus.close()
    picks = handing_out.chosen(found, parsed.count, since, parsed.per_camera_day, house.model)
    gone = 0
    if parsed.to and picks:
        detects = champion.task == "detection"
        gone = handing_out.hand_out(picks, parsed.to, FrameStore(house.frame_store).read, detects, bar.named("copying frames"))
    bar.end()
    if not picks:
        _say(["no stored frame waits for a label: raise [serving] uniform_share, or wait for frames"])
        return 0
    lines = handing_out.told(picks)
    if parsed.to:
        table = parsed.to / handing_out.TABLE
        lines += [f"fill in {table}, then: keepsight labels import {table}"]
    _say([*lines, *([f"{gone} of them are gone by retention meanwhile"] if gone else [])])
    return 0


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


def _known(house: HouseSettings) -> tuple[str, ...]:
    """The classes of the versions in service, and those that a new one shall learn."""
    served = [label for manifest in _in_service(house) for label in manifest.labels]
    return tuple(dict.fromkeys([*served, *house.new_classes]))


def _in_service(house: HouseSettings) -> list[Manifest]:
    """The manifests of the versions that serving holds, the champion's first. Raises VersionError when there is none."""
    repository = ModelRepository(house.repository)
    channels = repository.channels(house.model)
    return [repository.manifest(house.model, version) for version in channels.versions()]


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keepsight labels", description="Labels in, labels out, and the frames to label next: docs/labels.md."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = commands.add_parser("import", help="put the labels of a file on the log")
    one.add_argument("file", type=Path, metavar="FILE", help="the file; for YOLO its folder")
    one.add_argument("--format", choices=("auto", *FORMATS), default="auto", help="its format (default: by its content)")
    one.add_argument(
        "--pictures", type=Path, metavar="DIR", help="the pictures: those whose names hold no frame's id are found by their content"
    )
    one.add_argument(
        "--classes", type=Path, metavar="FILE", help="YOLO's classes: data.yaml, or a line a class (default: beside the labels)"
    )
    one.add_argument(
        "--by", default="", metavar="NAME", help="who labelled, where the file does not say (default: the user's name)"
    )
    one.add_argument("--dry-run", action="store_true", help="say what would be taken and what not, and why; put nothing on the log")
    _finish(one, import_)

    one = commands.add_parser("export", help="write the newest label of every labelled frame to a file")
    one.add_argument("out", type=Path, metavar="FILE", help="the file; for YOLO a folder")
    one.add_argument("--format", choices=FORMATS, default="csv", help="its format (default: csv)")
    one.add_argument("--pictures", type=Path, metavar="DIR", help="copy the frames there, too")
    one.add_argument("--since", default="", metavar="TIME", help="only frames captured from then on")
    _finish(one, export)

    one = commands.add_parser("next", help="the frames that are worth a label next")
    one.add_argument("count", type=int, nargs="?", default=50, metavar="COUNT", help=f"how many (default 50, at most {MOST_NEXT})")
    one.add_argument("--to", type=Path, metavar="DIR", help="copy the frames there, with a table to fill in")
    one.add_argument("--since", default="", metavar="TIME", help="when the change began (default: when the open incidents did)")
    one.add_argument(
        "--per-camera-day", type=int, default=50, metavar="N", help="frames of one camera and day at most (default 50)"
    )
    _finish(one, next_)
    return parser


def _finish(parser: argparse.ArgumentParser, run: object) -> None:
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="the settings file (default: keepsight.toml here) [KEEPSIGHT_SETTINGS]"
    )
    parser.set_defaults(run=run)


def _say(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
