"""Frames decoded once, as the version sees them, in a file that is mapped into memory: what every epoch reads instead of JPEGs.

uint8 [N, height, width, 3] without a header. The file's name is the key of everything that decides its bytes, and it gets that name only when it is whole.
"""

import fcntl
import hashlib
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from contracts.errors import StoreError
from contracts.frames import Pixels, see
from contracts.manifest import InputSpec

_CHUNK: Final = 64
"""Frames in memory at a time: 10 MB at 224 x 224."""
_REVISION: Final = "1"
"""Part of every name: raise it when `see` gives other pixels for the same frames."""


def prepared(
    folder: Path,
    digests: Sequence[str],
    content: Callable[[int], bytes],
    spec: InputSpec,
    threads: int = 1,
    report: Callable[[float], None] = lambda _: None,
) -> Pixels:
    """N >= 1 encoded frames as uint8 [N, spec.height, spec.width, 3], mapped read-only from a file in `folder`; made there if it is missing.

    `digests` are the frames' SHA-256, `content` gives the bytes of one, `report` gets the share done. Raises FrameError for a frame that cannot be decoded,
    StoreError when the file cannot be written or read.
    """
    shape = (len(digests), spec.height, spec.width, 3)
    path = folder / f"prepared-{_key(digests, spec)}.u8"
    try:
        if not _whole(path, shape):
            _make(path, content, shape, spec, threads, report)
        return np.memmap(path, np.uint8, "r", shape=shape)
    except OSError as error:
        raise StoreError(f"{path}: prepared frames ({math.prod(shape) / 1e6:.0f} MB) cannot be kept there: {error}") from error


def _make(
    path: Path,
    content: Callable[[int], bytes],
    shape: tuple[int, ...],
    spec: InputSpec,
    threads: int,
    report: Callable[[float], None],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # of the processes that train together one makes it, the others wait here
        if _whole(path, shape):
            return
        file.truncate(0)
        try:
            with ThreadPoolExecutor(max(1, threads)) as pool:
                for start in range(0, shape[0], _CHUNK):
                    numbers = range(start, min(start + _CHUNK, shape[0]))
                    for frame in pool.map(lambda number: see(content(number), spec), numbers):
                        file.write(frame.tobytes())
                    report(numbers.stop / shape[0])
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                file.flush()
            os.ftruncate(file.fileno(), 0)  # not removed: another process may be waiting for it
            raise
        unfinished.replace(path)


def _whole(path: Path, shape: tuple[int, ...]) -> bool:
    return path.exists() and path.stat().st_size == math.prod(shape)


def _key(digests: Sequence[str], spec: InputSpec) -> str:
    found = hashlib.sha256(f"{_REVISION} {spec.height} {spec.width} {spec.fit} {spec.decode}".encode())
    for digest in digests:
        found.update(b"\0" + digest.encode())
    return found.hexdigest()[:32]
