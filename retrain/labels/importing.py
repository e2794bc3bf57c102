"""From a label file to events: each label is joined with its stored frame, checked as serving's endpoint checks it, and becomes a FrameLabelled.

What cannot be taken is left out with the reason, and the rest is taken: a label is a fact by itself. Importing a file again changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from contracts.errors import FrameError, TruthRefusedError
from contracts.events import FrameLabelled
from contracts.frame_header import inspect
from contracts.frame_store import FrameStore, StoredFrame
from contracts.labelling import labelled, truth_of
from contracts.predictions import BoxesTruth, ClassTruth
from retrain.labels.formats.labelled import LabelFileError, Labelled, LeftOut, placed


def joined(
    labels: Sequence[Labelled],
    frame_ids: Mapping[str, str],
    store: FrameStore,
    model: str,
    known: Sequence[str],
    by: str,
    source: str,
    now: float,
) -> Iterator[FrameLabelled | LeftOut]:
    """An event or the reason against it for every label, in the order of the file.

    `frame_ids` gives the frame of each picture; `known` are the classes of the versions in service; `by` is who says so where the file names nobody.
    Raises StoreError.
    """
    said: dict[str, list[Labelled]] = {}
    for one in labels:
        if (frame_id := frame_ids.get(one.picture)) is None:
            yield LeftOut(one.picture, one.where, "its name holds no frame's id, and no picture of it is a stored frame")
        else:
            said.setdefault(frame_id, []).append(one)
    for frame_id, same in said.items():
        first = same[0]
        if other := next((one for one in same[1:] if one.truth != first.truth), None):
            yield LeftOut(first.picture, first.where, f"{other.where} says something else of the same frame")
            continue
        card = store.card(model, frame_id)
        yield LeftOut(first.picture, first.where, _GONE) if card is None else _event(first, card, store, known, by, source, now)


_GONE = "its frame is not in the frame store: never sampled, of another model, or gone by retention"


def _event(
    one: Labelled, card: StoredFrame, store: FrameStore, known: Sequence[str], by: str, source: str, now: float
) -> FrameLabelled | LeftOut:
    try:
        truth = one.truth
        if isinstance(truth, BoxesTruth):
            header = inspect(store.read(card.path))
            truth = placed(one, header.width, header.height)
        label = truth.label if isinstance(truth, ClassTruth) else None
        boxes = truth.boxes if isinstance(truth, BoxesTruth) else None
        return labelled(card, truth_of(card, label, boxes, known), one.labelled_by or by, source, now)
    except LabelFileError as error:
        return LeftOut(one.picture, one.where, error.rule)
    except (TruthRefusedError, FrameError) as error:
        return LeftOut(one.picture, one.where, str(error))
    except FileNotFoundError:
        return LeftOut(one.picture, one.where, _GONE)
