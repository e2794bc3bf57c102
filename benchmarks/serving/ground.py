"""What every part stands on: the frames, a version, the bare job on it; and how figures are made of repeated measurements."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.form import Figure
from benchmarks.serving import bare, material
from benchmarks.serving.bare import Bare, Kind
from benchmarks.serving.peers.job import Job
from benchmarks.serving.peers.table import Peer
from benchmarks.serving.servers import PeerProcess

Values = Sequence[float]


class Ground:
    """The frames and a repository with one version."""

    def __init__(self, repository: Path) -> None:
        self.frames = material.frames()
        self.repository = repository
        self._folder = tempfile.TemporaryDirectory(prefix="keepsight-bench-frames-")
        self._file = Path(self._folder.name) / "frames"
        self._file.write_bytes(msgspec.msgpack.encode(self.frames))
        job = Job(material.version_folder(repository))
        answers = [list(job.answer(frame).values()) for frame in self.frames]
        least = min(range(len(answers)), key=lambda number: max(answers[number]))
        self._frame, self._expected = self.frames[least], answers[least]

    def bare(self, kind: Kind, seconds: float) -> Bare:
        """The bare job for so long."""
        return bare.measured(kind, material.version_folder(self.repository), self._file, seconds)

    def peer(self, peer: Peer) -> PeerProcess:
        """A peer that answers the frame that the model is least sure of as the bare job does. Raises NotInstalledError, NotStartedError."""
        return PeerProcess(peer, self.repository, self._frame, self._expected)


def middle(values: Values) -> float:
    """The median; NaN of none."""
    return float(np.median(values)) if len(values) else float("nan")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should reach."""

    at_most: float | None = None
    at_least: float | None = None
    above_peers: bool = False

    def reached(self, value: float, peers: Iterable[float | None]) -> bool | None:
        """Whether it does; None where nothing was asked. NaN reaches nothing."""
        asked = []
        if self.at_most is not None:
            asked.append(value <= self.at_most)
        if self.at_least is not None:
            asked.append(value >= self.at_least)
        if self.above_peers:
            asked.append(all(value > other for other in peers if other is not None))
        return all(asked) if asked else None

    def __str__(self) -> str:
        said = [f"{sign} {bound:g}" for sign, bound in (("<=", self.at_most), (">=", self.at_least)) if bound is not None]
        return " and ".join([*said, *(["above every peer"] if self.above_peers else [])])


def figure(
    part: str, name: str, unit: str, values: Values, goal: Goal = Goal(), peers: Mapping[str, float | None] | None = None
) -> Figure:
    """The median of repeated measurements with its spread, held against a goal."""
    value, others = middle(values), dict(peers or {})
    return Figure(part, name, unit, value, min(values), max(values), str(goal), goal.reached(value, others.values()), others)
