"""The event of a scored frame, as serving publishes it; tests say what matters to them."""

from contracts.events import FrameScored
from contracts.predictions import Prediction, Variant
from contracts.statistics import ImageStatistics

STATISTICS = ImageStatistics(120.0, 40.0, 300.0, 2.0, 7.0, 0.2, 1.0, 1.0, 0.0, 0.0)


def frame_scored(
    frame_id: str,
    camera: str,
    version: str,
    variant: Variant,
    prediction: Prediction,
    at: float,
    model: str = "small",
    **fields: object,
) -> FrameScored:
    """A frame of an items camera, captured and scored at `at` (Unix seconds); its event's id is made of frame and version."""
    given = {"event_id": f"{frame_id} {version}", "site": "hall", "stream": "items", "width": 96, "height": 96, **fields}
    return FrameScored(
        occurred_at=at,
        model=model,
        frame_id=frame_id,
        camera=camera,
        version=version,
        variant=variant,
        captured_at=at,
        received_at=at,
        bytes=4000,
        codec="jpeg",
        statistics=STATISTICS,
        prediction=prediction,
        confidence=prediction.confidence,
        entropy=prediction.entropy,
        **given,  # type: ignore[arg-type]
    )
