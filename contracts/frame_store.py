"""The frame store: the sampled share of the frames that serving received, as they were sent, with what the versions said of each.

    frames/<model>/<day>/<hour>/<frame_id>.<codec>     the bytes as received
    frames/<model>/<day>/<hour>/<frame_id>.json        StoredFrame, written after the bytes: a frame without it is unfinished

A frame's folder follows from its id (a UUIDv7 holds the time), so that any serving replica joins a label without an index.
"""

import time

import msgspec

from contracts.errors import StoreError
from contracts.events import Sample
from contracts.files import Folder
from contracts.ids import checked_name, is_id, time_of
from contracts.predictions import Scored


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
        """Keep a frame and its card. Putting the same again changes nothing."""
        self._folder.write(card.path, content)
        self._folder.write(_card_path(card.model, card.frame_id), msgspec.json.encode(card))

    def card(self, model: str, frame_id: str) -> StoredFrame | None:
        """What is known of a frame; None when it was never stored, or is gone by retention."""
        if not is_id(frame_id):
            return None
        path = _card_path(model, frame_id)
        try:
            return msgspec.json.decode(self._folder.read(path), type=StoredFrame)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise StoreError(f"{self.url}/{path} is not readable: {error}") from error

    def read(self, path: str) -> bytes:
        """A frame's bytes. Raises FileNotFoundError when retention took it."""
        return self._folder.read(path)

    def prune(self, model: str, max_bytes: int, oldest: float) -> int:
        """Remove whole hours that ended before `oldest` (Unix seconds), then the oldest until at most `max_bytes` are kept. Returns the bytes freed."""
        hours = [
            (f"frames/{model}/{day}/{hour}")
            for day in self._folder.names(f"frames/{model}")
            for hour in self._folder.names(f"frames/{model}/{day}")
        ]
        sizes = {hour: sum(self._folder.size(f"{hour}/{name}") for name in self._folder.names(hour)) for hour in hours}
        total, freed = sum(sizes.values()), 0
        limit = time.strftime("%Y%m%d/%H", time.gmtime(oldest))
        for hour in hours:
            if total - freed <= max_bytes and hour.removeprefix(f"frames/{model}/") >= limit:
                break
            self._folder.remove(hour)
            freed += sizes[hour]
        return freed


def frame_path(model: str, frame_id: str, codec: str) -> str:
    """Where a frame lies, relative to the store."""
    hour = time.strftime("%Y%m%d/%H", time.gmtime(time_of(frame_id)))
    return f"frames/{checked_name('model', model)}/{hour}/{frame_id}.{codec}"


def _card_path(model: str, frame_id: str) -> str:
    return frame_path(model, frame_id, "json")
