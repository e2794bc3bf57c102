"""The versions that events name, found from one version's folder: beside it in a repository, or as folders of their own anywhere."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from contracts import baseline as baselines
from contracts import manifest as manifests
from contracts.baseline import Baseline
from contracts.errors import StoreError, VersionError
from contracts.files import sha256
from contracts.manifest import BASELINE, MANIFEST, Manifest
from contracts.repository import ModelRepository

DEPTH: Final = 3
"""REPOSITORY/models/MODEL/VERSION: a repository's versions lie so far below it."""
MOST_LISTED: Final = 200
"""Folders looked into, on the way down, of each depth."""
MOST_NAMED: Final = 3


class VersionFolders(ModelRepository):
    """The folder of one version (`manifest.json` and `baseline.npz`; the model file is not needed), and the folders beside it, by their names."""

    def __init__(self, folder: str) -> None:
        if not folder:
            raise VersionError("--baseline is empty: name the folder of the version that served, REPOSITORY/models/MODEL/VERSION")
        where = folder.rstrip("/") if "://" in folder else str(Path(folder).absolute())
        parent, _, self._given = where.rpartition("/")
        super().__init__(parent or "/")
        self.given = self._manifest(self._given)

    def manifest(self, model: str, version: str) -> Manifest:
        """A version's manifest. Raises VersionError when there is none, or it is another's."""
        name = self._given if version == self.given.version else version
        found = self._manifest(name)
        if (found.model, found.version) != (model, version):
            raise VersionError(f"{self.url}/{name}/{MANIFEST} is {found.model} {found.version}, not {model} {version}")
        return found

    def baseline(self, model: str, version: str) -> tuple[Manifest, Baseline]:
        """A version's manifest and baseline, checked against it. Raises VersionError."""
        manifest = self.manifest(model, version)
        path = f"{self._given if version == self.given.version else version}/{BASELINE}"
        try:
            content = self._folder.read(path)
        except FileNotFoundError:
            raise VersionError(f"{self.url}/{path} is missing") from None
        if sha256(content) != manifest.files[BASELINE].sha256:
            raise VersionError(
                f"{self.url}/{path} is not the file that {MANIFEST} beside it was written for: half-written or altered"
            )
        return manifest, baselines.decode(content, f"{self.url}/{path.rpartition('/')[0]}")

    def _manifest(self, name: str) -> Manifest:
        try:
            content = self._folder.read(f"{name}/{MANIFEST}")
        except FileNotFoundError:
            raise VersionError(f"{self._at(name)} has no {MANIFEST}: it is no folder of a version{self._hint(name)}") from None
        return manifests.decode(content, self._at(name))

    def _at(self, name: str) -> str:
        return f"{self.url.rstrip('/')}/{name}"

    def _hint(self, name: str) -> str:
        """Where such a folder lies: the nearest that are there, else how they are named."""
        if name == MANIFEST:
            return f"; name the folder that it lies in: {self.url}"
        below: list[str] = [name]
        for _ in range(DEPTH):
            with suppress(StoreError):  # a folder that may not be read
                below = [f"{folder}/{one}" for folder in below for one in self._folder.names(folder)][:MOST_LISTED]
            found = [folder for folder in below if self._folder.exists(f"{folder}/{MANIFEST}")]
            if found:
                return f"; below it are {', '.join(self._at(folder) for folder in found[:MOST_NAMED])}"
        return "; the versions of a house are the folders REPOSITORY/models/MODEL/VERSION (`repository` is a setting)"
