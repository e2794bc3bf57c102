"""How a JPEG's scans are counted: not at all where the decoder itself refuses a second one, byte by byte everywhere else."""

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from contracts.jpeg import has_one_scan

PHOTOGRAPH = np.asarray(cv2.resize(load_sample_images().images[0], (160, 120), interpolation=cv2.INTER_AREA), np.uint8)


def encoded(*flags: int, image: NDArray[np.uint8] = PHOTOGRAPH) -> bytes:
    return cv2.imencode(".jpg", image, list(flags))[1].tobytes()


PLAIN = encoded(cv2.IMWRITE_JPEG_RST_INTERVAL, 4)
PROGRESSIVE = encoded(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
GREY = encoded(image=PHOTOGRAPH[..., 0])
SCAN = PLAIN.index(b"\xff\xda")


@pytest.mark.parametrize("content", [PLAIN, GREY, encoded()], ids=["restarts", "grey", "plain"])
def test_what_cameras_send_has_one_scan(content: bytes) -> None:
    assert has_one_scan(content)


def test_the_decoder_refuses_a_second_scan_of_such_a_file() -> None:
    twice = PLAIN[:-2] + PLAIN[SCAN:]
    assert has_one_scan(twice)
    with pytest.raises(ValueError, match="more than one scan"):
        simplejpeg.decode_jpeg(twice)


def test_progressive_files_are_counted() -> None:
    assert not has_one_scan(PROGRESSIVE)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN[:2] + b"\0" + PLAIN[2:],  # libjpeg skips what is no marker
        PLAIN[:2] + b"\xff\x01" + PLAIN[2:],  # a marker without a length
        PLAIN[:SCAN] + b"\xff\xc2" + PLAIN[PLAIN.index(b"\xff\xc0") + 2 :],  # a second frame header
        PLAIN[: SCAN + 4] + b"\1" + PLAIN[SCAN + 5 :],  # the first scan is of one component
        PLAIN[:SCAN],
        PLAIN[:2],
        b"",
    ],
    ids=["filler", "no length", "second header", "one component", "no scan", "no segment", "empty"],
)
def test_whatever_is_out_of_the_ordinary_is_counted(content: bytes) -> None:
    assert not has_one_scan(content)


@given(st.binary(max_size=64), st.integers(0, SCAN))
def test_any_bytes_are_read(junk: bytes, at: int) -> None:
    has_one_scan(junk)
    changed = PLAIN[:at] + junk + PLAIN[at + len(junk) :]
    if has_one_scan(changed):  # then the decoder sees one scan at most, or refuses the file
        try:
            simplejpeg.decode_jpeg(changed[:-2] + PLAIN[SCAN:], min_height=8, min_width=8)
        except ValueError:
            return
        pytest.fail("two scans were decoded")
