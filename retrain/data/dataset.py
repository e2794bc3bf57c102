"""The list of frames, labels and sets that a version was made from, kept in the frame store so that every later retraining replays it.

    datasets/<model>/files/<sha256>         a frame's bytes as the camera sent them, stored once however many datasets name it
    datasets/<model>/<digest>.json          Dataset, named by the SHA-256 of its own bytes: Manifest.lineage.dataset
    datasets/<model>/views/<digest>-….npz   what the version with that model digest and decode sees of its dataset, row by row: saves embedding it again

Retention prunes `frames/`, never `datasets/`. Membership of a set never moves: a retraining adds items, it changes none.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.errors import StoreError
from contracts.files import Folder, sha256
from contracts.ids import checked_name
from contracts.manifest import InputSpec
from retrain.models.session import Views, pack, unpack
from retrain.request import Set

NEAR_HASH: Final = 4
"""Perceptual hashes of near-duplicates differ in at most this many of 64 bits."""
NEAR_EMBEDDING: Final = 0.1
"""Embeddings of near-duplicates lie nearer than this share of the median distance between frames."""


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A labelled frame of a dataset. `sha256` names its bytes in the store; `added` is the version that it was first used for."""

    sha256: str
    label: str
    group: str
    set: Set
    camera: str
    captured_at: float
    added: str
    frame_id: str = ""
    labelled_by: str = ""


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Labelled frames in recording order. `labels` as in the version's manifest."""

    model: str
    labels: tuple[str, ...]
    items: tuple[Item, ...]
    schema: int = 1

    def truth(self) -> NDArray[np.int64]:
        """The index of each item's label."""
        place = {label: k for k, label in enumerate(self.labels)}
        return np.array([place[item.label] for item in self.items], dtype=np.int64)

    def where(self, *sets: Set) -> NDArray[np.bool_]:
        """Which items are in one of the sets."""
        return np.array([item.set in sets for item in self.items], dtype=np.bool_)


class Datasets:
    """The datasets of a model in the frame store at `url`."""

    def __init__(self, url: str, model: str) -> None:
        self._folder = Folder(url)
        self._where = f"datasets/{checked_name('model', model)}"

    def put_frame(self, content: bytes) -> str:
        """Keep a frame's bytes; the SHA-256 they are found by."""
        name = sha256(content)
        if not self._folder.exists(f"{self._where}/files/{name}"):
            self._folder.write(f"{self._where}/files/{name}", content, durable=False)
        return name

    def frame(self, name: str) -> bytes:
        """A frame's bytes. Raises StoreError when they are missing or altered."""
        path = f"{self._where}/files/{name}"
        try:
            content = self._folder.read(path)
        except FileNotFoundError:
            raise StoreError(
                f"{self._folder.url}/{path}, a frame of the training set, is missing: restore it or retrain without replay"
            ) from None
        if sha256(content) != name:
            raise StoreError(f"{self._folder.url}/{path}, a frame of the training set, was altered: restore it")
        return content

    def put(self, dataset: Dataset) -> str:
        """Keep a dataset; the digest it is found by."""
        content = msgspec.json.encode(dataset, order="sorted")
        name = sha256(content)
        self._folder.write(f"{self._where}/{name}.json", content)
        return name

    def get(self, digest: str) -> Dataset:
        """A dataset by its digest. Raises StoreError when it is missing, altered or not readable."""
        path = f"{self._where}/{digest}.json"
        try:
            content = self._folder.read(path)
        except FileNotFoundError:
            raise StoreError(
                f"{self._folder.url}/{path}, the parent version's dataset, is missing: restore the frame store"
            ) from None
        if sha256(content) != digest:
            raise StoreError(f"{self._folder.url}/{path} was altered: its digest is not its name")
        try:
            return msgspec.json.decode(content, type=Dataset)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._folder.url}/{path} is not a dataset we can read: {error}") from error

    def put_views(self, version_digest: str, spec: InputSpec, seen: Views) -> None:
        """Keep what a version sees of its dataset."""
        self._folder.write(self._views(version_digest, spec), pack(seen), durable=False)

    def views(self, version_digest: str, spec: InputSpec, rows: int, width: int) -> Views | None:
        """What the version saw of its dataset; None when it was not kept, or does not have that many rows and dimensions."""
        try:
            found = unpack(self._folder.read(self._views(version_digest, spec)))
        except FileNotFoundError:
            return None
        return found if found is not None and found.embedding.shape == (rows, width) and len(found) == rows else None

    def _views(self, version_digest: str, spec: InputSpec) -> str:
        """One model imported twice, with frames fitted to it in two ways, sees two things."""
        return f"{self._where}/views/{version_digest}-{spec.fit}-{spec.decode}.npz"


def near_duplicates(seen: Views, others: Views | None = None) -> list[tuple[int, int]]:
    """Pairs (i, j) of frames that show the same moment: within `seen` (i < j), or of `seen` with `others`. Both hash and embedding must say so."""
    within = others is None
    others = others or seen
    if not len(seen) or not len(others):
        return []
    distance = _distances(seen.embedding, others.embedding)
    limit = NEAR_EMBEDDING * float(np.median(distance))
    bits = np.bitwise_count(seen.phash[:, None] ^ others.phash[None, :])
    close = (distance <= limit) & (bits <= NEAR_HASH)
    if within:
        close = np.triu(close, k=1)
    return [(int(i), int(j)) for i, j in np.argwhere(close)]


def conflicting(names: Sequence[str], labels: Sequence[str]) -> set[str]:
    """The frames (by SHA-256) that carry more than one label."""
    told: dict[str, set[str]] = {}
    for name, label in zip(names, labels, strict=True):
        told.setdefault(name, set()).add(label)
    return {name for name, said in told.items() if len(said) > 1}


def _distances(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances [n, m] of rows."""
    squared = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2.0 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float32)
