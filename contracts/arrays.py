"""Reads the arrays of an .npz that comes from outside: no pickle, and no more memory than allowed, however small the file is packed."""

import io
import zipfile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_BYTES: Final = 1 << 30
"""Of all arrays unpacked: a baseline of 100,000 frames takes 30 MB, golden frames one."""


def arrays(content: bytes, max_bytes: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """The arrays by name. Raises ValueError above `max_bytes`, and for damage whatever zipfile, zlib and numpy's header parser raise: some ten kinds."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > max_bytes:
        raise ValueError(f"{len(content)} bytes that unpack to {unpacked}, at most {max_bytes} are allowed")
    with np.load(io.BytesIO(content), allow_pickle=False) as data:
        return {name: data[name] for name in data.files}
