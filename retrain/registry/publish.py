"""Publishes what a training process packaged, in two steps, so that a version of many megabytes holds no transaction and none is half there.

`stage`, outside of a transaction, holds every file to its SHA-256 and copies it under a number of its own; nobody sees a version yet. The manifest, which
makes it one, is written inside the transaction that says ModelPublished (`ModelRepository.finish`): whoever lost the state in between publishes nothing.
Killed anywhere, the next life stages and finishes the same number again.
"""

from typing import Final

import msgspec

from contracts import manifest as manifests
from contracts.errors import StoreError, VersionError, VersionTakenError
from contracts.files import Folder, sha256
from contracts.manifest import MANIFEST, Manifest
from contracts.repository import ModelRepository
from retrain.request import PACKAGE, CandidateOutcome

CHOSEN: Final = "version.json"
MAX_FILES: Final = 500
"""A version's own, and the pictures of its verdict."""
_TRIES: Final = 5


class _Chosen(msgspec.Struct):
    """The number that a job publishes under, written before it is claimed, so that the next life of the service takes the same."""

    version: str
    digest: str


def stage(model: str, parent: str, outcome: CandidateOutcome, folder: Folder, repository: ModelRepository, now: float) -> Manifest:
    """Copy the package in a job's `folder` into the repository; the manifest to finish the version with.

    `parent` is the version of `model` that the job began with. Raises StoreError while a store does not answer, and VersionError, naming the file, where
    the package is not what the outcome says.
    """
    manifest = _packaged(model, parent, outcome, folder)
    mounted(repository, model)
    for _ in range(_TRIES):
        version = _chosen(repository, manifest, folder)
        numbered = msgspec.structs.replace(manifest, version=version, created_at=now)
        try:
            repository.stage(numbered, lambda name: _content(folder, name, outcome))
        except VersionTakenError:
            folder.remove(CHOSEN)
            continue
        return numbered
    raise StoreError(
        f"{_TRIES} numbers in a row of {model} in {repository.url} were taken by other publishers: is something flooding it?"
    )


def mounted(repository: ModelRepository, model: str) -> None:
    """Raises StoreError where the repository holds no version of the model any more, not even the parent: a disk that is away looks empty."""
    if not repository.versions(model):
        raise StoreError(f"the repository {repository.url} holds no version any more: is it mounted?")


def _packaged(model: str, parent: str, outcome: CandidateOutcome, folder: Folder) -> Manifest:
    """The package's manifest, which must name what the outcome names and follow from the job."""
    where = f"{folder.url}/{PACKAGE}"
    if not 0 < len(outcome.package) <= MAX_FILES:
        raise VersionError(f"the outcome names {len(outcome.package)} files in {where}, from 1 to {MAX_FILES} are a version")
    if MANIFEST not in outcome.package:
        raise VersionError(f"the outcome names {sorted(outcome.package)} in {where}: {MANIFEST} is not among them")
    manifest = manifests.decode(_content(folder, MANIFEST, outcome), where)
    named = {name: entry.sha256 for name, entry in manifest.files.items()}
    said = {name: digest for name, digest in outcome.package.items() if name != MANIFEST}
    if named != said:
        differing = sorted(name for name in named.keys() | said.keys() if named.get(name) != said.get(name))
        raise VersionError(f"{where}: the manifest and the outcome differ in {', '.join(differing[:5])}")
    if (manifest.model, manifest.lineage.parent) != (model, parent):
        raise VersionError(
            f"{where} holds {manifest.model} made of version {manifest.lineage.parent!r}; the job is for {model} and its version {parent!r}"
        )
    return manifest


def _content(folder: Folder, name: str, outcome: CandidateOutcome) -> bytes:
    path = f"{PACKAGE}/{name}"
    try:
        content = folder.read(path)
    except FileNotFoundError:
        raise VersionError(f"{folder.url}/{path} is missing") from None
    if (got := sha256(content)) != (said := outcome.package[name]):
        raise VersionError(f"{folder.url}/{path} was altered: sha256 {got[:12]}…, the outcome says {said[:12]}…")
    return content


def chosen(folder: Folder) -> str | None:
    """The number that the job in `folder` publishes under; None while it has chosen none. Raises StoreError."""
    try:
        return msgspec.json.decode(folder.read(CHOSEN), type=_Chosen).version
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _chosen(repository: ModelRepository, manifest: Manifest, folder: Folder) -> str:
    """The number chosen before for these bytes, else the next free one."""
    digest = manifests.digest(manifest)
    try:
        chosen = msgspec.json.decode(folder.read(CHOSEN), type=_Chosen)
        if chosen.digest == digest:
            return chosen.version
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        pass
    version = repository.next_version(manifest.model)
    folder.write(CHOSEN, msgspec.json.encode(_Chosen(version, digest)))
    return version
