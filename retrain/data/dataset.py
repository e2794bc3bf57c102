"""The list of frames, labels and sets that a version was made from, kept in the frame store so that every later retraining replays it.

    datasets/<model>/files/<sha256>         a frame's bytes as the camera sent them, stored once however many datasets name it
    datasets/<model>/<digest>.json          Dataset, named by the SHA-256 of its own bytes: Manifest.lineage.dataset
    datasets/<model>/recordings/…           who learns and who judges (deals.py)
    datasets/<model>/views/<digest>.npz     what a version sees of its dataset, row by row: saves embedding it again

Retention prunes `frames/`, never `datasets/`. Membership of a set never moves: a retraining adds items and corrects labels.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.errors import StoreError
from contracts.files import Folder, sha256
from contracts.frame_store import FrameStore, kept_path
from contracts.ids import checked_name
from contracts.manifest import InputSpec
from contracts.predictions import BoxesTruth, ClassTruth, Truth
from retrain.data.box_truth import EMPTY, stratum
from retrain.models.session import Views, pack, unpack
from retrain.request import Set

SCHEMA: Final = 2


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A labelled frame of a dataset. `sha256` names its bytes in the store; `added` is the version, or the job, that it was first used for.

    `label_version` is raised by every correction of its label. `width` and `height` are the frame's as sent, in pixels; 0 where they were not kept.
    """

    sha256: str
    truth: Truth
    recording: str
    set: Set
    camera: str
    captured_at: float
    added: str
    frame_id: str = ""
    labelled_by: str = ""
    label_version: int = 1
    width: int = 0
    height: int = 0
    source: str = ""
    """Where it is from, if no camera of the house sent it: it never judges."""

    @property
    def label(self) -> str:
        """Its class; of one with boxes its stratum (see box_truth.py)."""
        return stratum(self.truth)


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Labelled frames in recording order. `labels` as in the version's manifest."""

    model: str
    labels: tuple[str, ...]
    items: tuple[Item, ...]
    schema: int = SCHEMA
    redefined: dict[str, float] = {}
    """Classes that mean something else since then (Unix seconds): what was called so on frames captured before is true no more."""

    @property
    def strata(self) -> tuple[str, ...]:
        """What items are counted by: the labels, and of a detector's also that nothing is there."""
        return (*self.labels, EMPTY) if any(isinstance(item.truth, BoxesTruth) for item in self.items) else self.labels

    def truth(self) -> NDArray[np.int64]:
        """The index of each item's label among `strata`."""
        place = {label: k for k, label in enumerate(self.strata)}
        return np.array([place[item.label] for item in self.items], dtype=np.int64)

    def where(self, *sets: Set) -> NDArray[np.bool_]:
        """Which items are in one of the sets."""
        return np.array([item.set in sets for item in self.items], dtype=np.bool_)


class _Item1(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of schema 1, which knew classes only."""

    sha256: str
    label: str
    group: str
    set: Set
    camera: str
    captured_at: float
    added: str
    frame_id: str = ""
    labelled_by: str = ""

    def now(self) -> Item:
        return Item(
            sha256=self.sha256,
            truth=ClassTruth(self.label),
            recording=self.group,
            set=self.set,
            camera=self.camera,
            captured_at=self.captured_at,
            added=self.added,
            frame_id=self.frame_id,
            labelled_by=self.labelled_by,
        )


class _Dataset1(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    model: str
    labels: tuple[str, ...]
    items: tuple[_Item1, ...]
    schema: int = 1


class _Written(msgspec.Struct):
    schema: int


class Datasets:
    """The datasets of a model in the frame store at `url`."""

    def __init__(self, url: str, model: str) -> None:
        self._folder = Folder(url)
        self._store, self._model = FrameStore(url), model
        self._where = f"datasets/{checked_name('model', model)}"

    def put_frame(self, content: bytes) -> str:
        """Keep a frame's bytes; the SHA-256 they are found by."""
        return self._store.keep(self._model, content)

    def frame(self, name: str) -> bytes:
        """A frame's bytes. Raises StoreError when they are missing or altered."""
        try:
            return self._store.kept(self._model, name)
        except FileNotFoundError:
            where = f"{self._folder.url}/{kept_path(self._model, name)}"
            raise StoreError(f"{where}, a frame of the training set, is missing: restore it or retrain without replay") from None
        except StoreError as error:
            raise StoreError(f"{error}. It is a frame of the training set: restore it or retrain without replay") from error

    def put(self, dataset: Dataset) -> str:
        """Keep a dataset; the digest it is found by."""
        content = msgspec.json.encode(dataset, order="sorted")
        name = sha256(content)
        self._folder.write(f"{self._where}/{name}.json", content)
        return name

    def get(self, digest: str) -> Dataset:
        """A dataset by its digest. Raises StoreError when it is missing, altered or not readable."""
        path = f"{self._where}/{digest}.json"
        where, remedy = f"{self._folder.url}/{path}, the parent version's dataset,", "restore the frame store"
        try:
            content = self._folder.read(path)
        except FileNotFoundError:
            raise StoreError(f"{where} is missing: {remedy}") from None
        if sha256(content) != digest:
            raise StoreError(f"{where} was altered, its SHA-256 is no more {digest[:12]}: {remedy}")
        try:
            return _decoded(content)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._folder.url}/{path} is not a dataset we can read: {error}") from error

    def put_views(self, version_digest: str, dataset_digest: str, spec: InputSpec, seen: Views) -> None:
        """Keep what a version sees of its dataset."""
        self._folder.write(self._views(version_digest, dataset_digest, spec), pack(seen), durable=False)

    def views(self, version_digest: str, dataset_digest: str, spec: InputSpec, rows: int, width: int) -> Views | None:
        """What the version saw of its dataset; None when it was not kept, or does not have that many rows and dimensions."""
        try:
            found = unpack(self._folder.read(self._views(version_digest, dataset_digest, spec)))
        except FileNotFoundError:
            return None
        return found if found is not None and found.embedding.shape == (rows, width) and len(found) == rows else None

    def _views(self, version_digest: str, dataset_digest: str, spec: InputSpec) -> str:
        """One model that is imported twice, with other frames, or the same at another side or fitted otherwise, sees other things."""
        return f"{self._where}/views/{sha256(msgspec.json.encode([version_digest, dataset_digest, spec]))}.npz"


def _decoded(content: bytes) -> Dataset:
    """Of schema 2, or of 1 as 2 says it."""
    if msgspec.json.decode(content, type=_Written).schema != 1:
        return msgspec.json.decode(content, type=Dataset)
    old = msgspec.json.decode(content, type=_Dataset1)
    return Dataset(model=old.model, labels=old.labels, items=tuple(item.now() for item in old.items))
