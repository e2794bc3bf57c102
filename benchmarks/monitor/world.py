"""A line of cameras with a calibrated version, and all that stands around a judge: what the cost figures run on."""

import tempfile
from pathlib import Path
from typing import Final

from contracts.events import FrameScored
from contracts.repository import ModelRepository
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standards
from tests.monitor_line import MODEL, Line, usual

POLICY: Final = Policy()


class World:
    """So many cameras; time goes on by `step_s` with every frame of any of them."""

    def __init__(self, cameras: int, step_s: float) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.line = Line(Path(self.folder.name), step_s=step_s)
        self.standards = Standards(ModelRepository(self.line.url), MODEL, POLICY)
        self.cameras = tuple(f"cam-{i:05d}" for i in range(cameras))
        self.memory = Memory()
        self.judge = Judge(MODEL, POLICY, self.memory, self.standards)
        self.standards("1")

    def frames(self, each: int) -> list[FrameScored]:
        """So many usual frames of each camera."""
        return list(self.line.pass_by(self.cameras, each, usual()))
