"""The model repository: immutable versions, and channels that say which of them serve.

models/<model>/<version>/.claim                                        whose name it is: the model's digest, created exclusively
models/<model>/<version>/{model.onnx, baseline.npz, golden.npz, ..., manifest.json}  the manifest last: a version without one is unfinished
models/<model>/channels.json                                           the newest channels, replaced atomically
models/<model>/channels/<sequence>.json                                every change, created exclusively: the history, and the compare-and-set
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from contracts import baseline as baselines
from contracts import golden as goldens
from contracts import manifest as manifests
from contracts.baseline import Baseline
from contracts.channels import Channels
from contracts.errors import ChannelConflictError, StoreError, VersionError, VersionTakenError
from contracts.files import Folder, sha256
from contracts.golden import Golden
from contracts.ids import checked_name
from contracts.manifest import BASELINE, GOLDEN, MANIFEST, MODEL, FileEntry, Manifest

CLAIM: Final = ".claim"
"""The digest of the model that a version's name belongs to, created exclusively before anything else of the version."""
MAX_BYTES: Final = 2**31 - 1
"""The most bytes of one file of a version: protobuf, which a model file is written in, holds no more."""
_TOLD: Final = 20
"""Versions that a message names."""
_RESERVED: Final = ("channels", "channels.json")


@dataclass(frozen=True, slots=True)
class Version:
    """A version as read, every byte checked against its manifest."""

    manifest: Manifest
    model: bytes
    baseline: Baseline
    golden: Golden | None = None

    @property
    def digest(self) -> str:
        """The model file's SHA-256."""
        return manifests.digest(self.manifest)


