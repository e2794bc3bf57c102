"""From bytes to what a model sees and to the image statistics: one path for training, baselines and live traffic.

`inspect` reads the header only and refuses what must not be decoded; `decode` gives RGB pixels; `prepare` fits them to a model's input;
`measure` computes the statistics. Every refusal is a FrameError whose reason is the sender's fault.
"""

import struct
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from contracts.errors import FrameError
from contracts.manifest import InputSpec
from contracts.statistics import ImageStatistics

Pixels = NDArray[np.uint8]
"""[height, width, 3], RGB."""
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
MAX_SIDE: Final = 8192
MIN_SIDE: Final = 8

cv2.setNumThreads(1)  # a pool per process spins on shared cores; the services parallelise over frames instead


@dataclass(frozen=True, slots=True)
class Header:
    """What an encoded frame claims about itself."""

    codec: str
    """`jpeg`, `png` or `webp`."""
    width: int
    height: int


def inspect(content: bytes, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Header:
    """The header, within the limits, in microseconds and without decoding. Raises FrameError."""
    if not content:
        raise FrameError("empty", "the body is empty: send one encoded image (JPEG, PNG or WebP) as the raw body")
    if len(content) > max_bytes:
        raise FrameError("too_large", f"the frame has {len(content)} bytes, at most {max_bytes} are taken")
    header = _header(content)
    if max(header.width, header.height) > MAX_SIDE or header.width * header.height > max_pixels:
        raise FrameError(
            "too_many_pixels",
            f"the frame claims {header.width} x {header.height} pixels, at most {max_pixels} in all and {MAX_SIDE} a side are taken",
        )
    if min(header.width, header.height) < MIN_SIDE:
        raise FrameError(
            "too_small", f"the frame is {header.width} x {header.height} pixels, at least {MIN_SIDE} a side are needed"
        )
    return header


def decode(content: bytes, header: Header | None = None) -> Pixels:
    """RGB pixels of an encoded frame. Damaged and truncated frames are refused, never completed with grey. Raises FrameError."""
    header = header or inspect(content)
    if header.codec == "jpeg":
        return _decode_jpeg(content)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None or image.shape[:2] != (header.height, header.width):
        raise FrameError("not_decodable", f"the {header.codec} frame is damaged: it cannot be decoded")
    return np.asarray(image, dtype=np.uint8)


def prepare(image: Pixels, spec: InputSpec) -> Pixels:
    """`image` as the model takes it, uint8 [spec.height, spec.width, 3]; area interpolation when shrinking, linear when growing."""
    height, width = image.shape[:2]
    if spec.fit == "stretch":
        return _resize(image, spec.width, spec.height)
    scale = min(spec.width / width, spec.height / height)
    inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = np.full((spec.height, spec.width, 3), 114, np.uint8)  # the grey that YOLO-family models are trained with
    top, left = (spec.height - inner_height) // 2, (spec.width - inner_width) // 2
    canvas[top : top + inner_height, left : left + inner_width] = _resize(image, inner_width, inner_height)
    return canvas


def thumbnail(image: Pixels) -> NDArray[np.float32]:
    """Luma at 32 x 32: what a frame is hashed by and compared with its camera's next one by."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def measure(image: Pixels, previous: NDArray[np.float32] | None = None) -> tuple[ImageStatistics, NDArray[np.float32]]:
    """The statistics of a prepared frame, and its thumbnail for the next call's `previous` (the camera's frame before, or None)."""
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    histogram = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64) / luma.size
    levels = np.arange(256)
    mean = float(histogram @ levels)
    occupied = histogram[histogram > 0]
    red, _, blue = (float(value) for value in image.reshape(-1, 3).mean(axis=0))
    grey = float(image.mean())
    small = thumbnail(image)
    statistics = ImageStatistics(
        luma_mean=mean,
        contrast=float(np.sqrt(max(0.0, float(histogram @ (levels - mean) ** 2)))),
        sharpness=float(cv2.Laplacian(luma, cv2.CV_32F).var()),
        noise=_noise(luma),
        luma_entropy=float(-(occupied @ np.log2(occupied))) + 0.0,
        saturation=_saturation(image),
        red_ratio=red / grey if grey else 0.0,
        blue_ratio=blue / grey if grey else 0.0,
        clipped_dark=float(histogram[:3].sum()),
        clipped_bright=float(histogram[253:].sum()),
        frame_difference=None if previous is None else float(np.abs(small - previous).mean()),
        phash=_phash(small),
    )
    return statistics, small


def _resize(image: Pixels, width: int, height: int) -> Pixels:
    if image.shape[:2] == (height, width):
        return image
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


_NOISE_MASK: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def _noise(luma: NDArray[np.uint8]) -> float:
    """Immerkaer, Fast Noise Variance Estimation, CVIU 1996, eq. 4."""
    response = cv2.filter2D(luma, cv2.CV_32F, _NOISE_MASK)[1:-1, 1:-1]
    return float(np.abs(response).mean() * np.sqrt(np.pi / 2) / 6)


def _saturation(image: Pixels) -> float:
    return float(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1].mean()) / 255


def _phash(small: NDArray[np.float32]) -> str:
    """Zauner, Implementation and benchmarking of perceptual image hash functions, 2010: the DCT hash."""
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return f"{int.from_bytes(np.packbits(bits).tobytes()):016x}"


def _decode_jpeg(content: bytes) -> Pixels:
    if content.rstrip(b"\x00")[-2:] != b"\xff\xd9" and b"\xff\xd9" not in content[-64:]:
        raise FrameError("truncated", "the JPEG frame is truncated: its end marker is missing; send the whole file")
    try:
        return np.asarray(simplejpeg.decode_jpeg(content, colorspace="RGB", fastdct=False, fastupsample=False), dtype=np.uint8)
    except ValueError as error:
        raise FrameError("not_decodable", f"the JPEG frame is damaged: {error}") from None


def _header(content: bytes) -> Header:
    try:
        if content[:3] == b"\xff\xd8\xff":
            return _jpeg_header(content)
        if content[:8] == b"\x89PNG\r\n\x1a\n":
            return _png_header(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _webp_header(content)
    except (struct.error, IndexError):
        raise FrameError("truncated", f"the frame ends inside its header ({len(content)} bytes): send the whole file") from None
    kind = {b"GIF8": "a GIF", b"%PDF": "a PDF", b"II*\x00": "a TIFF", b"MM\x00*": "a TIFF"}.get(
        content[:4], "a BMP" if content[:2] == b"BM" else ""
    )
    if kind:
        raise FrameError("unsupported_format", f"the frame is {kind}; send JPEG, PNG or WebP")
    raise FrameError("not_an_image", f"the body is not an image (it begins with {content[:8].hex(' ')}); send JPEG, PNG or WebP")


def _jpeg_header(content: bytes) -> Header:
    """Walk the markers to the start-of-frame segment (ITU T.81, B.2.2)."""
    at = 2
    while True:
        while content[at] == 0xFF and content[at + 1] == 0xFF:
            at += 1
        if content[at] != 0xFF:
            raise FrameError("not_decodable", f"the JPEG frame is damaged: no marker at byte {at}")
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return Header("jpeg", width, height)
        if marker in (0xD9, 0xDA):
            raise FrameError("not_decodable", "the JPEG frame has no frame header before its data")
        at += 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]


def _png_header(content: bytes) -> Header:
    width, height = struct.unpack(">II", content[16:24])
    if b"acTL" in content[33:1024]:
        raise FrameError("animated", "the PNG frame is an animation; send one still frame")
    if b"IEND" not in content[-16:]:
        raise FrameError("truncated", "the PNG frame is truncated: its end chunk is missing; send the whole file")
    return Header("png", width, height)


def _webp_header(content: bytes) -> Header:
    if len(content) < struct.unpack("<I", content[4:8])[0] + 8:
        raise FrameError("truncated", "the WebP frame is truncated; send the whole file")
    kind = content[12:16]
    if kind == b"VP8X":
        if content[20] & 0x02:
            raise FrameError("animated", "the WebP frame is an animation; send one still frame")
        return Header("webp", 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little"))
    if kind == b"VP8L":
        bits = struct.unpack("<I", content[21:25])[0]
        return Header("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    width, height = struct.unpack("<HH", content[26:30])
    return Header("webp", width & 0x3FFF, height & 0x3FFF)
