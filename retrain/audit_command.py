"""`keepsight audit` (`python -m retrain.audit_command`): is the ledger what it was, and which model answered which camera when.

Reads the ledger, the log and the model repository, beside a running service or without one, and changes nothing.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import msgspec

from contracts import settings as settings_reader
from contracts.errors import KeepsightError, LogRefusedError, SettingsError, VersionError
from contracts.events import RETRAIN, BadEventError, decode
from contracts.log import open_bus
from contracts.manifest import digest
from contracts.repository import ModelRepository
from retrain.registry.audit import Anchor, Served, Verified, anchor, served, spans, verify
from retrain.settings import RetrainSettings
from retrain.state.ledger import Text
from retrain.state.reading import cameras_seen, ledger_rows

ABOUT = """Reads the ledger of the retrain service, in which every decision and every change of the channels stands, each row
chained to the one before. See docs/model-versions.md, "The audit"."""
VERIFY = """Whether the ledger is what it was: its chain of hashes, the events on the log that name its rows, the channels'
history in the repository, and the models' digests. Exit status 0 when all of it holds, 1 when something was found."""
SERVED = """Which model answered a camera, by the channels. A server follows them within its `poll_interval_s`, half a second
by default, and each frame's event names the version that scored it: around a change they have the last word."""
_POLL_S = 0.2
_NAMED = 10
"""Cameras that a message names."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0, 1 where `verify` found something or nobody was answered, 2 with the reason when it cannot be, 130 after Ctrl-C."""
    parsed = _parser().parse_args(argv)
    try:
        named = ["--settings", str(parsed.settings)] if parsed.settings else []
        return int(parsed.run(parsed, settings_reader.load(RetrainSettings, named, "keepsight audit", "")))
    except KeepsightError as error:
        return settings_reader.exit_with(error)
    except KeyboardInterrupt:
        return 130


def verify_(parsed: argparse.Namespace, settings: RetrainSettings) -> int:
    """Say whether everything holds."""
    anchors = _anchors(settings)
    repository = ModelRepository(settings.repository)
    history = repository.history(settings.model)
    found = verify(settings.model, _rows(settings), anchors, history, _digests(repository, settings.model))
    _say([msgspec.json.encode(found).decode()] if parsed.json else told(found))
    return 1 if found.findings else 0


def served_(parsed: argparse.Namespace, settings: RetrainSettings) -> int:
    """Say who answered a camera, then or ever."""
    at = moment(parsed.at) if parsed.at else None
    found = spans(_rows(settings), parsed.camera, _digests(ModelRepository(settings.repository), settings.model))
    if at is not None:
        one = served(found, at)
        found = [one] if one is not None else []
    cameras = cameras_seen(*_state(settings))
    seen = parsed.camera in cameras
    found = [msgspec.structs.replace(one, seen=seen) for one in found]
    if found and not seen and not parsed.json:
        _say(unseen(parsed.camera, cameras))
    if parsed.json:
        _say([msgspec.json.encode(found).decode()])
    elif found:
        _say([line for one in found for line in line_of(one)])
    else:
        when = f" at {_when(at)}" if at is not None else ""
        _say([f"no version of {settings.model} answered anybody{when}: the ledger has no channels from then"])
    return 0 if found and seen else 1


def told(found: Verified) -> list[str]:
    """What was verified, in lines for a person."""
    if not found.rows:
        lines = [f"the ledger of {found.model} is empty"]
    else:
        lines = [
            f"the ledger of {found.model}: {found.rows} row{'' if found.rows == 1 else 's'} from {_when(found.since)} to {_when(found.until)}",
            f"  head      {found.head}",
        ]
    if found.anchors:
        lines.append(f"  log       {found.anchors} of its rows stand on the log, from {_when(found.anchored_since)} on")
    else:
        lines.append("  log       no event names its rows: a ledger that was cut or written anew would not show")
    waits = f", {found.pending} not entered yet: is the retrain service running?" if found.pending else ""
    lines.append(f"  channels  {found.channels} state{'' if found.channels == 1 else 's'}{waits}")
    if not found.findings:
        return [*lines, "it holds"]
    lines += [f"FOUND {one.breach}: {one.detail}" for one in found.findings]
    if found.more:
        lines.append(f"and {found.more} more")
    return [*lines, "it does not hold: what follows the first of these rows is no evidence. See docs/model-versions.md"]


