"""`keepsight key`: makes a key and shows it once, lists who has one, takes one back. The file it writes is what keys_file names, of serving or the monitor."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contracts.errors import KeepsightError, SettingsError
from contracts.files import Folder
from contracts.keys import CAMERA, CONSOLE, LABELS, METRICS, MONITOR, KeyRing, line_of, made, new_key, parse
from contracts.settings import exit_with, read_toml
from serving.settings import ServingSettings

DEFAULT: Final = "keepsight.toml"
ABOUT: Final = """\
Makes, lists and takes back the keys with which cameras, labellers and scrapers prove themselves to serving, and people and scrapers to the monitor.

    keepsight key new line-3 --cameras 'line-3-*'    a key for these cameras' frames
    keepsight key new ann --labels                   a key for posting labels
    keepsight key new prometheus --metrics           a key for /metrics, of either
    keepsight key new on-call --monitor              a key for the monitor's state and reports
    keepsight key new ada --console                  the same, and a key for labelling and deciding in the console
    keepsight key list
    keepsight key revoke line-3

[serving] and [monitor] keys_file may name one file; who runs takes a change up within seconds. To replace a key: new one beside it
under another id, cameras moved, old one revoked.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit status."""
    parsed = _parser().parse_args(argv)
    try:
        parsed.run(parsed, _file(parsed))
    except KeepsightError as error:
        return exit_with(error)
    return 0


def _new(parsed: argparse.Namespace, file: Path | None) -> None:
    scopes = [f"{CAMERA}{one}" for one in parsed.cameras] + [LABELS] * parsed.labels + [METRICS] * parsed.metrics
    scopes += [MONITOR] * (parsed.monitor or parsed.console) + [CONSOLE] * parsed.console
    if parsed.certificate:
        token, line = "", line_of(made(parsed.key_id, scopes, f"cert:{parsed.certificate}"))
    else:
        token, line = new_key(parsed.key_id, scopes)
    if file is None:
        known = f"add this line to the file that keys_file of [serving] or [monitor] names:\n{line}"
    else:
        content = (_text(file) if file.exists() else "") + line
        parse(content, f"keys file {file}")
        _write(file, content)
        known = f"{file} knows it as {parsed.key_id!r}\n"
    sys.stdout.write(f"{token}\n" if token else "")
    sys.stderr.write(f"{'This key is shown once and kept nowhere; ' if token else ''}{known}")


def _list(_: argparse.Namespace, file: Path | None) -> None:
    for key in _ring(_named(file)).keys.values():
        sys.stdout.write(f"{key.key_id:<24} {', '.join(key.scopes):<40} {'key' if key.proof.startswith('sha256') else key.proof}\n")


def _revoke(parsed: argparse.Namespace, file: Path | None) -> None:
    file = _named(file)
    known = _ring(file).keys
    if parsed.key_id not in known:
        raise SettingsError(f"keys file {file} has no key {parsed.key_id!r}; it has {', '.join(sorted(known))}")
    if len(known) == 1:
        raise SettingsError(f"{parsed.key_id!r} is the only key in {file}: make another first, or stop the server")
    _write(file, "".join(line for line in _text(file).splitlines(keepends=True) if line.split()[:1] != [parsed.key_id]))
    sys.stderr.write(f"{parsed.key_id!r} is revoked\n")


def _ring(file: Path) -> KeyRing:
    return parse(_text(file), f"keys file {file}")


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except FileNotFoundError:
        raise SettingsError(f"keys file {file} does not exist; `keepsight key new` makes it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"keys file {file} cannot be read: {error}") from None


def _write(file: Path, content: str) -> None:
    """Whole or not at all. It holds no secret, so whoever may read it may read it."""
    Folder(str(file.absolute().parent)).write(file.name, content.encode())


def _named(file: Path | None) -> Path:
    if file is None:
        raise SettingsError("which keys? Name the file with --file, or settings that have [serving] keys_file with --settings")
    return file


def _file(parsed: argparse.Namespace) -> Path | None:
    """What --file names, else the settings: of --settings, KEEPSIGHT_SETTINGS, or a keepsight.toml in this folder."""
    if parsed.file is not None:
        return Path(parsed.file)
    settings = parsed.settings or Path(os.environ.get("KEEPSIGHT_SETTINGS", DEFAULT))
    if parsed.settings is None and not settings.exists():
        return None
    named = read_toml(ServingSettings, settings).get("keys_file")
    return None if named is None else Path(named)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keepsight key", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    new = commands.add_parser("new", help="make a key; prints it once")
    new.add_argument("key_id", metavar="ID", help="who it is for; told in logs and refusals")
    new.add_argument(
        "--cameras",
        action="append",
        default=[],
        metavar="NAME",
        help="frames of this camera; * and ? stand for others; again for more",
    )
    new.add_argument("--labels", action="store_true", help="labels of any camera")
    new.add_argument("--metrics", action="store_true", help="/metrics")
    new.add_argument("--monitor", action="store_true", help="the monitor's state and reports")
    new.add_argument("--console", action="store_true", help="the same, and to label and decide in the console")
    new.add_argument(
        "--certificate", default="", metavar="NAME", help="no key: whoever has a client certificate of this name (mutual TLS)"
    )
    revoke = commands.add_parser("revoke", help="take a key back")
    revoke.add_argument("key_id", metavar="ID")
    listed = commands.add_parser("list", help="who has a key, and for what")
    for one, run in ((new, _new), (revoke, _revoke), (listed, _list)):
        one.set_defaults(run=run)
        one.add_argument("--file", metavar="FILE", help="the keys file (default: what the settings name)")
        one.add_argument("--settings", type=Path, metavar="FILE", help="settings whose [serving] keys_file it is")
    return parser


if __name__ == "__main__":
    sys.exit(main())
