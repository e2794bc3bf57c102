"""Frames from the world: what is taken decodes whole, everything else is a FrameError with its reason and costs no memory."""

import contextlib
import io
import struct
import tracemalloc
import zipfile
import zlib

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from contracts import frames
from contracts.errors import FrameError
from contracts.frames import Header, decode, inspect, prepare, reduction, see
from contracts.manifest import InputSpec

Bytes = NDArray[np.uint8]
PHOTOGRAPH: Bytes = np.ascontiguousarray(load_sample_images().images[0])


def small(width: int = 48, height: int = 40) -> Bytes:
    return np.ascontiguousarray(cv2.resize(PHOTOGRAPH, (width, height), interpolation=cv2.INTER_AREA))


def encoded(kind: str, image: Bytes | None = None, *options: int) -> bytes:
    image = small() if image is None else image
    return bytes(cv2.imencode(f".{kind}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes())


def pillow(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


JPEG = encoded("jpg")
PROGRESSIVE = encoded("jpg", None, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
PNG = encoded("png")
WEBP = encoded("webp", None, cv2.IMWRITE_WEBP_QUALITY, 80)
LOSSLESS = encoded("webp", None, cv2.IMWRITE_WEBP_QUALITY, 101)
TAKEN = {"jpeg": JPEG, "progressive": PROGRESSIVE, "png": PNG, "webp": WEBP, "lossless": LOSSLESS}


def reason(content: bytes) -> str:
    with pytest.raises(FrameError) as caught:
        decode(content)
    assert str(caught.value)
    return caught.value.reason


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *before: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND")


def claiming(width: int, height: int) -> dict[str, bytes]:
    """Real frames with another size written into their headers."""
    at = JPEG.index(b"\xff\xc0") + 5
    size = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = b"WEBP" + canvas + WEBP[12:]
    return {
        "jpeg": JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :],
        "png": png(width, height),
        "webp": WEBP[:26] + size + WEBP[30:],
        "webp-canvas": b"RIFF" + struct.pack("<I", len(extended)) + extended,
    }


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_decodes_to_the_photograph(name: str) -> None:
    header = inspect(TAKEN[name])
    assert (header.width, header.height) == (48, 40)
    assert header.codec == {"progressive": "jpeg", "lossless": "webp"}.get(name, name)
    pixels = decode(TAKEN[name], header)
    assert pixels.shape == (40, 48, 3)
    assert pixels.dtype == np.uint8
    error = np.abs(pixels.astype(int) - small())
    assert error.mean() < (1e-9 if name in ("png", "lossless") else 12)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "empty"),
        (b"hello, this is no image", "not_an_image"),
        (b'{"frame": "/9j/4AAQ"}', "not_an_image"),
        (b"\xff", "not_an_image"),
        (b"\xff\xd8\xff", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"RIFF\x00\x00\x00\x00WEBP", "truncated"),
        (pillow(Image.fromarray(small()), "GIF"), "unsupported_format"),
        (pillow(Image.fromarray(small()), "BMP"), "unsupported_format"),
        (pillow(Image.fromarray(small()), "TIFF"), "unsupported_format"),
        (b"MM\x00*\x00\x00\x00\x08" + bytes(50), "unsupported_format"),
        (b"%PDF-1.7 ...", "unsupported_format"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(50), "unsupported_format"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(50), "unsupported_format"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(50), "unsupported_format"),
        (JPEG[:-2], "truncated"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[: len(PNG) // 2], "truncated"),
        (PNG[:-1], "truncated"),
        (WEBP[: len(WEBP) // 2], "truncated"),
        (encoded("png", small(7, 40)), "too_small"),
        (encoded("jpg", small(48, 4)), "too_small"),
        (pillow(Image.fromarray(small()), "PNG", save_all=True, append_images=[Image.fromarray(small()[::-1])]), "animated"),
        (pillow(Image.fromarray(small()), "WEBP", save_all=True, append_images=[Image.fromarray(small()[::-1])]), "animated"),
        (b"\x89PNG\r\n\x1a\n" + PNG[33:], "not_decodable"),
        (png(64, 64), "not_decodable"),
        (b"RIFF" + WEBP[4:12] + b"JUNK" + WEBP[16:], "not_decodable"),
        (JPEG[:2] + b"junk" + JPEG[2:], "not_an_image"),
        (JPEG[:20] + b"junk" + JPEG[20:], "not_decodable"),
    ],
)  # fmt: skip
def test_hostile_table(content: bytes, wanted: str) -> None:
    assert reason(content) == wanted


@pytest.mark.parametrize("name", claiming(30_000, 30_000))
def test_a_lying_header_is_refused_before_memory_is_spent(name: str) -> None:
    width, height = (16_000, 16_000) if name == "webp" else (30_000, 30_000)  # VP8 has 14 bits a side
    content = claiming(width, height)[name]
    tracemalloc.start()
    try:
        with pytest.raises(FrameError, match=rf"claims {width} x {height} pixels, at most 25000000") as caught:
            inspect(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "too_many_pixels"
    assert peak < 200_000


@pytest.mark.parametrize("name", claiming(64, 64))
def test_a_header_that_lies_within_the_limits_is_refused_by_the_decoder(name: str) -> None:
    assert reason(claiming(2000, 2000)[name]) in ("truncated", "not_decodable")


def test_a_jpeg_that_is_too_short_for_its_size_is_refused_before_decoding() -> None:
    with pytest.raises(FrameError, match=r"claims 2000 x 2000 pixels, for which \d+ bytes are too few") as caught:
        inspect(claiming(2000, 2000)["jpeg"])
    assert caught.value.reason == "truncated"
    flat = cv2.imencode(".jpg", np.zeros((4000, 4000), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 1, cv2.IMWRITE_JPEG_OPTIMIZE, 1])[
        1
    ].tobytes()
    assert inspect(flat) == Header("jpeg", 4000, 4000)  # nothing is shorter than a black frame
    assert len(flat) < 4 * 4000 * 4000 / 512


def test_the_pixel_limits_hold_for_both_sides_and_the_area() -> None:
    assert inspect(png(8192, 3000)) == Header("png", 8192, 3000)
    for width, height in ((8193, 8), (8, 8193), (5001, 5000)):
        with pytest.raises(FrameError) as caught:
            inspect(png(width, height))
        assert caught.value.reason == "too_many_pixels"


def test_a_frame_may_have_so_many_bytes_and_no_more() -> None:
    inspect(JPEG, max_bytes=len(JPEG))
    with pytest.raises(FrameError, match=f"has {len(JPEG)} bytes, at most {len(JPEG) - 1}") as caught:
        inspect(JPEG, max_bytes=len(JPEG) - 1)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("marker", [b"\xff\xd0", b"\xff\x01"], ids=["restart", "temporary"])
def test_no_marker_hides_a_bomb_behind_a_small_header(marker: bytes) -> None:
    """These markers have no length. A reader that skips one as if it had jumps over the real header to a small one of the sender's."""
    bomb = claiming(30_000, 30_000)["jpeg"]
    jumped = int.from_bytes(bomb[2:4], "big")
    fake = JPEG[JPEG.index(b"\xff\xc0") : JPEG.index(b"\xff\xc0") + 19]
    hidden = bomb[:2] + marker + bomb[2:]
    hidden = hidden[: 4 + jumped].ljust(4 + jumped, b"\x00") + fake + hidden[4 + jumped :]
    with pytest.raises(FrameError) as caught:
        inspect(hidden)
    assert caught.value.reason == "too_many_pixels"


def test_a_jpeg_of_endless_scans_is_refused_before_decoding() -> None:
    scan = PROGRESSIVE.index(b"\xff\xda")
    many = PROGRESSIVE[:scan] + PROGRESSIVE[scan : scan + 14] * 200 + PROGRESSIVE[scan:]
    with pytest.raises(FrameError, match=r"has 2\d\d scans, at most 100") as caught:
        decode(many)
    assert caught.value.reason == "not_decodable"


def test_a_large_jpeg_has_fewer_scans() -> None:
    at, scan = PROGRESSIVE.index(b"\xff\xc2") + 5, PROGRESSIVE.index(b"\xff\xda")
    large = PROGRESSIVE[:at] + struct.pack(">HH", 5000, 5000) + PROGRESSIVE[at + 4 :] + bytes(50_000)
    many = large[:scan] + PROGRESSIVE[scan : scan + 14] * 8 + large[scan:]
    with pytest.raises(FrameError, match="has 18 scans, at most 16 are decoded at its size"):
        decode(many)


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("comment", [b"", b"x" * 999, b"PK\5\6" + bytes(30), b"\xff\xd9"])
def test_an_image_that_is_an_archive_too_is_refused(name: str, comment: bytes) -> None:
    stream = io.BytesIO(TAKEN[name])
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("run.js", "alert(1)")
        archive.comment = comment
    assert zipfile.is_zipfile(io.BytesIO(stream.getvalue()))
    for tail in (b"", b"junk"):
        assert reason(stream.getvalue() + tail) == "not_decodable"


def test_an_image_that_is_a_document_too_is_refused() -> None:
    comment = b"\xff\xfe\x00\x20%PDF-1.7 and so on" + bytes(12)
    assert reason(JPEG[:2] + comment + JPEG[2:]) == "not_decodable"
    assert np.array_equal(decode(JPEG + b"%PDF-1.7 PK\5\6" + bytes(50)), decode(JPEG))  # only words: no reader would take it


def test_a_png_of_endless_chunks_is_refused() -> None:
    many = PNG[:33] + chunk(b"teSt") * 10_001 + PNG[33:]
    with pytest.raises(FrameError, match="more than 10000 chunks"):
        decode(many)


@pytest.mark.parametrize(
    "filler", [b"\xff" * (8 << 20), b"\xff\xe0\x00\x02" * (2 << 20), bytes(8 << 20)], ids=["fill", "segments", "zeros"]
)
@pytest.mark.parametrize("start", [JPEG[:4], PNG[:33], b"RIFF\xff\xff\x7f\x00" + WEBP[8:20]], ids=["jpeg", "png", "webp"])
def test_eight_megabytes_of_nothing_are_refused_without_a_copy(start: bytes, filler: bytes) -> None:
    content = (start + filler)[: 8 << 20]
    tracemalloc.start()
    try:
        assert reason(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("name", TAKEN)
def test_every_truncation_decodes_whole_or_is_refused(name: str) -> None:
    whole = decode(TAKEN[name])
    for end in range(len(TAKEN[name])):
        try:
            pixels = decode(TAKEN[name][:end])
        except FrameError:
            continue
        assert np.array_equal(pixels, whole), end


@pytest.mark.parametrize("name", ["jpeg", "progressive"])
def test_a_truncated_jpeg_is_called_truncated(name: str) -> None:
    reasons = [reason(TAKEN[name][:end]) for end in range(3, len(TAKEN[name]) - 1, 7)]
    assert set(reasons) == {"truncated"}


@given(name=st.sampled_from(sorted(TAKEN)), data=st.data())
def test_a_damaged_frame_is_pixels_or_a_frame_error(name: str, data: st.DataObject) -> None:
    content = bytearray(TAKEN[name])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        header = inspect(bytes(content))
        pixels = decode(bytes(content), header)
    except FrameError:
        return
    assert pixels.shape == (header.height, header.width, 3)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", PNG[:8], PNG[:33], b"RIFF", WEBP[:16], b"GIF8", b"II*\x00"]))
def test_any_bytes_are_pixels_or_a_frame_error(tail: bytes, start: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert decode(start + tail).ndim == 3


def test_one_flipped_bit_in_a_png_is_noticed_and_nothing_is_written_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    for at in range(60, len(PNG) - 12, 53):
        assert reason(PNG[:at] + bytes([PNG[at] ^ 1]) + PNG[at + 1 :]) in ("not_decodable", "truncated")
    assert capfd.readouterr().err == ""


def test_garbage_in_the_middle_of_a_jpeg_is_refused() -> None:
    middle = len(JPEG) // 2
    assert reason(JPEG[:middle] + b"\x13\xff\x77\x00\xff\x02" + JPEG[middle + 6 :]) == "not_decodable"


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("tail", [b"\x00", b"\r\n", b"camera serial 123" * 100, b"\xff\xd9"])
def test_bytes_after_the_end_do_no_harm(name: str, tail: bytes) -> None:
    assert np.array_equal(decode(TAKEN[name] + tail), decode(TAKEN[name]))


def test_the_second_picture_of_a_file_is_ignored() -> None:
    other = encoded("jpg", small()[::-1].copy())
    assert np.array_equal(decode(JPEG + other), decode(JPEG))


def test_a_16_bit_png_loses_its_lower_bits() -> None:
    deep = cv2.imencode(".png", cv2.cvtColor(small(), cv2.COLOR_RGB2BGR).astype(np.uint16) * 257)[1].tobytes()
    assert np.array_equal(decode(deep), small())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_grey_frame_has_three_equal_channels(kind: str) -> None:
    pixels = decode(pillow(Image.fromarray(small()).convert("L"), kind))
    assert pixels.shape == (40, 48, 3)
    assert np.ptp(pixels, axis=2).max() <= (0 if kind != "WEBP" else 4)  # WebP has no grey: it goes through YCbCr


def test_transparency_is_dropped() -> None:
    see_through = Image.fromarray(np.dstack([small(), np.full((40, 48), 7, np.uint8)]))
    assert np.array_equal(decode(pillow(see_through, "PNG")), small())


def test_a_cmyk_jpeg_is_converted() -> None:
    grey = Image.fromarray(np.full((40, 48, 3), 128, np.uint8))
    pixels = decode(pillow(grey.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(pixels.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_exif_orientation_is_ignored(kind: str, orientation: int) -> None:
    """As the sensor wrote them: training ignores it, so live traffic must too."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = pillow(Image.fromarray(small()), kind, exif=exif, lossless=True)
    plain = pillow(Image.fromarray(small()), kind, lossless=True)
    assert np.array_equal(decode(turned), decode(plain))


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "440", "411"])
def test_every_chroma_subsampling_of_cameras(subsampling: str) -> None:
    content = simplejpeg.encode_jpeg(small(64, 64), quality=95, colorsubsampling=subsampling)
    assert np.abs(decode(content).astype(int) - small(64, 64)).mean() < 8


@given(st.integers(8, 90), st.integers(8, 90), st.sampled_from(["stretch", "letterbox"]), st.integers(1, 64), st.integers(1, 64))
def test_prepared_frames_have_the_models_shape(width: int, height: int, fit: str, to_width: int, to_height: int) -> None:
    prepared = prepare(small(width, height), InputSpec("x", to_height, to_width, fit))  # type: ignore[arg-type]
    assert prepared.shape == (to_height, to_width, 3)
    assert prepared.dtype == np.uint8


def test_a_frame_of_the_models_size_is_untouched() -> None:
    for fit in ("stretch", "letterbox"):
        assert np.array_equal(prepare(small(), InputSpec("x", 40, 48, fit)), small())  # type: ignore[arg-type]


def test_a_letterbox_keeps_the_proportions_on_grey() -> None:
    prepared = prepare(np.full((20, 40, 3), 200, np.uint8), InputSpec("x", 64, 64, "letterbox"))
    assert (prepared[16:48] == 200).all()
    assert (prepared[:16] == 114).all()
    assert (prepared[48:] == 114).all()


def test_a_stretched_frame_fills_the_input() -> None:
    assert (prepare(np.full((20, 40, 3), 200, np.uint8), InputSpec("x", 64, 64)) == 200).all()
    halves = np.repeat(np.array([[0], [255]], np.uint8), 8, axis=0)[..., None] * np.ones((1, 32, 3), np.uint8)
    assert np.array_equal(prepare(halves, InputSpec("x", 8, 8))[:, 0, 0], [0] * 4 + [255] * 4)


def test_shrinking_averages() -> None:
    """Area interpolation: a mean over the cell, so that fine texture does not alias."""
    checkers = np.repeat((np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    assert np.abs(prepare(checkers, InputSpec("x", 8, 8)).astype(int) - 127).max() <= 1


def reduced(width: int, height: int, fit: str = "stretch") -> InputSpec:
    return InputSpec("x", height, width, fit, "reduced")  # type: ignore[arg-type]


@given(st.integers(8, 300), st.integers(8, 200), st.sampled_from([1, 2, 4, 8]))
def test_a_jpeg_is_reduced_by_exactly_as_much_as_asked(width: int, height: int, by: int) -> None:
    assert decode(encoded("jpg", small(width, height)), None, by).shape == (-(-height // by), -(-width // by), 3)


@given(
    st.integers(8, 8192), st.integers(8, 8192), st.sampled_from(["stretch", "letterbox"]), st.integers(1, 700), st.integers(1, 700)
)
def test_a_reduction_leaves_no_side_smaller_than_needed(width: int, height: int, fit: str, to_width: int, to_height: int) -> None:
    spec, header = reduced(to_width, to_height, fit), Header("jpeg", width, height)
    by = reduction(header, spec)
    scale = min(to_width / width, to_height / height)
    needed = (to_width, to_height) if fit == "stretch" else (max(1, round(width * scale)), max(1, round(height * scale)))
    assert by == 1 or (width // by >= needed[0] and height // by >= needed[1])
    assert by == 8 or width < 2 * by * needed[0] or height < 2 * by * needed[1], "it could be reduced more"
    assert reduction(header, InputSpec("x", to_height, to_width, fit)) == 1  # type: ignore[arg-type]
    assert reduction(Header("png", width, height), spec) == 1


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("size", [(24, 20), (11, 13), (6, 5), (48, 40), (60, 70), (10, 40)])
def test_every_codec_is_seen_alike_reduced_and_in_full(name: str, size: tuple[int, int], fit: str) -> None:
    pixels, spec = small(96, 80), reduced(*size, fit)
    options = {"progressive": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "lossless": (cv2.IMWRITE_WEBP_QUALITY, 101)}.get(name, ())
    content = encoded({"jpeg": "jpg", "progressive": "jpg", "lossless": "webp"}.get(name, name), pixels, *options)
    got, full = see(content, spec), see(content, InputSpec("x", size[1], size[0], fit))  # type: ignore[arg-type]
    assert got.shape == (size[1], size[0], 3)
    assert np.abs(got.astype(int) - full).mean() < 6
    assert np.abs(got.mean(axis=(0, 1)) - full.mean(axis=(0, 1))).max() < 3


def test_what_is_seen_in_full_is_what_versions_of_before_saw() -> None:
    """A version without the choice in its manifest was trained on these pixels."""
    for content in TAKEN.values():
        area = cv2.resize(decode(content), (24, 16), interpolation=cv2.INTER_AREA)
        assert np.array_equal(see(content, InputSpec("x", 16, 24)), area)


def test_halving_averages_so_that_fine_texture_does_not_alias() -> None:
    stripes = np.repeat((np.indices((64, 64))[1] % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    for spec in (reduced(8, 8), reduced(7, 7), reduced(9, 60)):
        assert np.abs(prepare(stripes, spec).astype(int) - 127).max() <= 20, spec


def test_a_damaged_jpeg_is_refused_at_every_reduction() -> None:
    photograph = encoded("jpg", PHOTOGRAPH)
    for by in (2, 4, 8):
        for damaged in (photograph[: len(photograph) // 2], photograph[:-2]):
            with pytest.raises(FrameError) as caught:
                decode(damaged, inspect(photograph), by)
            assert caught.value.reason == "truncated"


def test_the_defaults_are_what_the_documentation_says() -> None:
    assert (frames.MAX_BYTES, frames.MAX_PIXELS, frames.MAX_SIDE, frames.MIN_SIDE) == (8 * 1024 * 1024, 25_000_000, 8192, 8)
