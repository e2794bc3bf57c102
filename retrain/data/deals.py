"""The set of every recording that was ever dealt, kept in the frame store before anything learns from it: a rejection or a restart moves none.

    datasets/<model>/recordings/bucket.json    how long a stretch of time one recording is, settled once
    datasets/<model>/recordings/000001.json…   what each deal added; of two dealers at once one is first, and what stands is what the first one said

Files are only ever created, never written again.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from contracts.errors import StoreError
from contracts.files import Folder
from contracts.ids import checked_name
from retrain.request import Set

_BUCKET: Final = "bucket.json"
_T = TypeVar("_T")


class _Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: float


class _Deal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`by` names the job that dealt."""

    by: str
    sets: dict[str, Set]


class Deals:
    """The deals of a model in the frame store at `url`. Methods raise StoreError when a file cannot be read or is not what we wrote."""

    def __init__(self, url: str, model: str) -> None:
        self._folder = Folder(url)
        self._where = f"datasets/{checked_name('model', model)}/recordings"

    def bucket_s(self, usual: float) -> float:
        """Seconds of one recording: as settled before, else `usual` from now on."""
        self._folder.create(f"{self._where}/{_BUCKET}", msgspec.json.encode(_Bucket(usual)))
        return self._read(_BUCKET, _Bucket).seconds

    def standing(self) -> dict[str, Set]:
        """The set of every recording that was dealt."""
        return self._standing(self._numbers())

    def keep(self, sets: Mapping[str, Set], by: str) -> dict[str, Set]:
        """Keep what is not dealt yet. Returns the set of every recording that was dealt, which may differ from `sets` where another was first."""
        while True:
            numbers = self._numbers()
            standing = self._standing(numbers)
            fresh = {name: chosen for name, chosen in sets.items() if name not in standing}
            number = max(numbers, default=0) + 1
            if not fresh or self._folder.create(self._path(number), msgspec.json.encode(_Deal(by, fresh), order="sorted")):
                return standing | fresh

    def _numbers(self) -> list[int]:
        stems = (name.removesuffix(".json") for name in self._folder.names(self._where))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def _standing(self, numbers: list[int]) -> dict[str, Set]:
        found: dict[str, Set] = {}
        for number in numbers:
            found = self._read(self._name(number), _Deal).sets | found
        return found

    def _path(self, number: int) -> str:
        return f"{self._where}/{self._name(number)}"

    @staticmethod
    def _name(number: int) -> str:
        return f"{number:06d}.json"

    def _read(self, name: str, kind: type[_T]) -> _T:
        path = f"{self._where}/{name}"
        try:
            return msgspec.json.decode(self._folder.read(path), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, FileNotFoundError) as error:
            raise StoreError(
                f"{self._folder.url}/{path}, which says who learns and who judges, is not as we wrote it: restore it ({error})"
            ) from error
