"""What a version sees of frames: statistics, embeddings and scores through the production path (frames.see, measure, ONNX Runtime).

Training, gates and baselines all start from these arrays, so that none of them can see a frame differently from serving. Work is done in chunks that
are kept on disk under a key of everything that decides them: a killed job, or the next one, computes none twice.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.files import Folder, sha256
from contracts.frames import Pixels, measure, see
from contracts.manifest import InputSpec
from contracts.statistics import NUMERIC, vector

CHUNK: Final = 16
"""Frames a run: the largest batch that serving forms by default."""
_REVISION: Final = "1"
"""Part of every key: raise it when this module computes something else from the same frames."""
Floats = NDArray[np.float32]
Report = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Views:
    """N frames as a version sees them: statistics [N, len(NUMERIC)], perceptual hashes [N], embedding [N, D], scores [N, K] (K = 0: no head yet)."""

    statistics: Floats
    phash: NDArray[np.uint64]
    embedding: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.phash)

    def rows(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> "Views":
        """The views of some of the frames."""
        return Views(self.statistics[index], self.phash[index], self.embedding[index], self.scores[index])


class Session:
    """A version's graph in ONNX Runtime, one thread a call and no spinning; several threads may call."""

    def __init__(self, model: bytes, spec: InputSpec, embedding: str, scores: str | None) -> None:
        self._session = opened(model)
        self.spec = spec
        self.key = sha256(f"{_REVISION} {sha256(model)} {spec} {embedding} {scores}".encode())
        self._outputs = [embedding, scores] if scores else [embedding]

    def run(self, frames: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """Embeddings [n, D] and scores [n, K] of prepared frames."""
        found = self._session.run(self._outputs, {self.spec.name: np.stack(frames)})
        return found[0], found[1] if len(found) > 1 else np.zeros((len(frames), 0), dtype=np.float32)

    def see(self, contents: Sequence[bytes]) -> Views:
        """The views of encoded frames. Raises FrameError for one that cannot be decoded."""
        frames = [see(content, self.spec) for content in contents]
        measured = [measure(frame)[0] for frame in frames]
        embedding, scores = self.run(frames)
        statistics = np.array([vector(one) for one in measured], dtype=np.float32).reshape(len(frames), len(NUMERIC))
        return Views(statistics, np.array([int(one.phash, 16) for one in measured], dtype=np.uint64), embedding, scores)


def opened(model: bytes) -> onnxruntime.InferenceSession:
    """A graph in ONNX Runtime as we run it. Raises VersionError when it cannot be loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a dozen kinds of its own without a common base
        raise VersionError(f"ONNX Runtime cannot load the graph: {str(error).strip().splitlines()[0]}") from error


def views(
    session: Session, contents: Sequence[bytes], cache: Folder | None = None, threads: int = 1, report: Report = lambda _: None
) -> Views:
    """The views of N >= 1 encoded frames, in chunks over `threads`; chunks found in `cache` are read. `report` gets the share done."""
    starts = range(0, len(contents), CHUNK)

    def one(start: int) -> Views:
        chunk = contents[start : start + CHUNK]  # read here, so that only the frames being looked at are in memory
        name = f"{_key(session, chunk)}.npz"
        found = _read(cache, name) if cache else None
        if found is None:
            found = session.see(chunk)
            if cache:
                cache.write(name, pack(found), durable=False)
        return found

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return concatenate(list(_told(pool.map(one, starts), len(starts), report)))


def concatenate(parts: Sequence[Views]) -> Views:
    """Views one after the other."""
    return Views(*(np.concatenate([getattr(part, name) for part in parts]) for name in Views.__slots__))


def pack(seen: Views) -> bytes:
    """The bytes of an .npz with the views; no pickle inside."""
    stream = io.BytesIO()
    np.savez(stream, statistics=seen.statistics, phash=seen.phash, embedding=seen.embedding, scores=seen.scores)
    return stream.getvalue()


def unpack(content: bytes) -> Views | None:
    """The views in an .npz; None when it is damaged, which costs only the time to compute them again."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as data:
            return Views(*(data[name] for name in Views.__slots__))
    except Exception:  # zipfile, zlib and numpy's header parser raise some ten kinds between them
        return None


def _key(session: Session, chunk: Sequence[bytes]) -> str:
    found = hashlib.sha256(session.key.encode())
    for content in chunk:
        found.update(hashlib.sha256(content).digest())
    return found.hexdigest()


def _read(cache: Folder, name: str) -> Views | None:
    try:
        return unpack(cache.read(name))
    except FileNotFoundError:
        return None


def _told(parts: Iterator[Views], count: int, report: Report) -> Iterator[Views]:
    for number, part in enumerate(parts, start=1):
        report(number / count)
        yield part
