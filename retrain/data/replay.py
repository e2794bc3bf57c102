"""How much of what was known before is learned again with the new, against forgetting, and which of it.

Measured on a toy network: without replay the accuracy on the old domain fell to 54 % after a change of the inputs, and to 2 % after a change of what the
classes mean (catastrophic interference, McCloskey and Cohen 1989).
"""

from collections import defaultdict
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.incidents import Cause

INPUT_SHARE: Final = 0.25
"""The inputs changed: what was known is still true, a quarter of the training set keeps it."""
CONCEPT_SHARE: Final = 0.5
"""What the classes mean changed, or there are more of them: new and old pull at the same boundaries."""
_CONCEPT: Final = frozenset[Cause]({"concept_drift", "new_class"})


def replay_share(cause: Cause | None, least: float) -> float:
    """The share of old frames in the training set, at least `least`."""
    return max(least, CONCEPT_SHARE if cause in _CONCEPT else INPUT_SHARE)


def wanted(new: int, share: float) -> int:
    """How many old frames make up `share` of a training set with `new` new ones; share in [0, 1)."""
    return ceil(new * share / (1.0 - share))


def replayed(truth: NDArray[np.int64], recordings: tuple[str, ...], count: int, seed: int) -> NDArray[np.int64]:
    """`count` of N old frames (all of them where there are no more), rising: classes in turn, within a class recordings in turn.

    The seed decides among the recordings of a class and the frames of a recording.
    """
    random = np.random.default_rng(seed)
    scenes: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in random.permutation(len(truth)).tolist():
        scenes[int(truth[row])][recordings[row]].append(row)
    in_turn = [_in_turn(list(scenes[k].values())) for k in sorted(scenes)]
    return np.sort(np.array(_in_turn(in_turn)[:count], dtype=np.int64))


def _in_turn(parts: list[list[int]]) -> list[int]:
    """The first of each part, then the second of each, and so on."""
    longest = max(map(len, parts), default=0)
    return [part[at] for at in range(longest) for part in parts if at < len(part)]
