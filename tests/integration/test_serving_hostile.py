"""Ten thousand damaged photographs and every bomb at a real process: only 2xx and 4xx, the memory stays, and other cameras are answered."""

import io
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.mutations import mutated
from tests.serving_process import Load, ServingProcess
from tests.small_model import photographs, publish_small_version

(JPEG,), _ = photographs(1)
GROWTH = 50 << 20


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(side: int, megabytes: int) -> bytes:
    """A PNG with so many megabytes of zeros for its picture."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    stream = zlib.compressobj(9)
    rows = b"".join(stream.compress(bytes(1 << 20)) for _ in range(megabytes)) + stream.flush()
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", rows) + _chunk(b"IEND")


def _claiming(side: int) -> bytes:
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", side, side) + JPEG[at + 4 :]


def _archive() -> bytes:
    stream = io.BytesIO(JPEG)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("run.js", "alert(1)")
    return stream.getvalue()


def _bombs() -> dict[str, bytes]:
    return {
        "more pixels than may be, PNG": _png(30_000, 1),
        "more pixels than may be, JPEG": _claiming(30_000),
        "25 million pixels of nothing, PNG": _png(5000, 1),
        "25 million pixels of nothing, JPEG": _claiming(5000),
        "300 megabytes behind the picture": _png(64, 300),
        "an archive too": _archive(),
    }


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path_factory.mktemp("house"))
    publish_small_version(house.repository)
    yield house.start()
    assert house.stop() == 0
    lines = (house.home / "serving.log").read_text().splitlines()
    assert not [line for line in lines if not line.startswith("{") or '"level":"error"' in line]


def _peak_growth(serving: ServingProcess, frames: Iterator[bytes]) -> tuple[int, Counter[int]]:
    """By how many bytes the process's peak rose while it was asked about `frames` on eight connections, and the statuses."""
    for _ in range(50):
        assert serving.frame(JPEG).status == 200
    process = Path(f"/proc/{serving.pid}")
    (process / "clear_refs").write_text("5")
    before = _peak(process)
    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(lambda content: serving.frame(content).status, frames))
    return _peak(process) - before, statuses


def _peak(process: Path) -> int:
    line = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def test_bombs_take_no_memory_and_nobody_elses_time(serving: ServingProcess) -> None:
    bombs = list(_bombs().values())
    with Load(serving, [JPEG], ["line-2"]) as load:
        growth, statuses = _peak_growth(serving, iter(bombs * 8))
    assert statuses == {422: 8 * len(bombs)}
    assert growth < GROWTH
    assert load.answers
    assert (load.refused, load.broken) == ([], [])


def test_large_frames_are_decoded_few_at_a_time(tmp_path: Path) -> None:
    """Four workers that decode a black PNG of 9 million pixels each would take 310 MiB more; they may have 20 million pixels in hand."""
    house = ServingProcess(tmp_path, workers=4)
    publish_small_version(house.repository)
    house.start()
    growth, statuses = _peak_growth(house, iter([cv2.imencode(".png", np.zeros((2990, 2990, 3), np.uint8))[1].tobytes()] * 16))
    assert statuses == {200: 16}
    assert growth < 240 << 20
    assert house.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_damaged_photographs(serving: ServingProcess) -> None:
    growth, statuses = _peak_growth(serving, mutated(10_000, seed=3))
    assert statuses.keys() <= {200, 400, 415, 422}
    assert statuses[200] > 500
    assert growth < GROWTH
