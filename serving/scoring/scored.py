"""What is said of a scored frame: the event for the log, the answer for the camera, the card for the frame store. Pure."""

import msgspec

from contracts.events import FrameScored, Sample
from contracts.frame_store import StoredFrame, frame_path
from contracts.ids import derived_id
from contracts.predictions import Scored
from serving.models.served import Scores
from serving.queueing.frame import Answer
from serving.scoring.seen import Seen, View


def event_of(model: str, seen: Seen, scores: Scores, sample: Sample | None, now: float) -> FrameScored:
    """The event of an answered frame; `now` is Unix seconds."""
    frame, version = seen.frame, seen.view.served.version
    return FrameScored(
        event_id=derived_id(frame.frame_id, version, seen.variant),
        occurred_at=now,
        model=model,
        frame_id=frame.frame_id,
        camera=frame.camera_name,
        site=frame.camera.site,
        stream=frame.camera.stream,
        version=version,
        variant=seen.variant,
        captured_at=frame.captured_at,
        received_at=frame.received_at,
        width=frame.header.width,
        height=frame.header.height,
        bytes=len(frame.content),
        codec=frame.header.codec,
        statistics=seen.view.statistics,
        prediction=scores.prediction,
        confidence=round(scores.prediction.confidence, 6),
        entropy=round(scores.prediction.entropy, 6),
        embedding=scores.embedding,
        stored=frame_path(model, frame.frame_id, _stored_as(frame.header.codec)) if sample else None,
        sample=sample,
        audit=frame.camera.audit,
    )


def answer_of(event: FrameScored) -> Answer:
    """What the camera hears."""
    return Answer(
        frame_id=event.frame_id,
        camera=event.camera,
        model=event.model,
        version=event.version,
        variant=event.variant,
        prediction=event.prediction,
        confidence=event.confidence,
        entropy=event.entropy,
        sample=event.sample,
        captured_at=event.captured_at,
        received_at=event.received_at,
    )


def card_of(event: FrameScored) -> StoredFrame | None:
    """The frame's card in the frame store; None when it was not sampled."""
    if event.sample is None or event.stored is None:
        return None
    return StoredFrame(
        frame_id=event.frame_id,
        model=event.model,
        camera=event.camera,
        site=event.site,
        captured_at=event.captured_at,
        codec=_stored_as(event.codec),
        sample=event.sample,
        predictions=(Scored(event.version, event.variant, event.prediction),),
        path=event.stored,
    )


def shadow_event(answered: FrameScored, view: View, scores: Scores, now: float) -> FrameScored:
    """The event of the shadow version's opinion on an answered frame."""
    return msgspec.structs.replace(
        answered,
        event_id=derived_id(answered.frame_id, view.served.version, "shadow"),
        occurred_at=now,
        version=view.served.version,
        variant="shadow",
        statistics=view.statistics,
        prediction=scores.prediction,
        confidence=round(scores.prediction.confidence, 6),
        entropy=round(scores.prediction.entropy, 6),
        embedding=scores.embedding,
    )


def with_shadow(card: StoredFrame, event: FrameScored) -> StoredFrame:
    """A card with the shadow version's prediction beside the answer."""
    return msgspec.structs.replace(card, predictions=(*card.predictions, Scored(event.version, event.variant, event.prediction)))


def _stored_as(codec: str) -> str:
    return "png" if codec == "rgb" else codec
