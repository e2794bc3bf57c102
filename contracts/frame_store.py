"""The frame store: the sampled share of the frames that serving received, as they were sent, with what the versions said of each.

    frames/<model>/<day>/<hour>/<frame_id>.<codec>     the bytes as received
    frames/<model>/<day>/<hour>/<frame_id>.json        StoredFrame, written after the bytes: a frame without it is unfinished
    datasets/<model>/files/<sha256>                    the bytes of a frame that has a label, or that a version was made from: retention never goes there
    datasets/<model>/cards/<frame_id>.json             StoredFrame of a frame that has a label, with the path above

A frame's folder follows from its id (a UUIDv7 holds the time), so that any serving replica joins a label without an index.
"""

import re
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from contracts.errors import StoreError
from contracts.events import Sample
from contracts.files import Folder, sha256
from contracts.ids import checked_name, is_id, time_of
from contracts.predictions import Scored

_FRAME: Final = re.compile(r"frames/.+|datasets/[^/]+/files/[0-9a-f]{64}")
"""What a path to a frame looks like."""


class StoredFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A stored frame's card. Times are Unix seconds; `path` is relative to the store."""

    frame_id: str
    model: str
    camera: str
    site: str
    captured_at: float
    codec: str
    sample: Sample
    predictions: tuple[Scored, ...]
    path: str


class FrameStore:
    """Frames in a folder (a path, `s3://` or `gs://`)."""

    def __init__(self, url: str) -> None:
        self._folder = Folder(url)
        self.url = url

    def put(self, card: StoredFrame, content: bytes) -> None:
        """Keep a frame and its card. Putting the same again changes nothing. A power cut may lose the last seconds; nothing waits for the disk."""
        self._folder.write(card.path, content, durable=False)
        self._folder.write(_card_path(card.model, card.frame_id), msgspec.json.encode(card), durable=False)

    def card(self, model: str, frame_id: str) -> StoredFrame | None:
        """What is known of a frame; None when it was never stored, or is gone by retention and was not kept."""
        if not is_id(frame_id):
            return None
        for path in (_card_path(model, frame_id), _kept_card_path(model, frame_id)):
            try:
                if content := self._folder.read(path):  # empty: a power cut came between
                    return msgspec.json.decode(content, type=StoredFrame)
            except FileNotFoundError:
                continue
            except msgspec.MsgspecError as error:
                raise StoreError(f"{self.url}/{path} is not readable: {error}") from error
        return None

    def read(self, path: str) -> bytes:
        """A frame's bytes, sampled or kept. Raises FileNotFoundError when retention took it, and for a path that leads out of the store."""
        if not _FRAME.fullmatch(path) or ".." in path.split("/"):
            raise FileNotFoundError(f"{self.url}/{path} is no frame of this store")
        return self._folder.read(path)

    def keep(self, model: str, content: bytes, durable: bool = False) -> str:
        """Keep a frame's bytes where retention does not go, once however often it is asked; the SHA-256 they are found by.

        Without `durable` a power cut may lose what was just written; with it what lies there already is looked at, and mended.
        """
        name = sha256(content)
        path = kept_path(model, name)
        if not self._folder.exists(path) or (durable and self._folder.read(path) != content):
            self._folder.write(path, content, durable)
        return name

    def keep_card(self, model: str, frame_id: str, path: str) -> None:
        """Keep what is known of a frame whose bytes are kept at `path`: it is found by its id when retention took the rest. A damaged card is not kept."""
        if not is_id(frame_id):
            return
        try:
            card = msgspec.json.decode(self._folder.read(_card_path(model, frame_id)), type=StoredFrame)
        except (FileNotFoundError, msgspec.MsgspecError):
            return
        self._folder.write(_kept_card_path(model, frame_id), msgspec.json.encode(msgspec.structs.replace(card, path=path)))

    def kept(self, model: str, digest: str) -> bytes:
        """The bytes that were kept. Raises FileNotFoundError when there are none, StoreError when they are others than were kept."""
        content = self._folder.read(path := kept_path(model, digest))
        if sha256(content) != digest:
            raise StoreError(f"{self.url}/{path} was altered: its SHA-256 is another than its name")
        return content

    def frames(self, model: str) -> Iterator[tuple[str, int]]:
        """The path and the bytes of each stored frame of a model, in order of time. One listing an hour."""
        root = f"frames/{checked_name('model', model)}"
        for day in self._folder.names(root):
            for hour in self._folder.names(f"{root}/{day}"):
                where = f"{root}/{day}/{hour}"
                yield from (
                    (f"{where}/{name}", size) for name, size in self._folder.sizes(where).items() if not name.endswith(".json")
                )

    def prune(self, model: str, max_bytes: int, oldest: float) -> int:
        """Remove whole hours that ended before `oldest` (Unix seconds), then the oldest frames until at most `max_bytes` are kept.

        Returns the bytes freed. One listing an hour; safe beside a writer and beside another pruner.
        """
        root = f"frames/{checked_name('model', model)}"
        hours = {
            f"{day}/{hour}": self._folder.sizes(f"{root}/{day}/{hour}")
            for day in self._folder.names(root)
            for hour in self._folder.names(f"{root}/{day}")
        }
        total, freed = sum(sum(files.values()) for files in hours.values()), 0
        limit = time.strftime("%Y%m%d/%H", time.gmtime(oldest))
        for hour, files in hours.items():
            size = sum(files.values())
            if hour < limit or total - freed - size >= max_bytes:
                self._folder.remove(f"{root}/{hour}")
                freed += size
                continue
            for name in files:  # in order of time: a frame's name begins with its time
                if total - freed <= max_bytes:
                    break
                self._folder.remove(f"{root}/{hour}/{name}")
                freed += files[name]
        for day in {hour.partition("/")[0] for hour in hours if hour < limit}:
            if day < limit[:8] and not self._folder.names(f"{root}/{day}"):
                self._folder.remove(f"{root}/{day}")
        return freed


def frame_path(model: str, frame_id: str, codec: str) -> str:
    """Where a frame lies, relative to the store."""
    hour = time.strftime("%Y%m%d/%H", time.gmtime(time_of(frame_id)))
    return f"frames/{checked_name('model', model)}/{hour}/{frame_id}.{codec}"


def kept_path(model: str, digest: str) -> str:
    """Where a frame that is kept lies, relative to the store."""
    return f"datasets/{checked_name('model', model)}/files/{digest}"


def _card_path(model: str, frame_id: str) -> str:
    return frame_path(model, frame_id, "json")


def _kept_card_path(model: str, frame_id: str) -> str:
    return f"datasets/{checked_name('model', model)}/cards/{frame_id}.json"
