"""Whether there is enough to learn from and to judge on, class by class and set by set."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.baseline import MIN_FRAMES
from contracts.errors import KeepsightError
from contracts.predictions import ClassTruth
from retrain.data.dataset import Dataset
from retrain.data.split import CANDIDATE_SHARES, SETS
from retrain.request import CandidateRequest, Set

ByClass = dict[str, int]


class TooLittleError(KeepsightError):
    """Nothing is wrong with the request, but there is too little to train or to judge on. The message says how much is needed."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Frames by set and class, of the new domain and of what was known before, and how many recordings there are to learn from."""

    new: Mapping[Set, ByClass]
    old: Mapping[Set, ByClass]
    recordings: int

    def learning(self) -> ByClass:
        """Frames of each class to learn from, new and replayed together."""
        return {
            label: sum(part[name][label] for part in (self.new, self.old) for name in ("train", "validation"))
            for label in self.new["train"]
        }

    def sealed(self) -> ByClass:
        """New frames of each class to judge on."""
        return dict(self.new["gate"])

    def by_set(self) -> dict[str, int]:
        """Frames by domain and set."""
        return {
            f"{domain}_{name}": sum(part[name].values()) for domain, part in (("new", self.new), ("old", self.old)) for name in SETS
        }

    def __str__(self) -> str:
        c = self.by_set()
        learning = c["new_train"] + c["new_validation"]
        return f"{learning} new frames to learn from and {c['new_gate']} to judge on, {c['old_train'] + c['old_validation']} old ones replayed"


def counts_of(dataset: Dataset, new: NDArray[np.bool_]) -> Counts:
    """The counts of a dataset, of a detector's by stratum; `new` [N] marks the new domain."""
    found: dict[bool, dict[Set, ByClass]] = {
        domain: {name: dict.fromkeys(dataset.strata, 0) for name in SETS} for domain in (True, False)
    }
    for item, is_new in zip(dataset.items, new.tolist(), strict=True):
        found[is_new][item.set][item.label] += 1
    return Counts(found[True], found[False], len({item.recording for item in dataset.items if item.set != "gate"}))


def least_per_class(request: CandidateRequest) -> int:
    """Frames of each class that are needed to learn from. Who overrode the rule still needs one: what was never seen cannot be learned."""
    return 1 if request.override else request.min_train_per_class


def showing(dataset: Dataset) -> ByClass:
    """Frames to learn from that show each class: of a detector one frame may show several."""
    found = dict.fromkeys(dataset.labels, 0)
    for item in dataset.items:
        if item.set != "gate":
            shown = {item.truth.label} if isinstance(item.truth, ClassTruth) else {box.label for box in item.truth.boxes}
            for label in shown & found.keys():
                found[label] += 1
    return found


def lacking(counts: Counts, request: CandidateRequest, shown: ByClass | None = None) -> str:
    """What there is too little of, and how much is needed; "" when there is enough. `shown`: of a detector, the frames that show each class."""
    least = least_per_class(request)
    short = [f"{label} {n}" for label, n in (shown or counts.learning()).items() if n < least]
    if short:
        return (
            f"too few frames to train on: {', '.join(short)}; {least} of each class are needed (min_train_per_class), "
            f"new and replayed together"
        )
    sealed = sum(counts.sealed().values())
    if sealed < request.min_gate:
        some = int(request.min_gate / CANDIDATE_SHARES["gate"]) + 1
        return f"{sealed} new frames to judge on, {request.min_gate} are needed (min_gate): some {some} new labels in all"
    if counts.recordings < 2:
        return "all frames to learn from are of one recording, and nothing can be judged apart from it: labels of other times are needed"
    fresh = sum(sum(part.values()) for part in counts.new.values())
    if fresh < MIN_FRAMES:
        return f"{fresh} labelled frames of the new domain, a baseline needs {MIN_FRAMES}"
    return ""
