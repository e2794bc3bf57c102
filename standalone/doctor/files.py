"""The files that a deployment lives on: certificates that end, keys, and room on the disks."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from contracts.certificate import earliest_expiry
from contracts.key_file import KeysFile
from standalone.doctor.finding import Finding
from standalone.doctor.log import folder_of_log
from standalone.doctor.stores import folder_of, nearest
from standalone.doctor.told import Told

CERTIFICATES: Final = ("tls_cert_file", "tls_client_ca_file", "kafka_ca_file", "kafka_cert_file")
DAY_S: Final = 86_400.0
SOON_DAYS: Final = 14.0
"""Twice as early as the alert: a doctor is asked on a working day."""
LITTLE: Final = 0.1, 20 << 30
"""Share of a disk and bytes: with less than both free a person has days to act."""
FULL: Final = 0.02, 1 << 30
"""With less than both SQLite and PostgreSQL are about to refuse to write."""


def certificates(told: Told, now: float) -> Iterator[Finding]:
    """When each certificate of a service ends. `now` is Unix seconds."""
    for key in CERTIFICATES:
        path = told.file(key)
        if path is None:
            continue
        name = f"{told.name} {key}"
        try:
            ends = earliest_expiry(path.read_text("ascii"))
        except (OSError, ValueError) as error:
            yield Finding("FAIL", name, f"{path} cannot be used: {error}", f"name a PEM file in {key}")
            continue
        days, on = (ends - now) / DAY_S, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ends))
        if days < 0:
            yield Finding(
                "FAIL", name, f"{path} ended on {on}", "replace the file; services read it again by themselves: docs/security.md"
            )
        elif days < SOON_DAYS:
            yield Finding(
                "warn", name, f"{path} ends on {on}", "renew it; services read the file again by themselves: docs/security.md"
            )
        else:
            yield Finding("ok", name, f"{path} holds until {on}")


def keys(told: Told) -> Iterator[Finding]:
    """Whether a keys file can be used, and whether the port is open to everybody without one. Raises SettingsError."""
    path, name = told.file("keys_file"), f"{told.name} keys"
    if path is not None:
        ring = KeysFile(path).ring
        yield Finding("ok", name, f"{len(ring.keys)} in {path}")
    elif told.own.get("open"):
        yield Finding("warn", name, "anyone who reaches the port is answered (open = true)", "make keys: docs/security.md")


def disks(told: Sequence[Told], usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Iterator[Finding]:
    """The room on each disk that local folders of the settings lie on. `usage` gives total, used and free bytes."""
    seen: dict[int, str] = {}
    for one in told:
        for key, folder in _folders(one).items():
            there = nearest(folder)
            device = there.stat().st_dev
            if device not in seen:
                seen[device] = key
                yield _room(f"disk of {key}", there, *usage(there), _wanted(told, device))


def _folders(told: Told) -> dict[str, Path]:
    found = {
        "state": told.shared.state,
        "log": folder_of_log(told.shared.log),
        "frame_store": folder_of(told.shared.frame_store),
        "repository": folder_of(told.shared.repository),
        "jobs": told.shared.jobs_folder,
    }
    return {key: folder for key, folder in found.items() if folder is not None}


def _wanted(told: Sequence[Told], device: int) -> int:
    """Bytes that the settings let the spool take on a disk: it must find them just when the log is away."""
    return sum(
        int(one.own["spool_max_bytes"])
        for one in told
        if one.name == "serving" and nearest(one.shared.state).stat().st_dev == device
    )


def _room(name: str, folder: Path, total: int, _used: int, free: int, wanted: int) -> Finding:
    said = f"{folder}: {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    fix = "make room: docs/production.md says what may go, and what bounds each store"
    if free < _least(FULL, total):
        return Finding("FAIL", name, said, fix)
    if free < _least(LITTLE, total):
        return Finding("warn", name, said, fix)
    if free < wanted:
        return Finding("warn", name, f"{said}, less than the spool may take ({wanted / 2**30:.1f} GiB)", fix)
    return Finding("ok", name, said)


def _least(bound: tuple[float, int], total: int) -> float:
    share, bytes_ = bound
    return min(share * total, bytes_)
