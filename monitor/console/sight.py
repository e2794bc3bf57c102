"""What the console asks of the monitor that it belongs to: the newest overview, one camera as it stands, and what an incident's report has to draw."""

from collections.abc import Callable
from dataclasses import dataclass

from monitor.camera_detail import CameraDetail
from monitor.overview import Overview
from monitor.report.shapes import Shape


@dataclass(frozen=True, slots=True)
class Sight:
    """Each may be asked from any thread."""

    overview: Callable[[], Overview | None]
    """None until the monitor's loop has looked for the first time."""
    camera: Callable[[str], CameraDetail | None]
    """None where the monitor knows none of that name, or is too busy to look."""
    shapes: Callable[[str], tuple[Shape, ...]]
    """By incident; () without a report."""


BLIND = Sight(lambda: None, lambda _: None, lambda _: ())
"""Of a console that stands beside no monitor."""
