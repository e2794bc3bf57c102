"""EXIF times, as cameras write them."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from standalone.camera_client.capture_time import exif_time

TAKEN = datetime(2026, 3, 29, 0, 30, 15, tzinfo=UTC).timestamp()


def jpeg(date: str | None, offset: str | None = None, subseconds: str | None = None) -> bytes:
    """A JPEG with an EXIF block written by Pillow, which is no part of the product."""
    exif = Image.Exif()
    exif[0x010F] = "A Camera Maker"
    fields = {0x9003: date, 0x9011: offset, 0x9291: subseconds}
    exif.get_ifd(0x8769).update({tag: text for tag, text in fields.items() if text is not None})
    file = io.BytesIO()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    ("date", "offset", "subseconds", "after"),
    [
        ("2026:03:29 00:30:15", "+00:00", None, 0.0),
        ("2026:03:29 02:30:15", "+02:00", "25", 0.25),
        ("2026:03:28 19:30:15", "-05:00", "007", 0.007),
    ],
)
def test_a_time_with_its_offset_is_read(date: str, offset: str, subseconds: str | None, after: float) -> None:
    assert exif_time(jpeg(date, offset, subseconds)) == pytest.approx(TAKEN + after, abs=1e-6)


def test_without_an_offset_it_is_this_machines_time() -> None:
    assert exif_time(jpeg("2026:03:10 10:00:00")) == datetime(2026, 3, 10, 10).timestamp()


@pytest.mark.parametrize("date", [None, "", "    :  :     :  :  ", "0000:00:00 00:00:00", "yesterday", "2026:13:01 00:00:00"])
def test_what_is_no_time_counts_as_none(date: str | None) -> None:
    assert exif_time(jpeg(date)) is None


def test_any_damage_counts_as_none_or_a_time() -> None:
    whole = jpeg("2026:03:29 00:30:15", "+00:00", "25")
    random = np.random.default_rng(1)
    for _ in range(3000):
        content = bytearray(whole[: int(random.integers(0, len(whole) + 1))] if random.random() < 0.3 else whole)
        for _ in range(int(random.integers(1, 6))):
            if content:
                content[int(random.integers(0, min(len(content), 300)))] = int(random.integers(0, 256))
        said = exif_time(bytes(content))
        assert said is None or isinstance(said, float)
    assert exif_time(b"") is None
    assert exif_time(b"\x89PNG") is None