class ModelRepository:
    """A repository in a folder (a path, `s3://` or `gs://`). Many processes read; publishing and channel changes are safe against each other."""

    def __init__(self, url: str) -> None:
        self._folder = Folder(url)
        self.url = url

    def models(self) -> list[str]:
        """The models that have a folder."""
        return self._folder.names("models")

    def versions(self, model: str, newest: int = 0) -> list[str]:
        """The finished versions of a model, oldest first (numbers by value); with `newest` those among so many folders of the highest numbers.

        An object store is asked once for each.
        """
        names = [name for name in self._folder.names(f"models/{checked_name('model', model)}") if name not in _RESERVED]
        names.sort(key=lambda name: (int(name) if name.isdecimal() else -1, name))
        return [name for name in names[-newest:] if self._folder.exists(f"models/{model}/{name}/{MANIFEST}")]

    def has(self, model: str, version: str) -> bool:
        """Whether a version is there and finished."""
        return self._folder.exists(f"{self._where(model, version)}/{MANIFEST}")

    def next_version(self, model: str) -> str:
        """One above the highest numbered version folder, finished or not: "1" for the first."""
        names = self._folder.names(f"models/{checked_name('model', model)}")
        return str(1 + max((int(name) for name in names if name.isdecimal()), default=0))

    def publish(
        self,
        manifest: Manifest,
        model: bytes,
        baseline: Baseline,
        golden: Golden | None = None,
        more: Mapping[str, bytes] | None = None,
    ) -> Manifest:
        """Write a version, `more` being files beside its own, and return its manifest with the files' digests. Raises VersionError as `stage` does."""
        files = {
            MODEL: model,
            BASELINE: baselines.encode(baseline),
            **({GOLDEN: goldens.encode(golden)} if golden else {}),
            **(more or {}),
        }
        manifest = msgspec.structs.replace(
            manifest, files={name: FileEntry(sha256(data), len(data)) for name, data in files.items()}
        )
        self.stage(manifest, files.__getitem__)
        return self.finish(manifest)

    def stage(self, manifest: Manifest, content: Callable[[str], bytes]) -> None:
        """Write a version's files, each as `content` gives it by its name. Nobody sees a version before `finish`.

        Raises VersionTakenError if another model has the version's name, and VersionError if a file is not what the manifest says. The first publisher
        of a name claims it with its model's digest: of two at once one is refused before it writes; the same one may try again.
        """
        where = self._where(manifest.model, manifest.version)
        if manifest.version in _RESERVED:
            raise VersionError(
                f"{where}: {manifest.version!r} is where the channels lie; versions are numbers, publish under the next"
            )
        _check_names(where, manifest)
        claim = manifests.digest(manifest).encode()
        baseline = _as_said(where, BASELINE, content(BASELINE), manifest.files[BASELINE])
        _check_baseline(where, manifest, baselines.decode(baseline, where))
        if not self._folder.create(f"{where}/{CLAIM}", claim) and self._folder.read(f"{where}/{CLAIM}") != claim:
            raise VersionTakenError(f"{where} is taken by another model; versions are immutable, publish under the next number")
        if not self._folder.exists(f"{where}/{MANIFEST}"):
            for name, entry in manifest.files.items():
                self._folder.write(f"{where}/{name}", _as_said(where, name, content(name), entry))

    def unfinished(self, model: str) -> dict[str, dict[str, int]]:
        """The versions that were claimed and not finished and of which files lie there, each with the sizes of what stands directly in its folder."""
        where = f"models/{checked_name('model', model)}"
        found = {name: self._folder.sizes(f"{where}/{name}") for name in self._folder.names(where) if name not in _RESERVED}
        return {
            name: sizes
            for name, sizes in found.items()
            if sizes and MANIFEST not in sizes and self._folder.exists(f"{where}/{name}/{CLAIM}")
        }

    def clear(self, model: str, version: str) -> None:
        """Remove the files of a version that was never finished. Its claim stays: the number is spent. Raises VersionError for a finished one."""
        where = self._where(model, version)
        if self.has(model, version):
            raise VersionError(f"{self.url}/{where} is finished: versions are immutable")
        for name in self._folder.names(where):
            self._folder.remove(f"{where}/{name}")

    def finish(self, manifest: Manifest) -> Manifest:
        """Make the version that was staged one that all see; its manifest. One that was finished before stays as it is. Raises StoreError."""
        where = self._where(manifest.model, manifest.version)
        if self._folder.exists(f"{where}/{MANIFEST}"):
            return self.manifest(manifest.model, manifest.version)
        if not self._folder.exists(f"{where}/{CLAIM}"):
            raise StoreError(f"{self.url}/{where} was written and is gone: is the repository mounted?")
        self._folder.write(f"{where}/{MANIFEST}", manifests.encode(manifest))
        return manifest

    def manifest(self, model: str, version: str) -> Manifest:
        """A version's manifest alone, its files not checked. Raises VersionError when missing or not readable."""
        where = self._where(model, version)
        try:
            content = self._folder.read(f"{where}/{MANIFEST}")
        except FileNotFoundError:
            known = ", ".join(self.versions(model, _TOLD)) or "none"
            raise VersionError(f"model {model!r} has no version {version!r} in {self.url} (finished versions: {known})") from None
        manifest = manifests.decode(content, f"{self.url}/{where}")
        if (manifest.model, manifest.version) != (model, version):
            raise VersionError(
                f"{self.url}/{where}/{MANIFEST} says it is {manifest.model} {manifest.version}: the folder was copied or renamed"
            )
        return manifest

    def read(self, model: str, version: str, max_bytes: int = MAX_BYTES) -> Version:
        """A whole version. Raises VersionError, naming the file, when one is missing, half-written, altered or larger than `max_bytes`."""
        manifest = self.manifest(model, version)
        where = self._where(model, version)
        names = [MODEL, BASELINE, *([GOLDEN] if GOLDEN in manifest.files else [])]
        self._check_sizes(where, {name: manifest.files[name].bytes for name in names}, max_bytes)
        contents = {name: self._checked(f"{where}/{name}", manifest.files.get(name)) for name in names}
        baseline = baselines.decode(contents[BASELINE], f"{self.url}/{where}")
        golden = goldens.decode(contents[GOLDEN], f"{self.url}/{where}") if GOLDEN in contents else None
        return Version(manifest, contents[MODEL], baseline, golden)

    def file(self, model: str, version: str, name: str) -> bytes:
        """One file of a version, checked against its manifest. Raises VersionError when it is missing or altered, or the version has none of that name."""
        entry = self.manifest(model, version).files.get(name)
        return self._checked(f"{self._where(model, version)}/{name}", entry)

    def baseline(self, model: str, version: str) -> tuple[Manifest, Baseline]:
        """A version's manifest and baseline, without reading its model."""
        manifest = self.manifest(model, version)
        where = self._where(model, version)
        content = self._checked(f"{where}/{BASELINE}", manifest.files.get(BASELINE))
        return manifest, baselines.decode(content, f"{self.url}/{where}")

    def channels(self, model: str) -> Channels:
        """The channels now. Raises VersionError when the model has none yet, or they cannot be read."""
        where = f"models/{checked_name('model', model)}"
        try:
            current = _decode_channels(self._folder.read(f"{where}/channels.json"), f"{self.url}/{where}/channels.json")
        except FileNotFoundError:
            if not self._folder.exists(_entry(model, 1)):
                known = ", ".join(self.models()) or "none"
                raise VersionError(
                    f"model {model!r} has no channels in {self.url} (models there: {known}): import or bootstrap it first"
                ) from None
            current = self._history_entry(model, 1)
        # A writer killed between the history and the pointer leaves the pointer behind: the history is the truth.
        while self._folder.exists(_entry(model, current.sequence + 1)):
            current = self._history_entry(model, current.sequence + 1)
        return current

    def set_channels(self, model: str, new: Channels) -> Channels:
        """Replace the channels whose sequence is one less than `new.sequence`. Raises ChannelConflictError if they were replaced meanwhile.

        Every version named must be finished: raises VersionError otherwise.
        """
        for version in new.versions():
            self.manifest(model, version)
        content = msgspec.json.format(msgspec.json.encode(new), indent=1)
        _decode_channels(content, f"{self.url}/{_entry(model, new.sequence)}")
        if new.sequence != 1 and not self._folder.exists(_entry(model, new.sequence - 1)):
            raise ValueError(
                f"channels of {model!r} cannot begin at {new.sequence}: `changed` makes the next state of those read; the first is 1"
            )
        if not self._folder.create(_entry(model, new.sequence), content):
            raise ChannelConflictError(
                f"channels of {model!r} moved past {new.sequence - 1} meanwhile: read them again and decide again"
            )
        self._folder.write(f"models/{model}/channels.json", content)
        return new

    def history(self, model: str, since: int = 0) -> list[Channels]:
        """Every state the channels had, oldest first, from the sequence `since` on."""
        names = self._folder.names(f"models/{checked_name('model', model)}/channels")
        sequences = (int(name.removesuffix(".json")) for name in names)
        return [self._history_entry(model, sequence) for sequence in sequences if sequence >= since]

    def _history_entry(self, model: str, sequence: int) -> Channels:
        path = _entry(model, sequence)
        return _decode_channels(self._folder.read(path), f"{self.url}/{path}")

    def _check_sizes(self, where: str, claimed: dict[str, int], max_bytes: int) -> None:
        """Refuse what is too large, or is not what the manifest says, before it is in memory."""
        found = self._folder.sizes(where)
        for name, size in claimed.items():
            if max(size, found.get(name, 0)) > max_bytes:
                raise VersionError(
                    f"{self.url}/{where}/{name} has {max(size, found.get(name, 0))} bytes, at most {max_bytes} are allowed"
                )

    def _checked(self, path: str, entry: FileEntry | None) -> bytes:
        if entry is None:
            raise VersionError(f"{self.url}/{path} is not in the version's manifest")
        try:
            content = self._folder.read(path)
        except FileNotFoundError:
            raise VersionError(f"{self.url}/{path} is missing") from None
        return _as_said(self.url, path, content, entry)

    @staticmethod
    def _where(model: str, version: str) -> str:
        try:
            return f"models/{checked_name('model', model)}/{checked_name('version', version)}"
        except ValueError as error:
            raise VersionError(str(error)) from None


