"""The inspection line of the demo: three cameras, what lies under them, a lens that can be smeared, and the audit camera that shows sealed cells.

The world is here and nowhere else: whoever calls `switch`, `smear` or `clean` changes what the cameras see, and no one is told.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from standalone.camera import Answer, Camera, Shot
from standalone.facts import Moment
from standalone.photographs import Cell, Kind, as_placed, jpeg, through_smeared_lens
from standalone.scenario import AUDIT_CAMERA, CAMERAS, SMEARED_CAMERA, Scenario, walk

RECENT: int = 24
"""Answers of a camera that the live view shows."""


class Line:
    """The cameras run from `start` to `stop`; `answers` grows, in the order of answering."""

    def __init__(
        self,
        address: str,
        scenario: Scenario,
        photographs: NDArray[np.uint8],
        seed: int,
        rate_hz: float,
        heard: Callable[[Answer], None],
    ) -> None:
        self.answers: list[Answer] = []
        self.recent = {name: deque[Answer](maxlen=RECENT) for name in (*CAMERAS, AUDIT_CAMERA)}
        self.product: Kind = "mono"
        self.smeared = False
        self._address, self._scenario, self._photographs, self._seed = address, scenario, photographs, seed
        self._heard = heard
        self._lock = threading.Lock()
        self._cameras = [
            Camera(name, address, self._shots(number, name), rate_hz, self._answered) for number, name in enumerate(CAMERAS)
        ]
        self._audits: list[Camera] = []

    def start(self) -> None:
        """Switch the cameras on, one after the other, so that they do not fire in step."""
        for camera in self._cameras:
            camera.start()
            time.sleep(0.05)

    def switch(self) -> None:
        """From now on poly-crystalline cells."""
        self.product = "poly"

    def smear(self) -> None:
        """Something gets on the lens of one camera."""
        self.smeared = True

    def clean(self) -> None:
        """A person wipes it."""
        self.smeared = False

    def audit(self, moment: Moment, rate_hz: float) -> Camera:
        """Send all sealed cells once, both kinds mixed, exactly the same frames at every moment."""
        cells = [cell for sealed in self._scenario.proof.values() for cell in sealed]
        random.Random(self._seed).shuffle(cells)
        shots = (Shot(cell, jpeg(self._photographs[cell.number]), phase=moment) for cell in cells)
        camera = Camera(AUDIT_CAMERA, self._address, shots, rate_hz, self._answered)
        self._audits.append(camera)
        camera.start()
        return camera

    def stop(self) -> None:
        """Switch everything off; frames under way are still answered."""
        for camera in self._all():
            camera.stop()
        for camera in self._all():
            if camera.ident is not None:
                camera.join()

    def sent(self, name: str | None = None) -> int:
        """Frames sent, by one camera or all."""
        return sum(camera.sent for camera in self._all() if name in (None, camera.name))

    def refused(self) -> list[str]:
        """Why frames were given up."""
        return [f"{camera.name}: {reason}" for camera in self._all() for reason in camera.refused]

    def _all(self) -> list[Camera]:
        return [*self._cameras, *self._audits]

    def _answered(self, answer: Answer) -> None:
        with self._lock:
            self.answers.append(answer)
            self.recent[answer.camera].append(answer)
        self._heard(answer)

    def _shots(self, number: int, name: str) -> Iterator[Shot]:
        """What camera `number` sees, without end: the next cell of the product, as it lies this time, through the lens as it is now."""
        rng = np.random.default_rng([self._seed, number])
        walks: dict[Kind, Iterator[Cell]] = {
            kind: walk(blocks, number, len(CAMERAS), self._seed) for kind, blocks in self._scenario.live.items()
        }
        while True:
            cell = next(walks[self.product])
            seen = as_placed(self._photographs[cell.number], rng)
            smeared = self.smeared and name == SMEARED_CAMERA
            yield Shot(cell, jpeg(through_smeared_lens(seen) if smeared else seen), smeared)
