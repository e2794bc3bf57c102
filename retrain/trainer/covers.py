"""Which sealed frames look partly covered beside what their camera shows in the frames that were learned from: a slice of its own in the gates."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.frames import see
from retrain.data.material import Material
from retrain.gates.facets import COVERED, covered, detail
from retrain.models.export import parity_frames

MOST_JUDGED: Final = 2_000
MOST_REFERENCE: Final = 500
"""Frames of a camera that are looked at, spread over all there are: each is decoded once more, some milliseconds of a core."""


def occlusion_of(material: Material, new: bool) -> tuple[str, ...]:
    """COVERED or "" of each sealed frame of a domain, in the material's order. Each is compared with learned frames of its own domain and camera: what is
    before the lens in all of them is what the camera shows. Raises StoreError."""
    cameras = np.array([item.camera for item in material.dataset.items], dtype=np.str_)
    sealed, said = material.sealed(new), np.zeros(len(material.dataset.items), dtype=np.bool_)
    looked = sealed[parity_frames(len(sealed), MOST_JUDGED)] if len(sealed) else sealed
    for camera in sorted(set(cameras[looked].tolist())):
        rows = looked[cameras[looked] == camera]
        usual = np.flatnonzero(material.learning() & (material.new == new) & (cameras == camera))
        if len(usual):
            said[rows] = covered(_details(material, rows), _details(material, usual[parity_frames(len(usual), MOST_REFERENCE)]))
    return tuple(COVERED if said[row] else "" for row in sealed)


def _details(material: Material, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.stack([detail(see(material.frames[row], material.session.spec)) for row in rows.tolist()])
