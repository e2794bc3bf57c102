"""The labelled frames that champion and candidate are judged on, side by side."""

from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """One set of N labelled frames as champion and candidate see them: probabilities [N, K] each, truth [N].

    Each frame has its camera and its recording (`group`), and where they are known its `light`, `viewpoint` and `occlusion`, by name: all N of a
    kind, or none. "" is a frame of which there is nothing to say.
    """

    truth: NDArray[np.int64]
    champion: NDArray[np.float64]
    candidate: NDArray[np.float64]
    camera: tuple[str, ...]
    group: tuple[str, ...]
    light: tuple[str, ...] = ()
    viewpoint: tuple[str, ...] = ()
    occlusion: tuple[str, ...] = ()

    @property
    def champion_right(self) -> Bools:
        """Where the champion names the true class."""
        return np.asarray(self.champion.argmax(axis=1) == self.truth)

    @property
    def candidate_right(self) -> Bools:
        """Where the candidate names the true class."""
        return np.asarray(self.candidate.argmax(axis=1) == self.truth)

    def where(self, mask: Bools) -> "Judged":
        """Some of the frames."""
        kept = mask.tolist()
        columns = (self.camera, self.group, self.light, self.viewpoint, self.occlusion)
        return Judged(
            self.truth[mask], self.champion[mask], self.candidate[mask], *(tuple(compress(names, kept)) for names in columns)
        )

    def __len__(self) -> int:
        return len(self.truth)


def together(*parts: Judged) -> Judged:
    """Sets of frames as one. Recordings keep their names: those of two domains never share one."""

    def all_of(kind: str) -> tuple[str, ...]:
        columns: list[tuple[str, ...]] = [getattr(part, kind) for part in parts]
        known = all(len(column) == len(part) for column, part in zip(columns, parts, strict=True))
        return tuple(chain.from_iterable(columns)) if known else ()

    return Judged(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.champion for part in parts]),
        np.concatenate([part.candidate for part in parts]),
        all_of("camera"),
        all_of("group"),
        all_of("light"),
        all_of("viewpoint"),
        all_of("occlusion"),
    )
