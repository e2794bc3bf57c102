"""Is the model repository there, with a champion that is whole, and the frame store?"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from contracts.errors import VersionError
from contracts.files import Folder
from contracts.repository import ModelRepository
from standalone.doctor.finding import Finding
from standalone.doctor.told import Told

SKEW_S = 2.0


def repository(told: Told, whole: bool = True) -> Iterator[Finding]:
    """A service's view of the repository: it can be listed, its channels name versions that are there; with `whole` every byte of the champion is read,
    and is as published.

    An object store's right to write is seen at a write only, and nothing is written here.
    """
    url, model = told.shared.repository, told.shared.model
    name = f"{told.name} repository"
    if (local := folder_of(url)) is not None and not local.is_dir():
        yield Finding("FAIL", name, f"{url} is not there", "mount it, or set `repository`; keepsight import-model makes a new one")
        return
    models = ModelRepository(url)
    try:
        channels = models.channels(model)
    except VersionError as error:
        yield Finding("FAIL", name, str(error), "keepsight import-model or keepsight train-model brings the first version")
        return
    for role, version in {"champion": channels.champion, "candidate": channels.candidate, "previous": channels.previous}.items():
        if version and not models.has(model, version):
            yield Finding(
                "FAIL", name, f"the {role}, version {version}, is not there", "restore its folder from a copy: docs/production.md"
            )
            return
    if whole:
        try:
            size = sum(entry.bytes for entry in models.read(model, channels.champion).manifest.files.values())
        except VersionError as error:
            fix = "servers refuse it when they start: keepsight rollback, or restore its folder from a copy: docs/production.md"
            yield Finding("FAIL", name, str(error), fix)
            return
        yield Finding("ok", name, f"champion {channels.champion} of {model!r} is whole, {size:,} bytes")
    else:
        yield Finding("ok", name, f"champion {channels.champion} of {model!r}")
    if told.name == "retrain" and local is not None:
        for folder in (local, local / "models" / model):  # who imported the model may have been another user
            if not os.access(folder, os.W_OK | os.X_OK):
                yield Finding("FAIL", name, f"{folder} may not be written by this user", "retrain publishes there: chown -R")
                return


def frames(told: Told) -> Iterator[Finding]:
    """A service's view of the frame store: it can be listed, and written by who keeps frames there."""
    url, name = told.shared.frame_store, f"{told.name} frame store"
    local = folder_of(url)
    if local is None:
        Folder(url).names("frames")
        yield Finding("ok", name, f"{url} can be listed; whether it can be written shows at the first frame kept")
        return
    there = nearest(local)
    if not os.access(there, os.W_OK | os.X_OK if told.name != "monitor" else os.R_OK | os.X_OK):
        right = "read" if told.name == "monitor" else "written"
        yield Finding("FAIL", name, f"{there} may not be {right} by this user", "give it the folder, or set `frame_store`")
    elif there != local:
        yield Finding("ok", name, f"{local} is not there yet: the first frame kept makes it")
    else:
        yield Finding("ok", name, str(there))


def file_clock(told: Told, now: float) -> Iterator[Finding]:
    """Whether the newest hour in a local frame store was written in the future: the disk of another machine, whose clock is ahead.

    `now` is Unix seconds.
    """
    local = folder_of(told.shared.frame_store)
    if local is None:
        return
    days = sorted((local / "frames" / told.shared.model).glob("*/*"))
    ahead = max((path.stat().st_mtime for path in days[-2:]), default=0.0) - now
    if ahead > SKEW_S:
        yield Finding(
            "FAIL",
            "clock frame store",
            f"its newest files are {ahead:.1f} s in the future",
            "set the clocks by NTP on both machines",
        )
    elif days:
        yield Finding("ok", "clock frame store", f"newest files of {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(now + ahead))}")


def folder_of(url: str) -> Path | None:
    """The folder of this machine that a store's url names; None for an object store."""
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return None if "://" in url else Path(url)


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
