"""What the head of a frame request decides, before its body is read: which camera, captured when, answered by when. Pure."""

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from contracts.ids import derived_id, is_id, time_of
from contracts.keys import Key
from serving.problems import ProblemError
from serving.settings import Camera
from serving.transport.keys import check_camera

_LATEST: Final = 4_102_444_800.0
"""The year 2100: a capture time beyond it is in milliseconds."""
_MAX_DEADLINE_MS: Final = 600_000.0
_MOST_OFF_S: Final = 86_400.0
"""A frame id whose time is further from ours would put the frame among those of another day: the sender's clock is wrong."""
_SAYING: Final = (b"keepsight-camera", b"keepsight-captured-at", b"keepsight-deadline-ms", b"keepsight-frame-id")
Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that may send its frame. `captured_at` is Unix seconds; `deadline_s` counts from the request's arrival.

    `frame_id` is the id that follows from the sender's, "" where it gave none.
    """

    camera_name: str
    camera: Camera
    captured_at: float
    deadline_s: float
    frame_id: str = ""


def said(query: bytes, headers: Headers) -> dict[str, str]:
    """What a request's query and headers (names in lower case) say: `camera`, `captured_at`, `deadline_ms`, `frame_id`; the query wins."""
    found = {
        name.removeprefix(b"keepsight-").decode().replace("-", "_"): value.decode("latin-1")
        for name, value in headers
        if name in _SAYING
    }
    return found | dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def admit(
    words: Mapping[str, str], cameras: Mapping[str, Camera], received_at: float, default_deadline_s: float, key: Key | None = None
) -> Admitted:
    """The request that says `words` (see `said`). `key` is what it came with, where keys are asked for.

    Raises ProblemError; which cameras there are is told to those only whose key is for the camera.
    """
    name = words.get("camera", "")
    if not name:
        raise ProblemError("missing-camera", "name the camera: POST /v1/frames?camera=NAME, or the header Keepsight-Camera")
    if key is not None:
        check_camera(key, name)
    if (camera := cameras.get(name)) is None:
        raise _unknown_camera(name, cameras)
    captured_at = captured(words["captured_at"]) if words.get("captured_at") else received_at
    deadline_s = _deadline_s(words["deadline_ms"]) if words.get("deadline_ms") else default_deadline_s
    frame_id = _frame_id(words["frame_id"], name, received_at) if words.get("frame_id") else ""
    return Admitted(name, camera, captured_at, deadline_s, frame_id)


def frame_ids(text: str, count: int, camera: str, received_at: float) -> list[str]:
    """The ids of `count` frames of a camera (see Admitted.frame_id) from those that their sender gave, one for each with commas between; "": it gave none.

    Raises ProblemError.
    """
    if not text:
        return [""] * count
    given = [one.strip().lower() for one in text.split(",", count)]
    if len(given) != count or len(set(given)) != count:
        raise ProblemError(
            "bad-frame-id",
            f"frame_id is {text[:64]!r}; send {count} UUIDv7 that differ, with commas between: one for each frame of the request, in their order",
        )
    return [_frame_id(one, camera, received_at) for one in given]


def captured(text: str) -> float:
    """Unix seconds of a capture time given as Unix seconds or RFC 3339. Raises ProblemError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = _rfc3339(text)
    if not math.isfinite(seconds) or not 0 < seconds < _LATEST:
        hint = "; it looks like milliseconds, send seconds" if _LATEST <= seconds < _LATEST * 1000 else ""
        raise ProblemError(
            "bad-captured-at", f"captured_at is {text[:64]!r}; allowed are Unix seconds up to the year 2100, or RFC 3339{hint}"
        )
    return seconds


def _rfc3339(text: str) -> float:
    try:
        # A '+' that was not percent-encoded reaches us as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ProblemError(
            "bad-captured-at",
            f"captured_at is {text[:64]!r}; send Unix seconds (1767225600.25) or RFC 3339 with its offset (2026-01-01T00:00:00.25Z)",
        )
    return moment.timestamp()


def _frame_id(text: str, camera: str, received_at: float) -> str:
    """The frame's id from its sender's: the same whenever it is sent again, and never that of another camera's frame."""
    given = text.lower()
    if not is_id(given):
        raise ProblemError(
            "bad-frame-id",
            f"frame_id is {text[:64]!r}; send a UUIDv7 (RFC 9562) of the frame's own, the same whenever it is sent again",
        )
    return derived_id(given, camera) if abs(time_of(given) - received_at) <= _MOST_OFF_S else ""


def _deadline_s(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _MAX_DEADLINE_MS:
        raise ProblemError(
            "bad-deadline",
            f"deadline_ms is {text[:64]!r}; allowed are 1 to {_MAX_DEADLINE_MS:.0f} milliseconds from the request's arrival",
        )
    return value / 1000


def _unknown_camera(name: str, cameras: Mapping[str, Camera]) -> ProblemError:
    name = name[:64]
    close = difflib.get_close_matches(name, cameras, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ProblemError(
        "unknown-camera",
        f"camera {name!r} is not known here.{hint} Add it to the server's settings as [serving.cameras.{_toml_key(name)}] with its site, and restart",
        camera=name,
    )


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
