"""A folder of reference pictures for a detector, and the file that says where the objects in them are."""

from dataclasses import dataclass
from pathlib import Path

from contracts.errors import FrameError, VersionError
from contracts.files import sha256
from contracts.frame_header import Header, inspect
from contracts.frames import decode
from contracts.predictions import BoxesTruth, Truth
from retrain.data.boxes import flaws
from retrain.data.frames import Excluded, Frames
from retrain.data.recordings import BLOCK
from retrain.labels.formats.labelled import Labelled, placed
from retrain.labels.matching import Pictures
from retrain.labels.reading import read as read_labels
from retrain.trainer.gallery import PICTURES, natural


@dataclass(frozen=True, slots=True)
class Picture:
    """A usable picture; `truth` None: nobody said what it shows. `recording` is a run of neighbours by name."""

    path: Path
    sha256: str
    header: Header
    truth: BoxesTruth | None
    recording: str


@dataclass(frozen=True, slots=True)
class BoxGallery:
    """Usable pictures in the order of their names, and what was left out."""

    pictures: tuple[Picture, ...]
    excluded: Excluded

    @property
    def frames(self) -> Frames:
        """Their bytes."""
        return Frames([one.path.read_bytes for one in self.pictures])

    @property
    def labelled(self) -> list[int]:
        """The rows whose truth is known."""
        return [row for row, one in enumerate(self.pictures) if one.truth is not None]


def read(folder: Path, boxes: Path | None, labels: tuple[str, ...]) -> BoxGallery:
    """The pictures in `folder` and below, with their truth from a label file. Raises VersionError when none can be used, LabelFileError for a broken file."""
    if not folder.is_dir():
        raise VersionError(f"--reference {folder} is no folder")
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file() and not path.is_symlink()]
    paths.sort(key=lambda path: [natural(part) for part in path.relative_to(folder).parts])
    excluded = Excluded()
    said = _said(folder, boxes, excluded)
    pictures: list[Picture] = []
    seen: set[str] = set()
    for path in paths:
        content = path.read_bytes()
        name, digest = path.relative_to(folder).as_posix(), sha256(content)
        header = _header(content)
        if header is None:
            excluded.add("not a picture that decodes", name)
        elif digest in seen:
            excluded.add("the same picture again", name)
        else:
            truth = _truth(said.get(path), header)
            wrong = flaws(truth, labels, header.width, header.height) if truth else ()
            if wrong:
                excluded.add(f"labelled wrongly: {wrong[0]}", name)
            else:
                pictures.append(Picture(path, digest, header, truth, f"{path.parent.name}#{len(pictures) // BLOCK}"))
            seen.add(digest)
    if not pictures:
        raise VersionError(f"{folder} has no pictures that can be used ({', '.join(PICTURES)}); {excluded}")
    return BoxGallery(tuple(pictures), excluded)


def _said(folder: Path, boxes: Path | None, excluded: Excluded) -> dict[Path, Labelled]:
    """What the file says of each picture that is there."""
    if boxes is None:
        return {}
    found, pictures = {}, Pictures(folder)
    form, contents = read_labels(boxes, "auto")
    for one in contents.labelled:
        if not isinstance(one.truth, BoxesTruth):
            raise VersionError(f"--boxes {boxes} ({form}) names classes of whole pictures: a detector needs boxes")
        path = pictures.find(one.picture)
        if path is None:
            excluded.add("labelled, but not in the folder", one.picture)
        else:
            found[path] = one
    return found


def _truth(said: Labelled | None, header: Header) -> BoxesTruth | None:
    if said is None:
        return None
    truth: Truth = placed(said, header.width, header.height)
    assert isinstance(truth, BoxesTruth)  # see _said
    return truth


def _header(content: bytes) -> Header | None:
    try:
        header = inspect(content)
        decode(content, header)
    except FrameError:
        return None
    return header
