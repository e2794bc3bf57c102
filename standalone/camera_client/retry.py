"""What an answer means for the frame it belongs to, and how long to wait before the next try. Pure.

Waits grow exponentially with full jitter (Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015), so that a hall of cameras which lost one
server at one moment does not come back at one moment. Retry-After is a floor below which nobody comes back.
"""

import json
import random
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

BASE_S: Final = 0.25
CAP_S: Final = 10.0
"""A camera is heard of again within ten seconds after its server is back."""
TRIES_OF_A_FAILING_FRAME: Final = 3
"""A frame on which the server itself fails (500) is left aside after so many tries: it may be the frame, and the next ones wait."""
_PREFIX: Final = "urn:keepsight:problem:"
_FRAME_STATUSES: Final = (413, 415, 422)
_FRAME_PROBLEMS: Final = ("empty", "bad-captured-at", "superseded")
_NEVER: Final = (501, 505)


class Verdict(Enum):
    """What to do with the frame that was sent."""

    ANSWERED = "answered"
    AGAIN = "send it again later"
    REFUSED = "leave it out, go on with the next"
    TURNED_AWAY = "no frame of this camera will pass"


def verdict(status: int, problem: str) -> Verdict:
    """Judge an HTTP answer by its status and its problem's kind ("" when it is no problem+json of Keepsight's)."""
    if 200 <= status < 300:
        return Verdict.ANSWERED
    if status in _FRAME_STATUSES or problem in _FRAME_PROBLEMS:
        return Verdict.REFUSED
    if status in (408, 425, 429) or (status >= 500 and status not in _NEVER):
        return Verdict.AGAIN
    return Verdict.TURNED_AWAY


def problem_of(body: bytes) -> tuple[str, str]:
    """A refusal's kind and detail; ("", the body's beginning) when it does not come from Keepsight."""
    try:
        said = json.loads(body)
        kind, detail = str(said["type"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        kind, detail = "", " ".join(body[:200].decode(errors="replace").split())
    return (kind.removeprefix(_PREFIX), detail) if kind.startswith(_PREFIX) else ("", detail)


def retry_after_s(header: str, now: float) -> float:
    """Seconds that a Retry-After header asks for, at `now` (Unix seconds): a number or an HTTP date (RFC 9110, 10.2.3). 0 when it says nothing."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def wait_s(failures: int, floor_s: float, rng: random.Random) -> float:
    """How long to wait after the `failures`-th failure in a row (from 1): `floor_s`, and between 0 and min(CAP_S, BASE_S * 2^(failures - 1)) on top."""
    return floor_s + rng.uniform(0.0, min(CAP_S, BASE_S * 2.0 ** min(failures - 1, 30)))
