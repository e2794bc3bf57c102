"""The frames that could be labelled: stored, answered, without a truth yet. One row a frame in the service's state, bounded by number, camera and day.

Which of a camera's frames of a day stay is decided by a hash of their ids, which is blind to what was answered: see selection.py.
"""

from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np

from contracts.events import FrameLabelled, FrameScored, Sample
from contracts.predictions import Classification
from retrain.labels.selection import DAY_S, Candidate
from retrain.state.connection import Connection

KEPT: Final = 20_000
"""Frames, the newest: some 8 MB of state."""
KEPT_A_DAY: Final = 500
"""Of one camera, one day and one reason of sampling."""
AXES: Final = 32
"""Of the embedding: the leading axes of the baseline."""


class _Row(msgspec.Struct, frozen=True):
    """What is known of a frame beside the columns that are searched."""

    path: str
    version: str
    entropy: float
    suggested: str
    embedding: bytes
    """float16."""


class Pool:
    """The rows in table `pool`. Every method is idempotent; whoever adds calls `prune` now and then, in the same transaction."""

    def __init__(self, sql: Connection) -> None:
        self._sql = sql

    def add(self, event: FrameScored) -> bool:
        """Keep a frame that was stored and answered; False for any other, and for one that is known."""
        if event.stored is None or event.sample is None or event.audit or event.variant == "shadow":
            return False
        row = _Row(
            path=event.stored,
            version=event.version,
            entropy=event.entropy,
            suggested=event.prediction.label if isinstance(event.prediction, Classification) else "",
            embedding=np.array(event.embedding[:AXES], dtype=np.float16).tobytes(),
        )
        return self._put(event.frame_id, event.camera, event.captured_at, event.sample, msgspec.json.encode(row), "NOTHING")

    def labelled(self, event: FrameLabelled) -> None:
        """A frame has its truth: it is asked for no more, also where it comes only now."""
        self._put(event.frame_id, event.camera, event.captured_at, event.sample or "", b"", "UPDATE SET body = excluded.body")

    def passed(self, frame_id: str) -> bool:
        """A person could not tell what a frame shows: it is asked for no more. False where it is not known, or labelled."""
        row = self._sql.execute(
            "UPDATE pool SET body = ? WHERE frame_id = ? AND body <> ? RETURNING frame_id", (b"", frame_id, b"")
        )
        return row.fetchone() is not None

    def prune(self, kept: int = KEPT, kept_a_day: int = KEPT_A_DAY) -> None:
        """Forget what is beyond the bounds."""
        dealt = "SELECT frame_id, row_number() OVER (PARTITION BY camera, day, sample ORDER BY dealt) AS place FROM pool"
        self._sql.execute(
            f"DELETE FROM pool WHERE frame_id IN (SELECT frame_id FROM ({dealt}) AS ranked WHERE place > ?)", (kept_a_day,)
        )
        newest = "SELECT frame_id FROM pool ORDER BY captured_at DESC, frame_id DESC LIMIT ?"
        self._sql.execute(f"DELETE FROM pool WHERE frame_id NOT IN ({newest})", (kept,))

    def candidates(self, excluded: frozenset[str] = frozenset()) -> list[Candidate]:
        """The frames without a truth, of cameras that are not `excluded` and of times without a fault, in order of capture."""
        query = (
            "SELECT frame_id, camera, captured_at, sample, body FROM pool WHERE length(body) > 0 AND NOT EXISTS (SELECT 1 FROM faults"
            " WHERE faults.camera = pool.camera AND pool.captured_at >= faults.since AND pool.captured_at <= faults.until)"
            " ORDER BY captured_at, frame_id"
        )
        found = self._sql.execute(query)
        return [_candidate(frame, camera, at, sample, body) for frame, camera, at, sample, body in found if camera not in excluded]

    def _put(self, frame_id: str, camera: str, captured_at: float, sample: str, body: bytes, otherwise: str) -> bool:
        dealt = int.from_bytes(blake2b(frame_id.encode(), digest_size=7).digest())
        values = (frame_id, camera, int(captured_at // DAY_S), captured_at, sample, dealt, body)
        insert = f"INSERT INTO pool VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (frame_id) DO {otherwise}"
        return self._sql.execute(insert, values).rowcount > 0


def _candidate(frame_id: str, camera: str, captured_at: float, sample: Sample, body: bytes) -> Candidate:
    row = msgspec.json.decode(body, type=_Row)
    embedding = np.frombuffer(row.embedding, dtype=np.float16)
    return Candidate(frame_id, camera, captured_at, row.path, sample, row.version, row.entropy, row.suggested, embedding)