def unseen(camera: str, cameras: Sequence[str]) -> list[str]:
    """That no frame of a camera is known, in lines for a person who may have mistyped it; `cameras` are those that are known."""
    near = get_close_matches(camera, cameras, _NAMED, cutoff=0.5) or cameras[:_NAMED]
    others = (
        f"known are {', '.join(near)}{' and others' if len(cameras) > len(near) else ''}" if cameras else "nor of any other camera"
    )
    return [
        f"no frame of camera {camera!r} was seen: none was labelled, kept for labelling or counted in the newest rollout; {others}.",
        "The channels name versions, not cameras. A frame of it would have been answered so:",
    ]


def line_of(one: Served) -> list[str]:
    """Who answered, in lines for a person."""
    until = _when(one.until) if one.until is not None else "now"
    return [
        f"{_when(one.since)} to {until}: version {one.version} as {one.variant}, model {one.digest or 'unknown'}",
        f"    channels {one.sequence}, by {one.by or 'nobody named'}: {one.reason or 'no reason given'}",
    ]


def moment(text: str) -> float:
    """Unix seconds of a time as a person gives it: Unix seconds, or a date with or without a time, UTC where no offset stands."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--at is {text!r}; give a time as 2026-01-31, 2026-01-31T12:00:00Z or Unix seconds") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _rows(settings: RetrainSettings) -> list[Text]:
    return ledger_rows(*_state(settings))


def _state(settings: RetrainSettings) -> tuple[str, str, Path, str]:
    path = settings.state / "retrain" / "state.sqlite3"
    return settings.state_url, settings.state_password, path, settings.model


def _anchors(settings: RetrainSettings) -> list[Anchor]:
    """What the log says of the ledger, from its beginning to its end."""
    bus = open_bus(settings.log, "keepsight-audit", settings.log_security)
    try:
        reader = bus.reader(None, [RETRAIN])
        try:
            found: list[Anchor] = []
            while True:
                records = reader.poll(_POLL_S)
                for record in records:
                    try:
                        event = decode(record)
                    except BadEventError:
                        continue  # the services have put it among the dead letters
                    if event.model == settings.model and (one := anchor(event)) is not None:
                        found.append(one)
                if not records and not any(reader.lag().values()):
                    return found
        finally:
            reader.close()
    except LogRefusedError as error:
        raise LogRefusedError(f"{error}. If nothing ran on this log yet, `keepsight up` makes it") from error
    finally:
        bus.close()


def _digests(repository: ModelRepository, model: str) -> Callable[[str], str]:
    @cache
    def known(version: str) -> str:
        try:
            return digest(repository.manifest(model, version))
        except VersionError:
            return ""

    return known


def _when(at: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="keepsight audit", description=ABOUT, formatter_class=plain)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    one = commands.add_parser("verify", help="whether the ledger is what it was", description=VERIFY, formatter_class=plain)
    _finish(one, verify_)
    one = commands.add_parser("served", help="which model answered a camera when", description=SERVED, formatter_class=plain)
    one.add_argument("--camera", required=True, metavar="NAME", help="the camera, as its frames name it")
    one.add_argument(
        "--at", default="", metavar="TIME", help="then: a date, with a time or without (UTC), or Unix seconds (default: ever)"
    )
    _finish(one, served_)
    return parser


def _finish(parser: argparse.ArgumentParser, run: object) -> None:
    parser.add_argument("--json", action="store_true", help="for a program: Unix seconds, whole digests")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="the settings file (default: keepsight.toml here) [KEEPSIGHT_SETTINGS]"
    )
    parser.set_defaults(run=run)


def _say(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
