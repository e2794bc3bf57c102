"""The labelled frames that champion and candidate are judged on, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """One set of N labelled frames as champion and candidate see them: probabilities [N, K] each, truth [N].

    Each frame has its camera and its recording (`group`), and where they are known its `light` and `viewpoint`, by name: all N of a kind, or none.
    """

    truth: NDArray[np.int64]
    champion: NDArray[np.float64]
    candidate: NDArray[np.float64]
    camera: tuple[str, ...]
    group: tuple[str, ...]
    light: tuple[str, ...] = ()
    viewpoint: tuple[str, ...] = ()

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
        rows = np.flatnonzero(mask)
        camera, group, light, viewpoint = (
            tuple(column[i] for i in rows) if column else () for column in (self.camera, self.group, self.light, self.viewpoint)
        )
        return Judged(self.truth[mask], self.champion[mask], self.candidate[mask], camera, group, light, viewpoint)

    def __len__(self) -> int:
        return len(self.truth)


def together(*parts: Judged) -> Judged:
    """Sets of frames as one. Recordings keep their names: those of two domains never share one."""

    def all_of(kind: str) -> tuple[str, ...]:
        columns: Sequence[tuple[str, ...]] = [getattr(part, kind) for part in parts]
        return (
            tuple(name for column in columns for name in column)
            if all(len(c) == len(p) for c, p in zip(columns, parts, strict=True))
            else ()
        )

    return Judged(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.champion for part in parts]),
        np.concatenate([part.candidate for part in parts]),
        all_of("camera"),
        all_of("group"),
        all_of("light"),
        all_of("viewpoint"),
    )
