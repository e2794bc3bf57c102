"""From bytes to what a model sees and to the image statistics: one path for training, baselines and live traffic.

`inspect` reads the header only and refuses what must not be decoded; `see` gives the pixels that a model takes: `decode` as small as may be, then
`prepare` fits them to its input; `measure` computes the statistics. Every refusal is a FrameError whose reason is the sender's fault.
"""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts import jpeg, png
from contracts.errors import FrameError
from contracts.frame_header import MAX_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE, Header, check_size, inspect
from contracts.manifest import InputSpec
from contracts.statistics import ImageStatistics

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "MIN_SIDE",
    "Header",
    "Pixels",
    "check_size",
    "decode",
    "encode_png",
    "inspect",
    "measure",
    "prepare",
    "reduction",
    "see",
    "thumbnail",
]
Pixels = NDArray[np.uint8]
"""[height, width, 3], RGB."""

cv2.setNumThreads(1)  # a pool per process spins on shared cores; the services parallelise over frames instead


def see(content: bytes | memoryview, spec: InputSpec, header: Header | None = None) -> Pixels:
    """An encoded frame as a model takes it: uint8 [spec.height, spec.width, 3]. Raises FrameError."""
    header = header or inspect(bytes(content))
    return prepare(decode(content, header, reduction(header, spec)), spec)


def reduction(header: Header, spec: InputSpec) -> int:
    """1, 2, 4 or 8: by how much a JPEG is reduced while it is decoded for a model, which leaves no side smaller than the model needs it."""
    if spec.decode == "full" or header.codec != "jpeg":
        return 1
    width, height = fitted(header.width, header.height, spec)
    return next((by for by in (8, 4, 2) if header.width >= by * width and header.height >= by * height), 1)


def decode(content: bytes | memoryview, header: Header | None = None, reduced_by: int = 1) -> Pixels:
    """RGB pixels of an encoded frame, 8 bits a channel; 16-bit and grey frames are converted, transparency is dropped.

    A JPEG comes at 1/`reduced_by` (1, 2, 4, 8) of its size, sides rounded up: its decoder then transforms fewer of the 64 frequencies of each block,
    which costs less than to decode all pixels and average them. Other codecs come whole. Rows stay as the sensor wrote them: an EXIF orientation is
    ignored for every codec, as training ignores it. Damaged and truncated frames are refused, never completed with grey. Raises FrameError.
    """
    if header is not None and header.codec == "rgb":
        return np.frombuffer(content, np.uint8).reshape(header.height, header.width, 3)
    content = bytes(content)
    header = header or inspect(content)
    if header.codec == "jpeg":
        return jpeg.decode(content, header, reduced_by)
    code = png.plain(content) if header.codec == "png" else content
    try:
        image = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise FrameError("not_decodable", f"the {header.codec} frame is damaged: {error.err}") from None
    if image is None or image.shape[:2] != (header.height, header.width):
        raise FrameError("not_decodable", f"the {header.codec} frame is damaged: it cannot be decoded")
    return np.asarray(image, dtype=np.uint8)


def encode_png(image: Pixels) -> bytes:
    """A frame that came as pixels, as a file that `decode` gives back bit for bit."""
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def prepare(image: Pixels, spec: InputSpec) -> Pixels:
    """`image`, whole or reduced already, as the model takes it: uint8 [spec.height, spec.width, 3].

    A `full` decode is shrunk by area interpolation; a `reduced` one is halved (2 x 2 pixels averaged) as often as can be and the rest, a factor below 2,
    interpolated linearly: a fifth of the cost at 640 x 480 to 224 x 224. What grows is interpolated linearly.
    """
    resize = _resize if spec.decode == "full" else _halve_and_resize
    if spec.fit == "stretch":
        return resize(image, spec.width, spec.height)
    width, height = fitted(image.shape[1], image.shape[0], spec)
    canvas = np.full((spec.height, spec.width, 3), 114, np.uint8)  # the grey that YOLO-family models are trained with
    top, left = (spec.height - height) // 2, (spec.width - width) // 2
    canvas[top : top + height, left : left + width] = resize(image, width, height)
    return canvas


