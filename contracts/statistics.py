"""The statistics of one image, by name and unit. `frames.measure` computes them, for the training reference and for live traffic alike."""

from operator import attrgetter
from typing import Final

import msgspec


class ImageStatistics(msgspec.Struct, frozen=True):
    """Measured on the frame as prepared for the model (RGB, uint8), so that camera resolution does not move them; luma is Rec. 601, 0 to 255."""

    luma_mean: float
    """Mean luma, 0 to 255."""
    contrast: float
    """RMS contrast: the standard deviation of luma, 0 to 127.5."""
    sharpness: float
    """Variance of the 3x3 Laplacian of luma, in squared grey levels, 0 and up. Falls when the lens loses focus."""
    noise: float
    """Noise standard deviation in grey levels (Immerkaer 1996: mean absolute response to the Laplacian-difference mask)."""
    luma_entropy: float
    """Shannon entropy of the 256-bin luma histogram in bits, 0 to 8."""
    saturation: float
    """Mean of (max - min) / max over the colour channels, 0 to 1, of every fourth row; black counts as 0."""
    red_ratio: float
    """Mean red over mean of all channels; 1 for grey, 0 for black frames."""
    blue_ratio: float
    """Mean blue over mean of all channels; 1 for grey, 0 for black frames."""
    clipped_dark: float
    """Share of pixels with luma at most 2, 0 to 1."""
    clipped_bright: float
    """Share of pixels with luma at least 253, 0 to 1."""
    frame_difference: float | None = None
    """Mean absolute luma difference to the camera's previous frame at 32 x 32, in grey levels; None for a camera's first frame and for stills."""
    phash: str = ""
    """64-bit perceptual hash (DCT of 32 x 32 luma, low 8 x 8 against their median), 16 hex digits."""


NUMERIC: Final = (
    "luma_mean",
    "contrast",
    "sharpness",
    "noise",
    "luma_entropy",
    "saturation",
    "red_ratio",
    "blue_ratio",
    "clipped_dark",
    "clipped_bright",
)
"""The statistics that exist for every image, stills too, in the order of a baseline's columns."""
_VALUES: Final = attrgetter(*NUMERIC)


def vector(statistics: ImageStatistics) -> list[float]:
    """The values of NUMERIC, in its order."""
    return list(_VALUES(statistics))
