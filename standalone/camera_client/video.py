"""Frames from a video file, a network stream or a device, read by OpenCV and encoded as JPEG. OpenCV is loaded when a video is opened, not before."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from standalone.camera_client.clock import Clock
from standalone.camera_client.cursor import Cursor
from standalone.camera_client.errors import SourceError
from standalone.camera_client.folder import CapturedAt
from standalone.camera_client.latest import Exposure, StreamAwayError
from standalone.camera_client.shot import Fate, Shot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPEN_MS: Final = 10_000
READ_MS: Final = 10_000
"""A stream that is silent for so long is opened again."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """JPEG quality from 1 to 100; the longer side in pixels is shrunk to `max_side` where it is larger (0: as it is)."""

    quality: int = 90
    max_side: int = 0


class Video:
    """A Source: every frame of a video file, in order. `starts_at` is the Unix time of its first frame; with captured_at "now" it does not matter."""

    left_out = 0

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        clock: Clock,
        *,
        captured_at: CapturedAt = "now",
        starts_at: float | None = None,
        loop: bool = False,
        cursor: Cursor | None = None,
    ) -> None:
        self.skipped = 0
        self._path, self._encoding, self._clock, self._captured_at = path, encoding, clock, captured_at
        self._loop, self._cursor = loop, cursor
        self._capture = _opened_file(path)
        self._frames = _frame_count(self._capture)
        self._starts_at = began(path, self._capture) if starts_at is None else starts_at
        self._number, self._ended = 0, False
        self._skip_to(int(cursor.after) if cursor and cursor.after.isdigit() else 0)
        self._begun_at = self._number

    @property
    def total(self) -> int | None:
        """Frames that are still to be sent, as the file claims; None when it loops or does not say."""
        return None if self._loop or not self._frames else max(0, self._frames - self._begun_at)

    def take(self) -> Shot | None:
        """The next frame."""
        there, picture = self._capture.read()
        if not there and self._loop and self._number:
            self._capture.release()
            self._capture, self._number = _opened_file(self._path), 0
            there, picture = self._capture.read()
        if not there:
            self._ended = True
            return None
        self._number += 1
        return encoded(picture, f"frame {self._number}", self._taken_at(), self._encoding)

    def newer(self) -> Shot | None:
        """A file's frames all wait."""
        return None

    def settled(self, shot: Shot, fate: Fate) -> None:
        """Remember how far it went."""
        if self._cursor:
            self._cursor.advance(shot.name.removeprefix("frame "))

    @property
    def hint(self) -> str:
        """Why the end seems to have come too early; "" when it does not."""
        if not self._ended or self._loop or self._number >= 0.98 * self._frames - 1:
            return ""
        return f"{self._path.name} ended after {self._number} of the {self._frames} frames that it claims: it is damaged, or still being written"

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _taken_at(self) -> float:
        return self._clock.now() if self._captured_at == "now" else self._starts_at + position_s(self._capture)

    def _skip_to(self, number: int) -> None:
        while self._number < number and self._capture.grab():
            self._number += 1


def played(path: Path, encoding: Encoding, clock: Clock) -> Iterator[Exposure]:
    """A file as if it were live: each frame at its time. Captured when shown."""
    capture = _opened_file(path)
    try:
        number, begun = 0, clock.elapsed()
        while capture.grab() and not clock.wait(max(0.0, begun + position_s(capture) - clock.elapsed())):
            number += 1
            there, picture = capture.retrieve()
            if there:
                yield partial(encoded, picture, f"frame {number}", clock.now(), encoding)
    finally:
        capture.release()


def watched(address: str | int, shown: str, encoding: Encoding, clock: Clock) -> Iterator[Exposure]:
    """A stream or device until it breaks. `shown` is its address without secrets. Raises StreamAwayError."""
    capture = _opened(address)
    try:
        if not capture.isOpened():
            raise StreamAwayError(f"{shown} cannot be opened")
        number = 0
        while not clock.stopping:
            there, picture = capture.read()
            if not there:
                raise StreamAwayError(f"{shown} gave no frame for {READ_MS / 1000:g} s, or ended, after {number} frames")
            number += 1
            yield partial(encoded, picture, f"frame {number}", clock.now(), encoding)
    finally:
        capture.release()


def encoded(picture: "NDArray[np.uint8]", name: str, captured_at: float, encoding: Encoding) -> Shot:
    """A picture [height, width, 3] in OpenCV's order (BGR) as a JPEG."""
    import cv2
    import numpy as np

    longer = max(picture.shape[:2])
    if 0 < encoding.max_side < longer:
        height, width = (max(1, round(side * encoding.max_side / longer)) for side in picture.shape[:2])
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    _, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, encoding.quality])
    return Shot(name, captured_at, content.tobytes())


def position_s(capture: Any) -> float:
    """Seconds of the frame read last from the first one on."""
    import cv2

    return max(0.0, float(capture.get(cv2.CAP_PROP_POS_MSEC))) / 1000


def began(path: Path, capture: Any) -> float:
    """When a recording began: a recorder writes to its file until the end, so that its length before its last change."""
    import cv2

    rate = float(capture.get(cv2.CAP_PROP_FPS))
    return path.stat().st_mtime - (_frame_count(capture) / rate if rate > 0 else 0.0)


def _frame_count(capture: Any) -> int:
    import cv2

    return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))


def _opened_file(path: Path) -> Any:
    capture = _opened(str(path))
    if not capture.isOpened():
        raise SourceError(
            f"{path} is no video that OpenCV can read. Wanted: MP4, MKV, AVI, MOV or WebM with a usual codec; or a folder of images"
        )
    return capture


def _opened(address: str | int) -> Any:
    """OpenCV's capture, quiet: FFmpeg would write to standard error whatever it thinks of a stream."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(0)
    if isinstance(address, int):
        return cv2.VideoCapture(address)
    return cv2.VideoCapture(
        address, cv2.CAP_FFMPEG, [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
    )
