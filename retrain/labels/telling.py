"""What came of an import or an export, in lines for a person: what was taken, what was not, and why."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from contracts.events import FrameLabelled
from contracts.predictions import BoxesTruth
from retrain.labels.formats.labelled import LeftOut, shown

_EXAMPLES: Final = 3
_REASONS: Final = 20
_CLASSES: Final = 20


class Tally:
    """Counts events and what was left out, as they go by. Bounded: examples are few."""

    def __init__(self) -> None:
        self.taken = 0
        self.not_taken = 0
        self.brought = 0
        """Pictures that no camera sent, to learn from."""
        self._unlabelled = 0
        self._classes: Counter[str] = Counter()
        self._samples: Counter[str] = Counter()
        self._cameras: set[str] = set()
        self._nothing = 0
        self._why: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def take(self, event: FrameLabelled) -> None:
        """A label that is on the log, or would be."""
        self.taken += 1
        self._cameras.add(event.camera)
        self._samples[event.sample or ""] += 1
        if isinstance(event.truth, BoxesTruth):
            self._classes.update(box.label for box in event.truth.boxes)
            self._nothing += not event.truth.boxes
        else:
            self._classes[event.truth.label] += 1

    def leave_out(self, one: LeftOut) -> None:
        """A label that is not taken, or a picture that has none yet."""
        if one.unlabelled:
            self._unlabelled += 1
            return
        self.not_taken += 1
        self._why[one.why] += 1
        examples = self._examples.setdefault(one.why, [])
        if len(examples) < _EXAMPLES:
            examples.append(f"{one.where} {shown(one.picture)}".strip())

    def lines(self, where: str) -> list[str]:
        """What was counted; `where` says where the labels are now."""
        taken = f"{_many(self.taken, 'label')} {where}"
        if self.taken:
            taken += f", of {_many(len(self._cameras), 'camera')}: {_counts(self._classes)}"
        lines = [taken]
        if self._nothing:
            lines.append(f"  {_many(self._nothing, 'frame')} in which nothing is to be seen")
        if self.taken:
            lines.append(
                f"  {self._samples['uniform']:,} of uniformly sampled frames: these measure the model, the others only teach it"
            )
        if self.brought:
            lines.append(
                f"{_many(self.brought, 'picture')} that no camera sent: the next candidate learns from them and is not judged on them"
            )
        if self._unlabelled:
            lines.append(f"{_many(self._unlabelled, 'picture')} without a label yet")
        if self.not_taken:
            lines.append(f"{_many(self.not_taken, 'label')} not taken")
        for why, count in self._why.most_common(_REASONS):
            more = ", …" if count > len(self._examples[why]) else ""
            lines.append(f"  {count:,}: {why} ({', '.join(self._examples[why])}{more})")
        if (others := len(self._why) - _REASONS) > 0:
            lines.append(f"  and {_many(others, 'other reason')}")
        return lines


def _counts(classes: Counter[str]) -> str:
    named = [f"{name} {count:,}" for name, count in sorted(classes.items(), key=lambda one: (-one[1], one[0]))[:_CLASSES]]
    return ", ".join([*named, *(["…"] if len(classes) > _CLASSES else [])]) or "no box"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def export_lines(written: int, where: str, left_out: Sequence[LeftOut]) -> list[str]:
    """What was written and what was not."""
    lines = [f"{_many(written, 'label')} written to {where}"]
    why = Counter(one.why for one in left_out)
    return lines + [f"{_many(count, 'label')} not written: {reason}" for reason, count in why.most_common(_REASONS)]
