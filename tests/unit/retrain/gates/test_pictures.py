"""The pictures of a page: small, once read, bounded, and none where there is none."""

from base64 import b64decode

import cv2
import numpy as np
import pytest

from contracts.errors import StoreError
from contracts.frames import decode
from retrain.gates.changed import Outline
from retrain.gates.pictures import SIDE, Album, small


def encoded(height: int, width: int, seed: int = 0) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.mark.parametrize(("height", "width", "made"), [(400, 800, (100, 200)), (900, 8, (200, 2)), (28, 28, (28, 28))])
def test_no_edge_is_longer_than_a_picture_s(height: int, width: int, made: tuple[int, int]) -> None:
    assert cv2.imdecode(np.frombuffer(small(encoded(height, width)), np.uint8), cv2.IMREAD_COLOR).shape[:2] == made
    assert max(made) <= SIDE


def test_colours_stay_what_they_are() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 2] = 200  # OpenCV writes blue, green, red
    found = decode(small(cv2.imencode(".png", red)[1].tobytes())).mean(axis=(0, 1))
    assert found[0] > 180
    assert found[1:].max() < 30


def test_boxes_are_drawn_where_they_are_on_the_frame_made_smaller() -> None:
    black = cv2.imencode(".png", np.zeros((400, 800, 3), np.uint8))[1].tobytes()
    drawn = decode(small(black, (Outline("after", 80, 80, 400, 320), Outline("truth", 600, 40, 760, 200)))).astype(int)
    assert drawn.shape == (100, 200, 3)
    assert drawn[50, 20, 2] > drawn[50, 20, 0] + 60, "teal, at a quarter of the way"
    assert drawn[30, 150].min() > 150, "white"
    assert drawn[50, 60].max() < 40, "nothing inside"


def test_each_frame_is_read_once_and_a_full_page_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def read(row: int) -> bytes:
        reads.append(row)
        return encoded(64, 64, row)

    one = len(Album(read).source(1))
    monkeypatch.setattr("retrain.gates.pictures.MOST_BYTES", int(2.5 * one))
    album = Album(read)
    shown = [album.source(row) for row in (1, 1, 1, 2)]
    assert [bool(source) for source in shown] == [True, True, False, False]
    assert reads == [1, 1, 2]
    assert album.left_out == 2
    prefix = "data:image/jpeg;base64,"
    assert shown[0].startswith(prefix)
    assert decode(b64decode(shown[0].removeprefix(prefix))).shape == (64, 64, 3)


def test_a_frame_that_is_gone_or_damaged_costs_its_picture() -> None:
    def read(row: int) -> bytes:
        if row:
            return b"no picture"
        raise StoreError("gone")

    album = Album(read)
    assert (album.source(0), album.source(1)) == ("", "")
    assert album.unreadable == 2
