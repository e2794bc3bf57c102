"""The labels that the last training process doubted, and what people say of them when they look again: the review list.

A label that a person calls right is asked for no more until it is changed. One that is called wrong is not used until the frame is labelled again. One that
nobody can tell stays in use, and off the list until a later process doubts it again.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from contracts.events import ReviewLabel, WantedFrame
from retrain.request import LabelledFrame, Suspect, in_words
from retrain.state.connection import Connection

Verdict = Literal["right", "wrong", "unsure"]


class Doubts:
    """Tables `doubts` and `reviews`."""

    def __init__(self, sql: Connection) -> None:
        self._sql = sql

    def found(self, suspects: Sequence[Suspect]) -> None:
        """What a training process doubted replaces what was doubted before; labels that were changed since it began are in no doubt."""
        self._sql.execute("DELETE FROM doubts")
        self._sql.execute("DELETE FROM reviews WHERE verdict NOT IN ('right', 'wrong')")
        for one in suspects:
            standing = self._standing(one.frame_id)
            if standing is not None and in_words(standing.truth) == one.label:
                insert = "INSERT INTO doubts VALUES (?, ?, ?, ?) ON CONFLICT (frame_id) DO NOTHING"
                self._sql.execute(insert, (one.frame_id, one.label, one.likely, one.probability))

    def reviewed(self, event: ReviewLabel) -> str:
        """A person's verdict, the newest of a frame holds. Returns why it is not taken, "" when it is.

        A label that is called wrong may come later than that: it is on another topic, and many may wait before it.
        """
        row = self._sql.execute("SELECT labelled_at FROM labels WHERE frame_id = ?", (event.frame_id,)).fetchone()
        if row is None and event.verdict != "wrong":
            return "the frame has no label"
        if row is not None and row[0] > event.occurred_at:
            return "the frame was labelled again since"
        insert = (
            "INSERT INTO reviews VALUES (?, ?, ?) ON CONFLICT (frame_id) DO UPDATE SET verdict = excluded.verdict, at = excluded.at"
            " WHERE excluded.at >= reviews.at"
        )
        self._sql.execute(insert, (event.frame_id, event.verdict, event.occurred_at))
        return ""

    def labelled_again(self, frame_id: str, otherwise: bool, at: float) -> None:
        """Another label ends doubt, and the verdicts before it. The same one, said after it was called wrong, is used again."""
        if otherwise:
            self._sql.execute("DELETE FROM reviews WHERE frame_id = ? AND at < ?", (frame_id, at))
            if self._sql.execute("SELECT 1 FROM doubts WHERE frame_id = ?", (frame_id,)).rows:
                insert = "INSERT INTO reviews VALUES (?, 'corrected', ?) ON CONFLICT (frame_id) DO NOTHING"
                self._sql.execute(insert, (frame_id, at))
        else:
            self._sql.execute("DELETE FROM reviews WHERE frame_id = ? AND verdict = 'wrong' AND at < ?", (frame_id, at))

    def called(self, verdict: Verdict) -> tuple[str, ...]:
        """The frames of whose label a person said so, by their ids."""
        rows = self._sql.execute("SELECT frame_id FROM reviews WHERE verdict = ? ORDER BY frame_id", (verdict,))
        return tuple(frame_id for (frame_id,) in rows)

    def settled(self) -> bool:
        """Whether labels were doubted and people have looked at all of them again, so that a job that they held may be tried once more."""
        query = "SELECT count(*), count(reviews.frame_id) FROM doubts LEFT JOIN reviews ON reviews.frame_id = doubts.frame_id"
        ((doubted, seen),) = self._sql.execute(query)
        return bool(doubted) and doubted == seen

    def listed(self, most: int) -> list[WantedFrame]:
        """The doubted labels at which nobody has looked again, the least probable first."""
        query = (
            "SELECT doubts.frame_id, likely FROM doubts LEFT JOIN reviews ON reviews.frame_id = doubts.frame_id"
            " WHERE reviews.frame_id IS NULL ORDER BY probability, doubts.frame_id LIMIT ?"
        )
        found = []
        for frame_id, likely in self._sql.execute(query, (most,)):
            if (frame := self._standing(frame_id)) is not None:
                found.append(WantedFrame(frame_id, frame.camera, frame.path, "suspect", likely))
        return found

    def _standing(self, frame_id: str) -> LabelledFrame | None:
        row = self._sql.execute("SELECT body FROM labels WHERE frame_id = ?", (frame_id,)).fetchone()
        return msgspec.json.decode(row[0], type=LabelledFrame) if row else None