def fitted(width: int, height: int, spec: InputSpec) -> tuple[int, int]:
    """The width and height that a picture of this size has in the model's input."""
    if spec.fit == "stretch":
        return spec.width, spec.height
    scale = min(spec.width / width, spec.height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def thumbnail(image: Pixels) -> NDArray[np.float32]:
    """Luma at 32 x 32: what a frame is hashed by and compared with its camera's next one by."""
    return _shrunk(_luma(image))


def measure(image: Pixels, previous: NDArray[np.float32] | None = None) -> tuple[ImageStatistics, NDArray[np.float32]]:
    """The statistics of a prepared frame, and its thumbnail for the next call's `previous` (the camera's frame before, or None).

    0.15 ms at 224 x 224 on one core: every pass over the pixels is OpenCV's and stays in 8 or 16 bits, numpy sees 256 bins and 32 x 32 pixels.
    """
    luma = _luma(image)
    histogram = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel() / np.float64(luma.size)
    mean, mean_square, clipped_dark, clipped_bright = (histogram @ _OF_LEVELS).tolist()
    occupied = histogram[histogram > 0]
    red, green, blue, _ = cv2.mean(image)
    grey = (red + green + blue) / 3
    laplacian = cv2.Laplacian(luma, cv2.CV_16S)
    laplacian_squares = cv2.norm(laplacian, cv2.NORM_L2SQR) / laplacian.size  # with the mean, a fifth of the cost of cv2.meanStdDev
    small = _shrunk(luma)
    statistics = ImageStatistics(
        luma_mean=mean,
        contrast=math.sqrt(max(0.0, mean_square - mean * mean)),
        sharpness=laplacian_squares - cv2.mean(laplacian)[0] ** 2,
        noise=_noise(luma),
        luma_entropy=float(-(occupied @ np.log2(occupied))) + 0.0,  # + 0.0: a constant frame's -0.0 becomes 0.0
        saturation=_saturation(image),
        red_ratio=red / grey if grey else 0.0,
        blue_ratio=blue / grey if grey else 0.0,
        clipped_dark=clipped_dark,
        clipped_bright=clipped_bright,
        frame_difference=None if previous is None else float(np.abs(small - previous).mean()),
        phash=_phash(small),
    )
    return statistics, small


_LEVELS: Final = np.arange(256, dtype=np.float64)
_OF_LEVELS: Final = np.stack([_LEVELS, _LEVELS**2, _LEVELS < 3, _LEVELS >= 253], axis=1)
"""What is summed over a histogram of luma: mean, mean square, and the shares that are clipped."""


def _luma(image: Pixels) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _shrunk(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)


def _resize(image: Pixels, width: int, height: int) -> Pixels:
    if image.shape[:2] == (height, width):
        return image
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _halve_and_resize(image: Pixels, width: int, height: int) -> Pixels:
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width:
        image = _resize(image, image.shape[1] // 2, image.shape[0] // 2)
    if image.shape[:2] == (height, width) or image.shape[0] >= 2 * height or image.shape[1] >= 2 * width:
        return _resize(image, width, height)  # one side shrinks to less than half: linear interpolation would skip pixels
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


_SECOND_DIFFERENCE: Final = np.array([1, -2, 1], np.float32)


def _noise(luma: NDArray[np.uint8]) -> float:
    """Immerkaer, Fast Noise Variance Estimation, CVIU 1996, eq. 4; his 3 x 3 mask is the outer product of the second difference with itself."""
    response = cv2.sepFilter2D(luma, cv2.CV_16S, _SECOND_DIFFERENCE, _SECOND_DIFFERENCE)[1:-1, 1:-1]
    return float(cv2.norm(response, cv2.NORM_L1) / response.size * np.sqrt(np.pi / 2) / 6)


_ROWS: Final = 4


def _saturation(image: Pixels) -> float:
    """Of every fourth row: a mean over 12,000 pixels instead of 50,000, and the dearest of all passes a quarter."""
    return float(cv2.mean(cv2.cvtColor(image[::_ROWS], cv2.COLOR_RGB2HSV))[1]) / 255


def _phash(small: NDArray[np.float32]) -> str:
    """Zauner, Implementation and benchmarking of perceptual image hash functions, 2010: the DCT hash."""
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.sort(low[1:])[31]  # the median of 63
    return f"{int.from_bytes(np.packbits(bits).tobytes()):016x}"
