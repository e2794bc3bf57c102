"""The list of wanted frames as it stands on the log: what the retrain service said last, less what was labelled or looked at again since."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from contracts.events import COMMANDS, LABELS, RETRAIN, BadEventError, FrameLabelled, LabelsWanted, ReviewLabel, WantedFrame, decode
from contracts.ports import Record

_LIST: Final = b'{"type":"LabelsWanted"'


class Standing(NamedTuple):
    """`unlabelled` are frames that nobody has labelled; `doubted` labels to look at again, each with the label as it is now."""

    unlabelled: list[WantedFrame]
    doubted: list[tuple[WantedFrame, FrameLabelled]]


def standing(read: Callable[[list[str]], Iterable[Record]], model: str) -> Standing | None:
    """None when no list was said yet. `read` gives what topics hold so far. In memory are no more frames than a list has."""
    said: LabelsWanted | None = None
    for record in read([RETRAIN]):
        event = _event(record) if record.value.startswith(_LIST) else None
        if isinstance(event, LabelsWanted) and event.model == model:
            said = event
    if said is None:
        return None
    wanted = {frame.frame_id for frame in said.frames}
    labels: dict[str, FrameLabelled] = {}
    settled: set[str] = set()
    for record in read([LABELS, COMMANDS]):
        event = _event(record)
        if (
            event is None
            or not isinstance(event, FrameLabelled | ReviewLabel)
            or event.frame_id not in wanted
            or event.model != model
        ):
            continue
        if isinstance(event, ReviewLabel):
            if event.occurred_at > said.occurred_at:
                settled.add(event.frame_id)
        else:
            before = labels.get(event.frame_id)
            if before is None or before.occurred_at <= event.occurred_at:
                labels[event.frame_id] = event
                if event.occurred_at > said.occurred_at and (before is None or before.truth != event.truth):
                    settled.add(event.frame_id)
    unlabelled = [frame for frame in said.frames if frame.why != "suspect" and frame.frame_id not in labels.keys() | settled]
    doubted = [frame for frame in said.frames if frame.why == "suspect" and frame.frame_id in labels.keys() - settled]
    return Standing(unlabelled, [(frame, labels[frame.frame_id]) for frame in doubted])


def _event(record: Record) -> object:
    try:
        return decode(record)
    except BadEventError:
        return None  # the services have put it among the dead letters
