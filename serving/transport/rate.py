"""How often a camera may send: a token bucket each, decided from the head of a request. Pure: the clock's time is passed in.

The generic cell rate algorithm (ITU-T I.371, 1996): instead of tokens, the one moment at which the bucket will be full again is remembered.
"""

import math
from collections.abc import Mapping

from serving.problems import ProblemError
from serving.settings import Camera


class Rates:
    """`rate` frames a second and `burst` at once hold where a camera names none of its own; a rate of 0 is no limit. For one thread."""

    def __init__(self, cameras: Mapping[str, Camera], rate: float = 0.0, burst: int = 1) -> None:
        limits = {
            name: (rate if camera.rate is None else camera.rate, burst if camera.burst is None else camera.burst)
            for name, camera in cameras.items()
        }
        self._limits = {name: (1 / rate, burst) for name, (rate, burst) in limits.items() if rate > 0}
        self._full_at: dict[str, float] = {}

    def take(self, camera: str, now: float) -> None:
        """Let one frame pass at `now` (monotonic seconds). Raises ProblemError; what is refused costs the camera nothing."""
        if (limit := self._limits.get(camera)) is None:
            return
        interval, burst = limit
        full_at = max(self._full_at.get(camera, now), now) + interval
        wait_s = full_at - now - burst * interval
        if wait_s > 1e-9:
            raise ProblemError(
                "rate-limited",
                f"camera {camera!r} sends more than {1 / interval:g} frames a second ({burst} at once); this one was not read. Send fewer, or "
                f"raise the camera's rate or burst in the server's settings",
                retry_after_s=math.ceil(wait_s),
                camera=camera,
            )
        self._full_at[camera] = full_at