def changed(channels: Channels, now: float, by: str, reason: str, **fields: object) -> Channels:
    """`channels` with `fields` replaced, as the next in sequence."""
    return msgspec.structs.replace(channels, sequence=channels.sequence + 1, changed_at=now, by=by, reason=reason, **fields)


def _check_names(where: str, manifest: Manifest) -> None:
    """Files that are a version's, under names that lead nowhere else."""
    if MODEL not in manifest.files or BASELINE not in manifest.files:
        raise VersionError(f"{where}: files are {sorted(manifest.files)}; {MODEL} and {BASELINE} must be among them")
    try:
        for name in manifest.files:
            for part in name.split("/"):
                checked_name("file", part)
    except ValueError as error:
        raise VersionError(f"{where}: {error}") from None
    if MANIFEST in manifest.files:
        raise VersionError(f"{where}: {MANIFEST} names the version's files and is none of them")


def _check_baseline(where: str, manifest: Manifest, baseline: Baseline) -> None:
    if tuple(manifest.labels) != tuple(baseline.labels):
        raise VersionError(f"{where}: the manifest's labels {manifest.labels} are not the baseline's {baseline.labels}")
    if (manifest.task == "detection") is (baseline.answers is None):
        raise VersionError(f"{where}: the task is {manifest.task!r}, and its baseline is that of another")


def _as_said(where: str, name: str, content: bytes, entry: FileEntry) -> bytes:
    """A file's content, held to what the manifest says of it."""
    if len(content) != entry.bytes:
        raise VersionError(f"{where}/{name} has {len(content)} bytes, its manifest says {entry.bytes}: half-written or altered")
    if (got := sha256(content)) != entry.sha256:
        raise VersionError(f"{where}/{name} was altered: sha256 {got[:12]}…, its manifest says {entry.sha256[:12]}…")
    return content


def _entry(model: str, sequence: int) -> str:
    return f"models/{model}/channels/{sequence:08d}.json"


def _decode_channels(content: bytes, where: str) -> Channels:
    try:
        return msgspec.json.decode(content, type=Channels)
    except msgspec.MsgspecError as error:
        raise VersionError(f"{where} is not readable: {error}") from error
