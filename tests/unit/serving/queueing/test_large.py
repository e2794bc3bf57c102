"""Large frames: which they are by their bytes, and how many are in hand at one time."""

import io

import numpy as np
import pytest
from PIL import Image

from contracts import frames
from contracts.frames import Header
from serving.queueing.large import LARGE_PIXELS, PIXELS_A_WORKER, LargeFrames, is_large

BIG: np.ndarray = np.zeros((1200, 1800, 3), np.uint8)
assert BIG.size // 3 > LARGE_PIXELS


def _encoded(image: np.ndarray, kind: str, **how: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **how)
    return stream.getvalue()


def _is_large(content: bytes) -> bool:
    return is_large(frames.inspect(content), content)


@pytest.mark.parametrize(
    ("content", "large"),
    [
        (_encoded(BIG, "PNG"), True),
        (_encoded(BIG, "WEBP"), True),
        (_encoded(BIG, "JPEG"), False),
        (_encoded(BIG, "JPEG", subsampling=0, exif=b"Exif\0\0" + bytes(60_000)), False),
        (_encoded(BIG[..., 0], "JPEG"), False),
        (_encoded(BIG, "JPEG", progressive=True), True),
        (_encoded(BIG[:600], "PNG"), False),
        (_encoded(BIG[:600], "JPEG", progressive=True), False),
    ],
    ids=["PNG", "WebP", "JPEG", "JPEG with EXIF", "grey JPEG", "progressive JPEG", "small PNG", "small progressive JPEG"],
)
def test_what_is_not_decoded_row_by_row_is_large(content: bytes, large: bool) -> None:
    assert _is_large(content) is large


def test_a_jpeg_that_is_not_understood_is_large() -> None:
    content = _encoded(BIG, "JPEG")
    header = frames.inspect(content)
    scan = content.index(b"\xff\xda")
    one_of_three = content[: scan + 4] + b"\x01" + content[scan + 5 :]
    many_segments = content[:2] + b"\xff\xfe\x00\x02" * 100 + content[2:]
    nothing = content[:2] + b"\xff\xfe\x00\x00" * 100 + content[2:]
    for doubtful in (one_of_three, many_segments, nothing, content[:20], content[:scan], b"\xff\xd8", b"\xff\xd8" + bytes(100)):
        assert is_large(header, doubtful)


def test_pixels_are_decoded_already() -> None:
    assert not is_large(Header("rgb", 5000, 5000), b"")


def _taken(workers: int, sizes: list[int], small_waits: bool) -> int:
    """How many of these frames, offered in turn, are in hand at one time."""
    in_hand = LargeFrames(workers)
    for number, pixels in enumerate(sizes):
        header = Header("png", pixels // 1000, 1000)
        if number == workers or not in_hand.may_begin(header, lambda: small_waits):
            return number
        in_hand.begun(header)
    return len(sizes)


@pytest.mark.parametrize(
    ("workers", "pixels", "small_waits", "taken"),
    [
        (1, 25_000_000, True, 1),
        (2, 25_000_000, False, 1),
        (2, 9_000_000, False, 1),
        (2, PIXELS_A_WORKER, False, 2),
        (2, PIXELS_A_WORKER, True, 1),
        (16, 9_000_000, False, 9),
        (16, 3_000_000, True, 15),
        (16, 3_000_000, False, 16),
    ],
)
def test_pixels_in_hand_are_bounded_and_one_worker_is_left_to_small_frames(
    workers: int, pixels: int, small_waits: bool, taken: int
) -> None:
    assert _taken(workers, [pixels] * 20, small_waits) == taken


def test_what_is_done_makes_room() -> None:
    in_hand, header = LargeFrames(2), Header("png", 3000, 3000)
    in_hand.begun(header)
    assert not in_hand.may_begin(header, lambda: False)
    in_hand.ended(header)
    assert in_hand.may_begin(header, lambda: True)
