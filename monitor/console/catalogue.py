"""The versions of a model as the repository has them, for pages that are asked for often: manifests never change and are read once, the rest is looked at
every few seconds at most."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from contracts.channels import Channels
from contracts.errors import StoreError, VersionError
from contracts.manifest import Manifest
from contracts.repository import ModelRepository

EVERY_S: Final = 2.0
LIST_S: Final = 30.0
"""Between two listings of the versions, where the channels stand still: on an object store that is a request a version."""
PATIENT_S: Final = 2.0
"""While one page asks a repository that hangs, the others wait so long for its answer."""
MOST: Final = 500
"""Manifests kept in memory, some 5 kB each."""


class Catalogue:
    """Any thread may ask. `clock` is monotonic, `new_classes` the setting."""

    def __init__(self, repository: ModelRepository, model: str, new_classes: tuple[str, ...], clock: Callable[[], float]) -> None:
        self._repository, self._model, self._new_classes, self._clock = repository, model, new_classes, clock
        self._asking, self._keeping = threading.Lock(), threading.Lock()
        self._manifests: dict[str, Manifest] = {}
        self._looked: tuple[float, Channels | None] | None = None
        self._listed: tuple[float, Channels | None, tuple[str, ...]] | None = None

    def now(self) -> tuple[Channels | None, tuple[str, ...]]:
        """The channels (None without any), and the finished versions, the newest first. Raises StoreError."""
        with self._alone():
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

    def forget(self) -> None:
        """Look again at the next question. Raises StoreError."""
        with self._alone():
            self._looked = self._listed = None

    def manifest(self, version: str) -> Manifest | None:
        """A version's manifest; None when it is not there or cannot be read. Raises StoreError."""
        if (known := self._manifests.get(version)) is not None:
            return known
        try:
            manifest = self._repository.manifest(self._model, version)
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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One asks at a time: a repository that hangs takes one thread, and pages that need it not go on. Raises StoreError where another has no answer yet."""
        if not self._asking.acquire(timeout=PATIENT_S):
            raise StoreError(f"the repository {self._repository.url} was asked a while ago and has not answered yet")
        try:
            yield
        finally:
            self._asking.release()
