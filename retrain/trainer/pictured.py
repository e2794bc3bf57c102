"""The picture of how the chosen network's training went, beside the verdict's page."""

from collections.abc import Sequence
from typing import Final

from contracts.errors import VersionError
from contracts.files import Folder
from retrain.request import TrialRow
from retrain.training.curve import Point, picture

CURVE: Final = "curve.png"


def pictured(folder: Folder, curve: Sequence[Point], row: TrialRow) -> dict[str, bytes]:
    """The picture's file, kept in the job's folder too; none where nothing was trained or it cannot be drawn."""
    if not curve:
        return {}
    try:
        content = picture(curve, f"{row.technique}, {row.recipe}")
    except VersionError:  # matplotlib is an extra
        return {}
    folder.write(CURVE, content, durable=False)
    return {CURVE: content}
