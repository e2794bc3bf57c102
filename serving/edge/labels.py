"""Truths that arrive for sampled frames: joined with what the versions had said, checked, and journalled as FrameLabelled events.

All labels of a request are taken or none, and each problem names every label at fault, so that a caller mends or drops those and posts again. Posting the
same truth twice gives the same event.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import msgspec

from contracts.errors import RecordTooLargeError, StoreError, TruthRefusedError
from contracts.events import FrameLabelled
from contracts.frame_store import StoredFrame
from contracts.labelling import MAX_BOXES, MAX_NAME, labelled, truth_of
from contracts.predictions import Box
from serving.delivery.journal import Journal
from serving.problems import ProblemError
from serving.scoring.keeper import Keeper
from serving.telemetry.instruments import Instruments

MAX_LABELS: Final = 1000
"""In one request."""
SOURCE: Final = "endpoint"


class LabelPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A truth as posted: `label` for a classifier, `boxes` (pixels of the frame as sent; none is a truth too) for a detector."""

    frame_id: Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
    label: str | None = None
    boxes: Annotated[tuple[Box, ...], msgspec.Meta(max_length=MAX_BOXES)] | None = None
    labelled_by: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""


class LabelsTaken(msgspec.Struct, frozen=True):
    """How many labels were journalled, and the ids of their events, in the order of the request."""

    accepted: int
    event_ids: tuple[str, ...]


class Labels:
    """`known_classes` gives the classes of the versions in service; `kept_days` is how long a sampled frame can be labelled; `clock` Unix seconds."""

    def __init__(
        self,
        keeper: Keeper,
        journal: Journal,
        known_classes: Callable[[], tuple[str, ...]],
        kept_days: float,
        instruments: Instruments,
        clock: Callable[[], float],
    ) -> None:
        self._keeper, self._journal, self._known_classes, self._kept_days = keeper, journal, known_classes, kept_days
        self._instruments, self._clock = instruments, clock

    def take(self, body: bytes) -> LabelsTaken:
        """Journal the labels in a request's body. Blocks on the frame store. Raises ProblemError."""
        posts = parse(body)
        known = self._known_classes()
        cards = self._cards(posts)
        events = [self._event(post, card, known) for post, card in zip(posts, cards, strict=True)]
        try:
            taken = self._journal.write(events)
        except RecordTooLargeError as error:
            raise ProblemError("too-large", f"{error}; nothing was taken. A truth of so many boxes cannot be logged") from error
        if not taken:
            detail = "the spool is full because the log is away; nothing was taken. Post the same labels again later"
            raise ProblemError("labels-held-up", detail, retry_after_s=10)
        self._instruments.labels.inc(len(events))
        return LabelsTaken(len(events), tuple(event.event_id for event in events))

    def _cards(self, posts: Sequence[LabelPost]) -> list[StoredFrame]:
        try:
            cards = [self._keeper.card(post.frame_id) for post in posts]
        except (StoreError, OSError) as error:
            raise ProblemError("store-failed", f"{error}; post the same labels again later", retry_after_s=5) from error
        missing = [post.frame_id for post, card in zip(posts, cards, strict=True) if card is None]
        if missing:
            raise ProblemError(
                "unknown-frame",
                f"frame {missing[0][:64]!r} is not in the frame store. Only sampled frames can be labelled (those whose answer had a `sample`), "
                f"for {self._kept_days:g} days; nothing of this request was taken",
                frame_ids=missing,
            )
        return [card for card in cards if card is not None]

    def _event(self, post: LabelPost, card: StoredFrame, known: tuple[str, ...]) -> FrameLabelled:
        try:
            truth = truth_of(card, post.label, post.boxes, known)
        except TruthRefusedError as error:
            more: dict[str, Any] = {"known": list(known)} if error.kind == "unknown-class" else {}
            raise ProblemError(error.kind, str(error), frame_id=post.frame_id, **more) from None
        return labelled(card, truth, post.labelled_by, SOURCE, self._clock())


def parse(body: bytes) -> list[LabelPost]:
    """One label or a list of them. Raises ProblemError naming the place and what is expected."""
    try:
        posts = (
            msgspec.json.decode(body, type=list[LabelPost])
            if body.lstrip()[:1] == b"["
            else [msgspec.json.decode(body, type=LabelPost)]
        )
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        detail = f'{error}. Send {{"frame_id": "…", "label": "…", "labelled_by": "…"}} or a list of such objects'
        raise ProblemError("bad-json", detail) from None
    if not 0 < len(posts) <= MAX_LABELS:
        raise ProblemError("bad-json", f"the list has {len(posts)} labels; send 1 to {MAX_LABELS} in a request")
    return posts
