"""The versions of a model as the repository has them, for pages that are asked for often: manifests never change and are read once, the rest is looked at
every few seconds at most."""

import threading
from collections.abc import Callable
from typing import Final

from contracts.channels import Channels
from contracts.errors import VersionError
from contracts.manifest import Manifest
from contracts.repository import ModelRepository
from monitor.console.patience import Patience

EVERY_S: Final = 2.0
LIST_S: Final = 30.0
"""Between two listings of the versions, where the channels stand still: on an object store that is a request a version."""
PATIENT_S: Final = 2.0
"""So long a page waits for the repository's answer."""
AT_ONCE: Final = 4
"""Manifests that are read at the same time."""
MOST: Final = 500
"""Manifests kept in memory, some 5 kB each."""


class Catalogue:
    """Any thread may ask. `clock` is monotonic, `new_classes` the setting."""

    def __init__(self, repository: ModelRepository, model: str, new_classes: tuple[str, ...], clock: Callable[[], float]) -> None:
        self._repository, self._model, self._new_classes, self._clock = repository, model, new_classes, clock
        self._looking = Patience(
            f"the repository {repository.url}", 1, PATIENT_S
        )  # one at a time: its looks are kept without a lock
        self._reading = Patience(f"the repository {repository.url}", AT_ONCE, PATIENT_S)
        self._keeping = threading.Lock()
        self._manifests: dict[str, Manifest] = {}
        self._looked: tuple[float, Channels | None] | None = None
        self._listed: tuple[float, Channels | None, tuple[str, ...]] | None = None

    def now(self, anew: bool = False) -> tuple[Channels | None, tuple[str, ...]]:
        """The channels (None without any), and the finished versions, the newest first; `anew` trusts no earlier look. Raises StoreError."""
        return self._looking.ask(lambda: self._look(anew))

    def manifest(self, version: str) -> Manifest | None:
        """A version's manifest; None when it is not there or cannot be read. Raises StoreError."""
        if (known := self._manifests.get(version)) is not None:
            return known
        try:
            manifest = self._reading.ask(lambda: self._repository.manifest(self._model, version))
        except (VersionError, ValueError):
            return None
        with self._keeping:
            self._manifests[version] = manifest
            if len(self._manifests) > MOST:
                del self._manifests[next(iter(self._manifests))]
        return manifest

    def labels(self) -> tuple[str, ...]:
        """What a label may say: the classes of the versions in service, those of the champion first, and the new ones. Raises StoreError."""
        channels, _ = self.now()
        manifests = (self.manifest(version) for version in (channels.versions() if channels else ()))
        known = (label for manifest in manifests if manifest is not None for label in manifest.labels)
        return tuple(dict.fromkeys([*known, *self._new_classes]))

    def _look(self, anew: bool) -> tuple[Channels | None, tuple[str, ...]]:
        if anew:
            self._looked = self._listed = None
        now = self._clock()
        if self._looked is None or now - self._looked[0] >= EVERY_S:
            try:
                channels = self._repository.channels(self._model)
            except VersionError:
                channels = None
            self._looked = (now, channels)
        channels = self._looked[1]
        if self._listed is None or now - self._listed[0] >= LIST_S or self._listed[1] != channels:
            self._listed = (now, channels, tuple(reversed(self._repository.versions(self._model))))
        return channels, self._listed[2]
