"""Pictures that no camera of the house sent, brought to learn from. They never judge a version and never measure one: nobody knows how they were chosen.

datasets/<model>/inbox/<digest>.json     Batch: what one import brought, only ever created; its name is the SHA-256 of its bytes
datasets/<model>/files/<sha256>          the pictures, where retention does not go
"""

from typing import Final

import msgspec

from contracts.errors import StoreError
from contracts.files import Folder, sha256
from contracts.ids import checked_name
from contracts.predictions import Truth

MOST: Final = 20_000
"""Pictures of one batch: some 3 MB of JSON."""


class Picture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture by the SHA-256 of its bytes, with what is true of it. `name` is what the label file called it."""

    sha256: str
    truth: Truth
    name: str = ""
    labelled_by: str = ""


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` says where the pictures are from, in the words of who brought them."""

    source: str
    pictures: tuple[Picture, ...]


class Inbox:
    """The batches of a model in the frame store at `url`. Methods raise StoreError."""

    def __init__(self, url: str, model: str) -> None:
        self._folder = Folder(url)
        self._where = f"datasets/{checked_name('model', model)}/inbox"

    def put(self, batch: Batch) -> str:
        """Keep a batch, whose pictures are kept already; the digest it is found by. The same batch again is the same file."""
        content = msgspec.json.encode(batch)
        self._folder.create(f"{self._where}/{(name := sha256(content))}.json", content)
        return name

    def names(self) -> tuple[str, ...]:
        """The digests of all batches, sorted."""
        return tuple(name.removesuffix(".json") for name in self._folder.names(self._where) if name.endswith(".json"))

    def get(self, digest: str) -> Batch:
        """A batch. Raises StoreError when it is missing, altered or none."""
        path = f"{self._where}/{digest}.json"
        try:
            content = self._folder.read(path)
            if sha256(content) != digest:
                raise StoreError(
                    f"{self._folder.url}/{path} was altered: its SHA-256 is another than its name. Restore or remove it"
                )
            return msgspec.json.decode(content, type=Batch)
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._folder.url}/{path} is no batch of pictures that we can read: {error}") from error
