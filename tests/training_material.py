"""Material for tests of training: the small pictures, darkened where they are new, as a retraining would have gathered them."""

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from contracts.files import sha256
from contracts.frames import measure, see
from contracts.manifest import InputSpec
from contracts.predictions import ClassTruth
from contracts.statistics import vector
from retrain.data.dataset import Dataset, Item
from retrain.data.frames import Excluded, Frames
from retrain.data.material import Material
from retrain.data.split import SETS
from retrain.models.session import Views
from tests.small_pictures import LABELS, SIDE, pictures

SPEC = InputSpec("image", SIDE, SIDE)


def material(old: int = 120, new: int = 120, darker: float = 0.35, labels: Sequence[str] = LABELS) -> Material:
    """`old` pictures, then `new` darkened ones; of ten neighbours, a recording, six are in train, two in validation and two in gate by turns."""
    images, truth = pictures()
    shown = images[: old + new].copy()
    shown[old:] = (255 - (255 - shown[old:]) * darker).astype(np.uint8)
    contents = [cv2.imencode(".png", image[..., ::-1])[1].tobytes() for image in shown]
    items = tuple(
        Item(
            sha256=sha256(content), truth=ClassTruth(LABELS[truth[row]]), recording=f"r{row // 10}", captured_at=float(row), camera="c",
            set=(SETS[0], SETS[0], SETS[0], SETS[1], SETS[2])[row // 10 % 5], added="1", frame_id=f"f{row}",
        )
        for row, content in enumerate(contents)
    )  # fmt: skip
    statistics = np.array([vector(measure(see(content, SPEC))[0]) for content in contents], dtype=np.float32)
    rows = np.arange(old + new)
    nothing = np.zeros((len(rows), 0), dtype=np.float32)
    session: Any = SimpleNamespace(spec=SPEC, key="champion")
    dataset = Dataset(model="m", labels=tuple(labels), items=items)
    return Material(
        dataset,
        Views(statistics, np.zeros(len(rows), dtype=np.uint64), nothing, nothing),
        rows >= old,
        dataset.truth(),
        Frames([partial(bytes, content) for content in contents]),
        range(old, old + new),
        {},
        Excluded(),
        session,
    )
