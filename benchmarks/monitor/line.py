"""A line of objects in front of one camera, as events for the whole monitor: its reference is the stream's own first part."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from benchmarks.monitor import stationary
from benchmarks.monitor.stationary import Floats
from contracts.baseline import Baseline
from contracts.events import FrameScored, IncidentOpened
from contracts.manifest import MODEL as MODEL_FILE
from contracts.manifest import FileEntry, InputSpec, Lineage, Manifest
from contracts.predictions import classification
from contracts.statistics import NUMERIC, ImageStatistics
from monitor.identity import derived_id
from monitor.items.reference import Budget, calibrate
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standard

REFERENCE: Final = 6000
GROUP: Final = 250
"""Neighbouring objects of one recording."""
LABELS: Final = ("good", "bad")
CAMERA: Final = "line-1"
START: Final = 1_750_000_000.0
DAY_S: Final = 86_400


class LineOfObjects:
    """One camera that sees an object a second for ever. `blocks` counts the blocks judged."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        policy = Policy()
        statistics, embedding, said = stationary.lots(REFERENCE, self._rng)
        truth = np.where(self._rng.random(REFERENCE) < said.max(axis=1), said.argmax(axis=1), said.argmin(axis=1))
        baseline = Baseline(
            LABELS,
            statistics.astype(np.float32),
            embedding.astype(np.float32),
            said.astype(np.float32),
            truth.astype(np.int32),
            (np.arange(REFERENCE) // GROUP).astype(np.int32),
            np.zeros(embedding.shape[1], np.float32),
            np.eye(embedding.shape[1], dtype=np.float32),
        )
        manifest = Manifest(
            model="line", version="1", created_at=START, task="classification", labels=LABELS, input=InputSpec("image", 32, 32),
            scores="scores", embedding="embedding", scores_are="logits", lineage=Lineage("import", seed=seed),
            files={MODEL_FILE: FileEntry(sha256=f"{seed:064x}", bytes=1)},
        )  # fmt: skip
        budget = Budget(policy.pages_per_camera_month, policy.frames_per_second, policy.block_frames)
        standard = Standard(manifest, calibrate(manifest, baseline, budget))
        self._memory = Memory()
        self._judge = Judge("line", policy, self._memory, lambda _: standard)

    @property
    def blocks(self) -> int:
        """Blocks judged."""
        return sum(watch.blocks for watch in self._memory.watches.values())

    def run(self, days: int) -> tuple[int, Floats]:
        """Judge so many days; the incidents that were opened, and the luma means that were seen."""
        opened, luma = 0, []
        for day in range(days):
            statistics, embedding, said = stationary.lots(DAY_S, self._rng)
            luma.append(statistics[:, 0])
            for frame in frames(statistics, embedding, said, START + (day + 1) * DAY_S):
                opened += sum(isinstance(word, IncidentOpened) for word in self._judge.apply(frame, frame.received_at))
        return opened, np.concatenate(luma)


def frames(statistics: Floats, embedding: Floats, said: Floats, start: float) -> Iterator[FrameScored]:
    """The rows as events, one a second."""
    for i, (values, axes, shares) in enumerate(zip(statistics.tolist(), embedding.tolist(), said.tolist(), strict=True)):
        at = start + i
        number = derived_id(at, CAMERA, i)
        prediction = classification(LABELS, shares)
        yield FrameScored(
            event_id=number, occurred_at=at, model="line", frame_id=number, camera=CAMERA, site="hall", stream="items", version="1",
            variant="champion", captured_at=at, received_at=at, width=640, height=480, bytes=40_000, codec="jpeg",
            statistics=ImageStatistics(**dict(zip(NUMERIC, values, strict=True)), phash=number[-12:]), prediction=prediction,
            confidence=prediction.confidence, entropy=prediction.entropy, embedding=tuple(axes),
        )  # fmt: skip
