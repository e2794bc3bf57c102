"""The `keepsight doctor` command: which checks there are, and how their findings are told."""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from contracts.errors import SettingsError
from standalone.doctor import files, log, machine, services, state, stores
from standalone.doctor.finding import Check, Finding, examined, merged
from standalone.doctor.told import Told, asked
from standalone.house import STOPPING_ORDER
from standalone.supervisor import Name

Say = Callable[[str], None]
GROUPS: Final = (
    "settings",
    "log",
    "repository",
    "frames",
    "state",
    "clocks",
    "services",
    "certificates",
    "keys",
    "disk",
    "gpu",
    "machine",
)
LIMIT_S: Final = 5.0
_DOCS: Final = "mend it there; docs/settings.md has every key"


def parser() -> argparse.ArgumentParser:
    """Of the command line behind `keepsight doctor`."""
    made = argparse.ArgumentParser(
        prog="keepsight doctor",
        description="Look at a deployment from its settings and say what to fix, one line a check: ok, warn or FAIL. Nothing is changed. "
        "Run it as the services' user, where they run. Exit status 0: nothing failed; 1: something did.",
        allow_abbrev=False,
    )
    made.add_argument(
        "--settings",
        type=Path,
        default=Path(os.environ.get("KEEPSIGHT_SETTINGS", "keepsight.toml")),
        metavar="FILE",
        help="the settings file (default: keepsight.toml here) [KEEPSIGHT_SETTINGS]",
    )
    made.add_argument("--only", type=_groups, default=GROUPS, metavar="A,B", help=f"only these checks, of {', '.join(GROUPS)}")
    made.add_argument(
        "--service",
        choices=STOPPING_ORDER,
        action="append",
        metavar="NAME",
        help="only this service, again for more (default: all three)",
    )
    made.add_argument(
        "--at",
        type=_place,
        action="append",
        default=[],
        metavar="NAME=URL",
        help="where a service answers, if not where its settings say",
    )
    made.add_argument(
        "--key-file", type=Path, metavar="FILE", help="a file with a key of the scope metrics, where /metrics asks for one"
    )
    made.add_argument("--timeout", type=float, default=LIMIT_S, metavar="S", help="seconds that a check may take (default 5)")
    made.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    return made


def run(arguments: Sequence[str], say: Say = lambda text: print(text, flush=True)) -> int:  # noqa: T201  # the command's answer
    """Look, and say what was found. Returns 0, or 1 when a check failed. Raises SettingsError when the key cannot be read."""
    parsed = parser().parse_args(arguments)
    names: tuple[Name, ...] = tuple(parsed.service or STOPPING_ORDER)
    key = _key(parsed.key_file)
    found = []
    for finding in merged(
        _findings(names, parsed.settings.absolute(), frozenset(parsed.only), dict(parsed.at), key, parsed.timeout)
    ):
        found.append(finding)
        if not parsed.json:
            say(finding.line())
    failed, warned = (sum(one.verdict == verdict for one in found) for verdict in ("FAIL", "warn"))
    if parsed.json:
        say(
            json.dumps({"ok": not failed, "failed": failed, "warned": warned, "findings": [asdict(one) for one in found]}, indent=1)
        )
    else:
        well = "all well" if found else "these settings have nothing of that to look at"
        say(
            f"{len(found)} check{'' if len(found) == 1 else 's'}: {f'{failed} failed, {warned} to look at' if failed or warned else well}"
        )
    return int(failed > 0)


def _findings(
    names: Sequence[Name], settings: Path, groups: frozenset[str], places: dict[str, str], key: str, limit_s: float
) -> Iterator[Finding]:
    told: list[Told] = []
    for name, said in asked(names, settings).items():
        if isinstance(said, SettingsError):
            yield Finding("FAIL", f"{name} settings", str(said), _DOCS)
        else:
            told.append(said)
            if "settings" in groups:
                yield from _settings(said, settings)
    checks = sorted(_checks(told, places, key), key=lambda one: GROUPS.index(one[0]))
    yield from examined([check for group, check in checks if group in groups], limit_s)


def _settings(told: Told, settings: Path) -> Iterator[Finding]:
    if told.name == "serving" and not told.own["cameras"]:
        yield Finding(
            "warn", "serving settings", "no camera is named: every frame is refused", f"[serving.cameras.NAME] in {settings}"
        )
    else:
        yield Finding("ok", f"{told.name} settings", f"read from {settings}")


def _checks(told: Sequence[Told], places: dict[str, str], key: str) -> Iterator[tuple[str, Check]]:
    """Every check with its group. What services share is looked at with the eyes of each: one may have other rights, or another mount."""
    read: set[str] = set()
    for one in told:
        name, url = one.name, one.shared.repository
        yield "log", Check(f"{name} log", partial(log.log, one))
        yield "repository", Check(f"{name} repository", partial(stores.repository, one, whole=url not in read))
        read.add(url)
        yield "frames", Check(f"{name} frame store", partial(stores.frames, one))
        yield "state", Check(f"{name} state", partial(state.state, one))
        where = places.get(name, services.address(one))
        yield "services", Check(f"{name} service", partial(services.service, one, where, key, version("keepsight")))
        yield "certificates", Check(f"{name} certificates", partial(files.certificates, one, time.time()))
        yield "keys", Check(f"{name} keys", partial(files.keys, one))
        if name == "serving":
            yield "gpu", Check("gpu", partial(machine.gpu, one))
        if name == "retrain":
            yield "gpu", Check("retrain training", partial(machine.training, one))
    if told:
        yield "clocks", Check("clock log", partial(log.log_clock, told[0], time.time()))
        yield "clocks", Check("clock frame store", partial(stores.file_clock, told[0], time.time()))
        yield "disk", Check("disk", partial(files.disks, told))
        yield "machine", Check("machine", partial(machine.threads, told))


def _groups(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := [one for one in wanted if one not in GROUPS]:
        raise argparse.ArgumentTypeError(f"{', '.join(map(repr, unknown))}: known are {', '.join(GROUPS)}")
    return wanted


def _place(text: str) -> tuple[str, str]:
    name, _, url = text.partition("=")
    if name not in STOPPING_ORDER or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no NAME=URL, as serving=http://10.0.0.5:8080; names: {', '.join(STOPPING_ORDER)}"
        )
    return name, url.rstrip("/")


def _key(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"key file {path} cannot be read: {error}") from None
