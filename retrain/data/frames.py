"""Labelled frames on their way into a dataset: which can be used, which cannot and why. Their bytes are read when they are needed, never kept."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, overload

from contracts.errors import FrameError, StoreError
from contracts.files import sha256
from contracts.frame_header import Header, inspect
from contracts.frame_store import FrameStore
from contracts.frames import decode
from contracts.predictions import BoxesTruth, ClassTruth, Task, Truth
from retrain.data.box_truth import stratum
from retrain.data.boxes import flaws
from retrain.data.conflicts import conflicting
from retrain.data.recordings import recording_of
from retrain.request import LabelledFrame

_NAMED: Final = 3
"""Excluded frames that are named for each reason; the others are counted."""
_REASONS: Final = 12
"""That are told, the most frequent first: labels may name any number of strange classes."""
OTHER_TASK: Final[Mapping[Task, str]] = {
    "classification": "labelled with boxes, and the model names classes",
    "detection": "labelled with a class, and the model finds boxes",
}
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
    boxes: BoxesTruth | None = None
    """Of a detector's frame, whose `label` is then its stratum."""

    @property
    def truth(self) -> Truth:
        """What is true of it."""
        return ClassTruth(self.label) if self.boxes is None else self.boxes


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
        told = sorted(self.reasons.items(), key=lambda one: -len(one[1]))[:_REASONS]
        parts = [
            f"{len(names)} {reason} ({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})" for reason, names in told
        ]
        rest = len(self.reasons) - len(told)
        return f"{len(self)} excluded: " + "; ".join([*parts, *([f"and {rest} other reasons"] if rest else [])])


def labelled(
    frames: Sequence[LabelledFrame], store: FrameStore, bucket_s: float, excluded: Excluded, task: Task = "classification"
) -> list[Frame]:
    """The frames of a request that the store has, in order of time; those that retention took are excluded, and single ones that cannot be read.

    So are truths of another task.

    Raises StoreError when many cannot be read.
    """
    found: list[Frame] = []
    unreadable: list[StoreError] = []
    for one in sorted(frames, key=lambda one: (one.captured_at, one.frame_id)):
        if isinstance(one.truth, BoxesTruth) != (task == "detection"):
            excluded.add(OTHER_TASK[task], one.frame_id)
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
                stratum(one.truth),
                recording_of(one.site, one.camera, one.captured_at, bucket_s),
                one.camera,
                one.captured_at,
                one.frame_id,
                one.labelled_by,
                boxes=one.truth if isinstance(one.truth, BoxesTruth) else None,
            )
        )
    if len(unreadable) > _UNREADABLE * len(frames):
        raise StoreError(f"{len(unreadable)} of {len(frames)} labelled frames cannot be read: {unreadable[0]}") from unreadable[0]
    return found


def usable(frames: Sequence[Frame], labels: Collection[str], excluded: Excluded) -> list[Frame]:
    """The frames that decode, have a label of the model's, only one, and come once; boxes must be such as can be learned from."""
    said = [one.label if one.boxes is None else repr(one.boxes) for one in frames]
    torn, seen, kept = conflicting([one.sha256 for one in frames], said), Counter[str](), []
    for one in frames:
        if one.label not in labels and (one.boxes is None or one.boxes.boxes):
            excluded.add(f"labelled {one.label!r}, which is none of the model's classes", one.name)
        elif one.sha256 in torn:
            excluded.add("labelled in two ways", one.name)
        elif seen[one.sha256]:
            excluded.add("the same picture again", one.name)
        elif (header := _header(one.read())) is None:
            excluded.add("not a picture that decodes", one.name)
        elif one.boxes is not None and (wrong := flaws(one.boxes, labels, header.width, header.height)):
            excluded.add("with boxes that cannot be right", f"{one.name}: {wrong[0]}")
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


def _header(content: bytes) -> Header | None:
    """Of a picture that decodes."""
    try:
        header = inspect(content)
        decode(content, header)
    except FrameError:
        return None
    return header
