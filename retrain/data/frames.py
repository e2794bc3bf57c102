"""Labelled frames on their way into a dataset: which can be used, which cannot and why. Their bytes are read when they are needed, never kept."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, overload

from contracts.errors import FrameError, StoreError
from contracts.files import sha256
from contracts.frame_store import FrameStore
from contracts.frames import decode
from contracts.predictions import ClassTruth
from retrain.data.conflicts import conflicting
from retrain.data.recordings import recording_of
from retrain.request import LabelledFrame

_NAMED: Final = 3
"""Excluded frames that are named for each reason; the others are counted."""
_UNREADABLE: Final = 0.05
"""Share of the labelled frames that may be unreadable; where it is more, the store is at fault and not the frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An encoded frame with its truth: `read` gives its bytes, `name` tells a person which it is."""

    name: str
    read: Callable[[], bytes]
    sha256: str
    label: str
    recording: str
    camera: str
    captured_at: float = 0.0
    frame_id: str = ""
    labelled_by: str = ""
    source: str = ""
    """Where a picture is from that no camera of the house sent."""


class Frames(Sequence[bytes]):
    """The bytes of N encoded frames, each read when it is asked for; a slice is a list of those in it."""

    def __init__(self, readers: Sequence[Callable[[], bytes]]) -> None:
        self._readers = readers

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        return [read() for read in self._readers[index]] if isinstance(index, slice) else self._readers[index]()

    def __len__(self) -> int:
        return len(self._readers)

    def rows(self, index: Iterable[int]) -> "Frames":
        """Some of the frames."""
        return Frames([self._readers[i] for i in index])


@dataclass(slots=True)
class Excluded:
    """Frames that are not used, by reason."""

    reasons: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Leave a frame out."""
        self.reasons.setdefault(reason, []).append(name)

    def __len__(self) -> int:
        return sum(map(len, self.reasons.values()))

    def __str__(self) -> str:
        if not self.reasons:
            return "none excluded"
        parts = [
            f"{len(names)} {reason} ({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})"
            for reason, names in self.reasons.items()
        ]
        return f"{len(self)} excluded: " + "; ".join(parts)


def labelled(frames: Sequence[LabelledFrame], store: FrameStore, bucket_s: float, excluded: Excluded) -> list[Frame]:
    """The frames of a request that the store has, in order of time; those that retention took are excluded, and single ones that cannot be read.

    Raises StoreError when many cannot be read.
    """
    found: list[Frame] = []
    unreadable: list[StoreError] = []
    for one in sorted(frames, key=lambda one: (one.captured_at, one.frame_id)):
        if not isinstance(one.truth, ClassTruth):
            excluded.add("labelled with boxes, and the model names classes", one.frame_id)
            continue
        try:
            name = sha256(store.read(one.path))
        except FileNotFoundError:
            excluded.add("no longer in the frame store", one.frame_id)
            continue
        except StoreError as error:
            excluded.add("not readable in the frame store", one.frame_id)
            unreadable.append(error)
            continue
        if not one.path.startswith("frames/") and one.path.rpartition("/")[2] != name:
            excluded.add("altered since it was kept in the frame store", one.frame_id)
            continue
        found.append(
            Frame(
                one.frame_id,
                partial(_again, store, one.path),
                name,
                one.truth.label,
                recording_of(one.site, one.camera, one.captured_at, bucket_s),
                one.camera,
                one.captured_at,
                one.frame_id,
                one.labelled_by,
            )
        )
    if len(unreadable) > _UNREADABLE * len(frames):
        raise StoreError(f"{len(unreadable)} of {len(frames)} labelled frames cannot be read: {unreadable[0]}") from unreadable[0]
    return found


def usable(frames: Sequence[Frame], labels: Collection[str], excluded: Excluded) -> list[Frame]:
    """The frames that decode, have a label of the model's, only one, and come once."""
    torn, seen, kept = conflicting([one.sha256 for one in frames], [one.label for one in frames]), Counter[str](), []
    for one in frames:
        if one.label not in labels:
            excluded.add(f"labelled {one.label!r}, which is none of the model's classes", one.name)
        elif one.sha256 in torn:
            excluded.add("labelled in two ways", one.name)
        elif seen[one.sha256]:
            excluded.add("the same picture again", one.name)
        elif not _decodes(one.read()):
            excluded.add("not a picture that decodes", one.name)
        else:
            kept.append(one)
        seen[one.sha256] += 1
    return kept


def _again(store: FrameStore, path: str) -> bytes:
    """A frame that was there a moment ago."""
    try:
        return store.read(path)
    except FileNotFoundError as error:
        raise StoreError(f"{store.url}/{path} was removed while it was being used: the next attempt goes on without it") from error


def _decodes(content: bytes) -> bool:
    try:
        decode(content)
    except FrameError:
        return False
    return True
