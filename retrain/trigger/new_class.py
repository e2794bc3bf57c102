"""Whether labels confirm a class that the champion does not know. Who names it is a person: in the setting new_classes, and label by label."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Enough:
    """See the settings new_class_labels and new_class_recordings."""

    labels: int
    recordings: int


def confirmed(named: Iterable[tuple[str, str]], enough: Enough) -> dict[str, int]:
    """The classes that have labels enough from recordings enough, each with its labels, in order of name. `named` has a class and a recording a label."""
    labels: dict[str, int] = defaultdict(int)
    recordings: dict[str, set[str]] = defaultdict(set)
    for name, recording in named:
        labels[name] += 1
        recordings[name].add(recording)
    return {
        name: labels[name]
        for name in sorted(labels)
        if labels[name] >= enough.labels and len(recordings[name]) >= enough.recordings
    }
