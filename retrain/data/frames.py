"""Labelled frames on their way into a dataset: which can be used, which cannot and why, and the set that each is dealt."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from contracts.errors import FrameError, StoreError
from contracts.files import sha256
from contracts.frame_store import FrameStore
from contracts.frames import decode
from contracts.predictions import ClassTruth
from retrain.data.dataset import conflicting
from retrain.data.split import recordings
from retrain.request import LabelledFrame

_NAMED: Final = 3
"""Excluded frames that are named for each reason; the others are counted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An encoded frame with its truth; `group` is its recording, `name` tells a person which it is."""

    name: str
    content: bytes
    sha256: str
    label: str
    group: str
    camera: str
    captured_at: float = 0.0
    frame_id: str = ""
    labelled_by: str = ""


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


def labelled(frames: Sequence[LabelledFrame], store: FrameStore, excluded: Excluded) -> list[Frame]:
    """The frames of a request with their bytes, in recording order, grouped by camera and time; those that retention took are excluded."""
    ordered = sorted(frames, key=lambda one: (one.captured_at, one.frame_id))
    groups = recordings([f"{one.site}/{one.camera}" for one in ordered], [one.captured_at for one in ordered])
    found = []
    for one, group in zip(ordered, groups, strict=True):
        if not isinstance(one.truth, ClassTruth):
            excluded.add("labelled with boxes, and the model names classes", one.frame_id)
            continue
        try:
            content = store.read(one.path)
        except (FileNotFoundError, StoreError):
            excluded.add("no longer in the frame store", one.frame_id)
            continue
        place = (
            f"{group}@{ordered[0].captured_at:.0f}"  # group numbers begin anew with each request: its first second tells them apart
        )
        found.append(
            Frame(
                one.frame_id,
                content,
                sha256(content),
                one.truth.label,
                place,
                one.camera,
                one.captured_at,
                one.frame_id,
                one.labelled_by,
            )
        )
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
        elif not _decodes(one.content):
            excluded.add("not a picture that decodes", one.name)
        else:
            kept.append(one)
        seen[one.sha256] += 1
    return kept


def _decodes(content: bytes) -> bool:
    try:
        decode(content)
    except FrameError:
        return False
    return True
