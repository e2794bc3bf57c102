"""PNG frames from strangers: the same pixels as libpng gives, nothing inflated that is not the picture, not a word on standard error."""

import io
import itertools
import random
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from contracts import png
from contracts.errors import FrameError
from contracts.frames import decode

PHOTOGRAPH: NDArray[np.uint8] = np.ascontiguousarray(cv2.resize(load_sample_images().images[0], (53, 41)))
KINDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (3, 1),
    (3, 2),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (6, 8),
    (6, 16),
]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def made(
    rows: bytes,
    width: int = 16,
    height: int = 16,
    depth: int = 8,
    colour: int = 2,
    interlace: int = 0,
    before: bytes = b"",
    methods: int = 0,
) -> bytes:
    """A PNG with these rows, compressed."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, methods, methods, interlace))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND")


def refused(content: bytes) -> str:
    with pytest.raises(FrameError) as caught:
        decode(content)
    assert caught.value.reason == "not_decodable"
    return str(caught.value)


def libpng(content: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize(("colour", "depth"), DEPTHS)
@pytest.mark.parametrize("interlace", [0, 1])
def test_every_kind_of_png_gives_the_pixels_that_libpng_gives(colour: int, depth: int, interlace: int) -> None:
    random_bytes = random.Random(colour * 100 + depth)
    palette = chunk(b"PLTE", random_bytes.randbytes(3 << depth)) if colour == 3 else b""
    for width, height in itertools.product((8, 9, 13), (8, 15)):
        sizes = png._passes(width, height, depth * KINDS[colour], interlace)
        rows = b"".join(
            bytes([random_bytes.randrange(5)]) + random_bytes.randbytes(size - 1) for count, size in sizes for _ in range(count)
        )
        content = made(rows, width, height, depth, colour, interlace, palette)
        assert np.array_equal(decode(content), libpng(content)), (width, height)


@pytest.mark.parametrize("extra", [{}, {"icc_profile": b"x" * 500}, {"dpi": (300, 300)}], ids=["plain", "profile", "dpi"])
def test_what_stands_beside_the_picture_is_left_out(extra: dict[str, object]) -> None:
    stream = io.BytesIO()
    Image.fromarray(PHOTOGRAPH).save(stream, "PNG", **extra)
    assert np.array_equal(decode(stream.getvalue()), PHOTOGRAPH)
    assert len(png.plain(stream.getvalue())) < 41 * 160 + 200


ROWS = bytes((16 * 3 + 1) * 16)
BOMB = zlib.compress(bytes(64 << 20), 9)
BOMBS = {
    "behind the picture": made(bytes(64 << 20)),
    "in a text": made(ROWS, before=b"".join(chunk(b"zTXt", b"k\0\0" + BOMB) for _ in range(10))),
    "in a colour profile": made(ROWS, before=chunk(b"iCCP", b"k\0\0" + BOMB)),
    "in an international text": made(ROWS, before=chunk(b"iTXt", b"k\0\1\0\0\0" + BOMB)),
}


@pytest.mark.parametrize("where", BOMBS)
def test_a_bomb_is_not_inflated(where: str, capfd: pytest.CaptureFixture[str]) -> None:
    tracemalloc.start()
    try:
        if where == "behind the picture":
            assert "more than the 784 bytes" in refused(BOMBS[where])
        else:
            assert decode(BOMBS[where]).shape == (16, 16, 3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 << 20  # the bombs are of 64 MiB
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (made(ROWS[:-1]), "holds 783 of the 784 bytes"),
        (made(b""), "holds 0 of the 784 bytes"),
        (made(ROWS + b"\0"), "more than the 784 bytes"),
        (made(b"\5" + ROWS[1:]), "a filter that does not exist"),
        (made(ROWS[:-49] + b"\xff" + ROWS[:48]), "a filter that does not exist"),
        (made(ROWS, depth=4), "colour type 2, 4 bits"),
        (made(ROWS, colour=5), "colour type 5"),
        (made(ROWS, interlace=2), "methods 0, 0 and 2"),
        (made(ROWS, methods=1), "methods 1, 1 and 0"),
        (made(bytes(17 * 16), colour=3), "its palette has 0 bytes"),
        (made(bytes(17 * 16), colour=3, before=chunk(b"PLTE", bytes(4))), "its palette has 4 bytes"),
        (made(bytes(9 * 16), colour=3, depth=4, before=chunk(b"PLTE", bytes(51))), "its palette has 51 bytes for 4 bits"),
        (made(ROWS, before=chunk(b"CgBI", b"\x50\0\x20\6")), "critical and not known"),
        (made(ROWS, before=chunk(b"IHDR", bytes(13))), "chunk 2 is b'IHDR'"),
        (made(ROWS).replace(zlib.compress(ROWS, 9)[:6], b"\x78\xda\xff\xff\xff\xff"), "wrong checksum"),
        (made(ROWS)[:33] + chunk(b"IDAT", b"\x78\xda\xff\xff") + chunk(b"IEND"), "Error -3"),
    ],
)  # fmt: skip
def test_what_libpng_would_complain_of_is_refused_before_it(
    content: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(content)
    assert capfd.readouterr().err == ""


def test_a_picture_too_deep_for_its_size_is_refused_before_it_is_inflated() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FrameError, match="200005000 bytes of rows, at most 100000000") as caught:
            decode(made(bytes(1000), 5000, 5000, 16, 6))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "too_many_pixels"


def test_a_pixel_beyond_the_palette_is_black(capfd: pytest.CaptureFixture[str]) -> None:
    rows = (b"\0" + bytes(range(16))) * 16
    pixels = decode(made(rows, colour=3, before=chunk(b"PLTE", b"\xff" * 30)))
    assert (pixels[:, :10] == 255).all()
    assert (pixels[:, 10:] == 0).all()
    assert capfd.readouterr().err == ""


def test_rows_may_be_spread_over_many_chunks() -> None:
    data = zlib.compress(ROWS)
    pieces = b"".join(chunk(b"IDAT", data[at : at + 3]) for at in range(0, len(data), 3))
    assert np.array_equal(decode(made(ROWS)[:33] + pieces + chunk(b"IEND")), decode(made(ROWS)))


def test_a_wrong_row_is_refused_before_the_rest_is_inflated() -> None:
    side = 5000
    rows = bytearray(side * (3 * side + 1))
    rows[3 * side + 1] = 5
    content = made(bytes(rows), side, side)
    del rows
    tracemalloc.start()
    try:
        with pytest.raises(FrameError, match="a filter that does not exist"):
            png.plain(content)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20  # of 75 MB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("rest", [b"", b"x" * 200_000], ids=["nothing", "much"])
def test_data_without_their_end_are_refused_and_what_follows_the_end_is_not_kept(rest: bytes) -> None:
    data = zlib.compress(ROWS)
    assert "have no end" in refused(made(ROWS)[:33] + chunk(b"IDAT", data[:-4]) + chunk(b"IEND"))
    assert np.array_equal(decode(made(ROWS)[:33] + chunk(b"IDAT", data + rest) + chunk(b"IEND")), decode(made(ROWS)))


def test_rows_longer_than_a_piece_and_pieces_that_end_inside_a_match() -> None:
    rng = random.Random(8)
    for width, height in ((70_000, 9), (9, 70_000), (1000, 1000)):
        rows = b"".join(b"\0" + rng.randbytes(1) * 3 * width for _ in range(height))
        content = png.plain(made(rows, width, height))
        at, found = 33, b""
        while content[at + 4 : at + 8] == b"IDAT":
            length = int.from_bytes(content[at : at + 4], "big")
            found += content[at + 8 : at + 8 + length]
            at += 12 + length
        assert zlib.decompress(found) == rows
