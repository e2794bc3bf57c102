"""Pictures of a label file that are no stored frames: checked, kept, and brought to learn from."""

from collections.abc import Callable, Iterator, Sequence

from contracts.errors import FrameError, SettingsError
from contracts.files import sha256
from contracts.frame_header import inspect
from contracts.frame_store import FrameStore
from contracts.predictions import BoxesTruth, ClassTruth, Task
from retrain.foreign import Picture
from retrain.labels.formats.labelled import LabelFileError, Labelled, LeftOut, placed
from retrain.labels.matching import Pictures

MAX_BYTES = 64 << 20
"""Of a picture."""


def brought(
    labels: Sequence[Labelled],
    pictures: Pictures,
    store: FrameStore | None,
    model: str,
    task: Task,
    known: Sequence[str],
    by: str,
    tick: Callable[[int, int], None],
) -> Iterator[Picture | LeftOut]:
    """A picture that is kept in `store` (None: only looked at) or the reason against it, for every label. Raises StoreError."""
    for done, one in enumerate(labels):
        tick(done, len(labels))
        try:
            content = _content(one, pictures)
            header = inspect(content)
            truth = placed(one, header.width, header.height)
            if isinstance(truth, BoxesTruth) is not (task == "detection"):
                raise LabelFileError(one.where, f"the model is of {task}, and the label is not")
            said = {truth.label} if isinstance(truth, ClassTruth) else {box.label for box in truth.boxes}
            if strange := sorted(said - set(known)):
                raise LabelFileError(one.where, f"{strange[0]!r} is no class of the versions in service; known: {', '.join(known)}")
        except (LabelFileError, FrameError) as error:
            yield LeftOut(one.picture, one.where, error.rule if isinstance(error, LabelFileError) else str(error))
            continue
        digest = store.keep(model, content) if store else sha256(content)
        yield Picture(digest, truth, one.picture.replace("\\", "/").rpartition("/")[2], one.labelled_by or by)


def _content(one: Labelled, pictures: Pictures) -> bytes:
    file = pictures.find(one.picture)
    if file is None:
        raise LabelFileError(one.where, "its name holds no frame's id, and there is no such picture in the folder")
    try:
        if file.stat().st_size > MAX_BYTES:
            raise LabelFileError(one.where, f"the picture has more than {MAX_BYTES >> 20} MiB")
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
