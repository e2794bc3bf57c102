"""The photographs of the demo: solar cells from the ELPV data set, with what is known of each, and how a camera would send them.

The data set (PyPI `elpv-dataset`) may be used but not passed on with this project: nothing here writes a photograph outside the folder of a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Kind = Literal["mono", "poly"]
Grey = NDArray[np.uint8]
"""[300, 300], one cell."""

LABELS: Final = ("functional", "defective")
POSITIVE: Final = "defective"
BLOCK: Final = 10
"""Cells in a block. The file order follows the modules that the cells were cut from, so neighbours are alike and must stay in one set."""
NOTICE: Final = (
    "Photographs: ELPV data set (Buerhop-Lutz et al. 2018, Deitsch et al. 2019 and 2021), CC BY-NC-SA 4.0: not for commercial use.\n"
    "They, and models trained on them, stay under out/ on this machine and are not part of this project."
)
JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class Cell:
    """One solar cell: its place in the data set, its crystal kind, the truth that an inspector would give, and its block of neighbours."""

    number: int
    kind: Kind
    defective: bool
    block: int

    @property
    def label(self) -> str:
        """The true class."""
        return LABELS[int(self.defective)]


def load() -> tuple[list[Cell], NDArray[np.uint8]]:
    """All 2,624 cells in file order and their photographs [N, 300, 300]; takes some seconds."""
    from elpv_dataset.utils import load_dataset  # an extra: only the demo needs it

    photographs, probability, kinds = cast(tuple[Any, Any, Any], load_dataset())
    return cells_of([str(kind) for kind in kinds], [float(p) > 0.5 for p in probability]), photographs


def cells_of(kinds: Sequence[str], defective: Sequence[bool]) -> list[Cell]:
    """Number the blocks: ten neighbours of one kind; a block ends where the kind changes."""
    cells: list[Cell] = []
    block, filled = -1, BLOCK
    for number, (kind, bad) in enumerate(zip(kinds, defective, strict=True)):
        if filled == BLOCK or kind != cells[-1].kind:
            block, filled = block + 1, 0
        filled += 1
        cells.append(Cell(number, cast(Kind, kind), bool(bad), block))
    return cells


def as_placed(photograph: Grey, rng: np.random.Generator) -> Grey:
    """A cell as it lies under the camera this time: shifted by up to two pixels, the lamp up to one per cent brighter or darker."""
    shift = np.array([[1, 0, rng.uniform(-2, 2)], [0, 1, rng.uniform(-2, 2)]], np.float32)
    moved = cv2.warpAffine(photograph, shift, photograph.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    return np.asarray(cv2.convertScaleAbs(moved, alpha=rng.uniform(0.99, 1.01)), dtype=np.uint8)


def through_smeared_lens(photograph: Grey, sigma_px: float = 4.0) -> Grey:
    """What the camera sees when its lens is smeared: everything out of focus."""
    return np.asarray(cv2.GaussianBlur(photograph, (0, 0), sigma_px), dtype=np.uint8)


def jpeg(photograph: Grey) -> bytes:
    """The frame that a camera sends."""
    return cv2.imencode(".jpg", photograph, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
