"""What is left of versions that someone began to write and never finished: their files, each some ten megabytes, go; their numbers stay spent.

Nobody sees such a version, and whoever staged it may come back: a job does, as long as it lives, and a first version that is published by hand after a crash.
So files go when they stood unchanged for KEPT_S by the clock and over LOOKS looks, which are an hour apart: neither a clock that is set nor a service that is
started over and over makes them old.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from contracts.files import sha256
from contracts.logs import Logger
from contracts.repository import ModelRepository
from retrain.state.database import Database

KEPT_S: Final = 3 * 86_400.0
LOOKS: Final = 48
_FACT: Final = "unfinished_versions"


class Stood(msgspec.Struct, frozen=True):
    """An unfinished version: what of it lies there (a digest of names and sizes), since when (Unix seconds), and at how many looks."""

    files: str
    since: float
    looks: int

    def old(self, now: float) -> bool:
        """Whether nobody comes back for it."""
        return self.looks >= LOOKS and now - self.since >= KEPT_S


def looked(before: Mapping[str, Stood], found: Mapping[str, Mapping[str, int]], now: float) -> dict[str, Stood]:
    """The unfinished versions with the look of `now`; `found` has the sizes of the files of each."""
    after = {}
    for version, sizes in found.items():
        files, known = sha256(msgspec.json.encode(sizes, order="sorted")), before.get(version)
        same = known is not None and known.files == files
        after[version] = Stood(files, min(known.since, now), known.looks + 1) if known and same else Stood(files, now, 1)
    return after


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Of one model, in a repository that its retrain service publishes to."""

    model: str
    repository: ModelRepository
    database: Database
    log: Logger

    def look(self, now: float, wanted: Collection[str]) -> None:
        """Outside of any transaction: remove what is old, but for the versions that jobs which live have `wanted`. Raises StoreError, TakenOverError."""
        kept = self.database.fact(_FACT)
        before = msgspec.json.decode(kept, type=dict[str, Stood]) if kept else {}
        unfinished = self.repository.unfinished(self.model)
        stood = looked(before, {version: sizes for version, sizes in unfinished.items() if version not in wanted}, now)
        if stood or before:
            with self.database.transaction():  # which only the owner of the state has: no other service stages a version now
                self.database.remember(_FACT, msgspec.json.encode(stood).decode() if stood else None)
        for version, one in stood.items():
            if one.old(now):
                self.repository.clear(self.model, version)
                self.log.info("unfinished_version_cleared", version=version, bytes=sum(unfinished[version].values()))
