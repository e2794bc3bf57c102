"""Every fact that crosses the log: one struct an event, one JSON record each, readable with kcat.

Unknown fields are tolerated on read. Evolution: fields are only added, with defaults; a breaking change is a new type. All times are Unix seconds.
`encode` makes the record with its CloudEvents headers, `decode` reads it back. The JSON Schemas in `docs/events/` are generated from here.
"""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from contracts import finite
from contracts.errors import KeepsightError
from contracts.ids import new_id
from contracts.incidents import Cause, DriftType, Evidence, Incident
from contracts.ports import Outgoing, Record, TopicSpec
from contracts.predictions import Prediction, Scored, Truth, Variant
from contracts.statistics import ImageStatistics

DAY_S: Final = 86_400.0
FRAMES: Final = "keepsight.frames"
LABELS: Final = "keepsight.labels"
INCIDENTS: Final = "keepsight.incidents"
RETRAIN: Final = "keepsight.retrain"
COMMANDS: Final = "keepsight.commands"
SERVING: Final = "keepsight.serving"
DEAD: Final = "keepsight.dead"
TOPICS: Final = (
    TopicSpec(FRAMES, 12, retention_s=7 * DAY_S),
    TopicSpec(LABELS, 12),
    TopicSpec(INCIDENTS, 1, compacted=True),
    TopicSpec(RETRAIN, 1),
    TopicSpec(COMMANDS, 1),
    TopicSpec(SERVING, 1, retention_s=DAY_S, compacted=True),
    TopicSpec(DEAD, 1),
)

Stream = Literal["items", "video"]
Sample = Literal["uniform", "uncertain", "incident"]


class BadEventError(KeepsightError):
    """A record that cannot be parsed: it belongs in the dead letters, with this message."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """What all events share. `event_id` is a UUIDv7: a handler that has seen it does nothing. Trees, never cycles: no work for the collector."""

    event_id: str
    """UUIDv7."""
    occurred_at: float
    """Unix seconds."""
    model: str
    """The model's name in the repository."""
    schema: int = 1
    """The version of the body's layout, raised when fields are added."""


class FrameScored(Event, frozen=True, tag="FrameScored"):
    """A frame was answered (champion, candidate) or scored beside the answer (shadow)."""

    frame_id: str
    """UUIDv7; where the frame lies in the frame store follows from it."""
    camera: str
    site: str
    stream: Stream
    """Whether the camera sees separate objects or a continuous scene."""
    version: str
    """The version that scored it."""
    variant: Variant
    captured_at: float
    """Unix seconds, as the camera said; the time of receipt where it said nothing."""
    received_at: float
    """Unix seconds."""
    width: int
    """Pixels of the frame as sent."""
    height: int
    """Pixels of the frame as sent."""
    bytes: int
    """Size of the frame as sent."""
    codec: str
    """`jpeg`, `png` or `webp`; `rgb` of a frame that came as pixels."""
    statistics: ImageStatistics
    prediction: Prediction
    confidence: float
    """Of the prediction, 0 to 1."""
    entropy: float
    """Of the prediction, in nats."""
    embedding: tuple[float, ...] = ()
    """The embedding on the axes that the version's baseline names (see contracts/baseline.py), float32 rounded to 5 digits."""
    stored: str | None = None
    """Where the frame lies in the frame store, if it was sampled."""
    sample: Sample | None = None
    """Why it was stored: `uniform` is the unbiased share, the others are chosen and never measure quality."""
    audit: bool = False
    """From an audit camera: scored and counted, never judged, stored for training or trained on."""


class FrameLabelled(Event, frozen=True, tag="FrameLabelled"):
    """A truth arrived for a frame, joined by serving with what the versions had said, so that readers need no memory of frames."""

    frame_id: str
    camera: str
    site: str
    captured_at: float
    truth: Truth
    predictions: tuple[Scored, ...]
    """What the versions had said of this frame."""
    labelled_by: str = ""
    """Who says so: a person or a system."""
    stored: str | None = None
    sample: Sample | None = None
    audit: bool = False
    source: str = ""
    """Which way it came: `endpoint`, `console`, or the file that it was imported from (`coco:export.json`)."""


class IncidentOpened(Event, frozen=True, tag="IncidentOpened"):
    """Something is wrong, and this is what is known."""

    incident: Incident


class IncidentUpdated(Event, frozen=True, tag="IncidentUpdated"):
    """More cameras, another severity or cause, or new evidence."""

    incident: Incident
    why: Literal["evidence", "acknowledged", "reminder"] = "evidence"
    """What brought it: new evidence, a person who has seen it, or that it is still open a day after it was last said."""


class IncidentClosed(Event, frozen=True, tag="IncidentClosed"):
    """It is over. `resolution` says how, with the evidence of the recovery."""

    incident: Incident
    resolution: str
    false_alarm: bool = False


class RetrainRequested(Event, frozen=True, tag="RetrainRequested"):
    """The evidence suffices. `request_key` = hash(model, champion digest, drift episode): repeats join one episode."""

    request_key: str
    version: str
    reason: str
    incident_id: str = ""
    since: float = 0.0
    """Unix seconds: frames from then on show the change."""
    cameras: tuple[str, ...] = ()
    """Where the change was seen."""
    excluded_cameras: tuple[str, ...] = ()
    """Cameras with an open fault: none of their frames may be trained on."""
    evidence: tuple[Evidence, ...] = ()
    requested_by: str = "monitor"
    cause: Cause | None = None
    """What the monitor holds responsible."""
    drift_type: DriftType | None = None
    recurs: str = ""
    """The version that was champion when the same was seen before: it may serve better than a new one."""
    harm: float | None = None
    """Frame loss above what is tolerated, 0 to 1: what waiting costs."""


class GateResult(msgspec.Struct, frozen=True):
    """One gate's verdict. `value` and `limit` are in the unit that `detail` names."""

    gate: str
    verdict: Literal["pass", "fail", "inconclusive"]
    value: float
    limit: float
    detail: str


class TrialRow(msgspec.Struct, frozen=True):
    """A technique as it was tried: its score on new and old frames (0 to 1), their harmonic mean, and what it cost."""

    recipe: str
    technique: str
    new: float
    old: float
    harmonic: float
    seconds: float
    device_s: float
    peak_mib: float
    latency_ms: float
    chosen: bool
    why: str


JobState = Literal["queued", "held", "running", "succeeded", "rejected", "failed"]


class JobAdvanced(Event, frozen=True, tag="JobAdvanced"):
    """A training job, or the decision not to start one (`held`, with the reason), moved on."""

    job_id: str
    request_key: str
    state: JobState
    step: str = ""
    """What it does, while `running`."""
    detail: str = ""
    attempt: int = 1
    """From 1; a job whose process died is tried again."""
    version: str = ""
    progress: float = 0.0
    """Of the attempt, 0 to 1, while `running`."""
    hold: str = ""
    """What it waits for, while `held`."""
    trigger: str = ""
    """What asked for it: `monitor`, `operator`, `calendar` or `new_class`."""
    by: str = ""
    """Who asked for it, where a person did."""
    technique: str = ""
    """How the candidate was trained, once that is chosen."""
    metrics: dict[str, float] = {}
    """Figures of the step, such as its loss."""
    page: str = ""
    """Where the verdict's page lies: its path in the model repository, or in the folder of the service's jobs."""
    gates: tuple[GateResult, ...] = ()
    """The verdict, once there is one."""
    trials: tuple[TrialRow, ...] = ()
    """The techniques that were tried for it."""
    ledger: str = ""
    """SHA-256 of the ledger's last row: a ledger that was rewritten since has another row there."""


class ModelPublished(Event, frozen=True, tag="ModelPublished"):
    """A version stands in the repository, no gate has refused it, and its rollout begins."""

    version: str
    parent: str
    """The version that it was trained from; empty for the first."""
    digest: str
    """SHA-256 of the model file."""
    request_key: str = ""
    gates: tuple[GateResult, ...] = ()
    page: str = ""
    """Where the verdict's page lies."""


RolloutState = Literal[
    "awaiting_approval", "shadow", "canary", "champion", "watch", "stable", "rolling_back", "rolled_back", "rejected"
]


class RolloutAdvanced(Event, frozen=True, tag="RolloutAdvanced"):
    """A rollout took a step: forward on evidence, or back with its reason. A late rollback is said again with the servers that it waits for."""

    version: str
    parent: str
    state: RolloutState
    share: float
    """Of the cameras, 0 to 1."""
    reason: str
    digest: str = ""
    """SHA-256 of the version's model file."""
    parent_digest: str = ""
    """SHA-256 of the parent's model file."""
    ledger: str = ""
    """SHA-256 of the ledger's last row: a ledger that was rewritten since has another row there."""


class WantedFrame(msgspec.Struct, frozen=True):
    """A stored frame whose truth would teach or measure most."""

    frame_id: str
    camera: str
    path: str
    """In the frame store."""
    why: Literal["uncertain", "diverse", "drifted", "uniform", "suspect"]
    """`uniform` measures without bias; of a `suspect` the label is doubted."""
    suggested: str = ""
    """What the champion says, or the class that a suspect more likely shows."""


class LabelsWanted(Event, frozen=True, tag="LabelsWanted"):
    """The frames that a person should label next, the most wanted first. It replaces the list before."""

    request_key: str = ""
    """The episode whose job waits for them."""
    frames: Annotated[tuple[WantedFrame, ...], msgspec.Meta(max_length=200)] = ()


class Decided(Event, frozen=True, tag="Decided"):
    """A decision of the retrain service as it stands in its ledger, "no" included: a job that joined, waits or starts, an order that was refused."""

    sequence: int
    """Of its row, from 1; rows of the channels' own history lie between."""
    kind: str
    """For instance `job_advanced`, `request_joined`, `command_refused`, `clock_moved`."""
    body: str
    """JSON of what was decided and why, by names that go with the kind: the very text of the row."""
    hash: str
    """SHA-256 of the row, which follows from it and all rows before."""


Role = Literal["champion", "candidate", "shadow", "previous"]


class VersionServed(msgspec.Struct, frozen=True):
    """A version that a server holds ready, and how it fared there in whatever role since it was loaded."""

    version: str
    digest: str
    """SHA-256 of the model file."""
    role: Role
    """The first of these that it has; `previous` answers nobody and waits for a rollback."""
    provider: str
    """Of ONNX Runtime, for instance `CPUExecutionProvider`."""
    answered: int = 0
    """Frames that it scored."""
    failed: int = 0
    """Frames on which it failed."""
    invalid: int = 0
    """Frames on which its values were not finite."""


class ServingReported(Event, frozen=True, tag="ServingReported"):
    """Which versions a server answers with: said when that changes, every 15 seconds (a setting), and once when it leaves."""

    replica: str
    """The server: `host:port`."""
    sequence: int
    """Of the channels that it stands on; 0 while no version is ready."""
    versions: tuple[VersionServed, ...]
    started_at: float
    """Unix seconds: when the server started."""
    leaving: bool = False
    """Its last word: it answers nobody any more."""


class Approve(Event, frozen=True, tag="Approve"):
    """A person lets a waiting version begin its rollout."""

    version: str
    by: str
    reason: str = ""


class Reject(Event, frozen=True, tag="Reject"):
    """A person refuses a waiting version."""

    version: str
    by: str
    reason: str = ""


class Rollback(Event, frozen=True, tag="Rollback"):
    """A person wants the previous version back at once."""

    by: str
    reason: str = ""


class Promote(Event, frozen=True, tag="Promote"):
    """A person wants a version to become champion: by the steps of a rollout, or at once."""

    version: str
    by: str
    reason: str
    force: bool = False
    """At once: without shadow and canary, still watched."""


class OverrideCounts(Event, frozen=True, tag="OverrideCounts"):
    """A person lets a job train although a class has too few labelled frames."""

    job_id: str
    by: str
    reason: str


class CancelJob(Event, frozen=True, tag="CancelJob"):
    """A person wants a job to end without a version: one that waits, or one that runs."""

    job_id: str
    by: str
    reason: str


class ReviewLabel(Event, frozen=True, tag="ReviewLabel"):
    """A person looked again at a label that was doubted. Of one that is `wrong` the truth follows as another FrameLabelled."""

    frame_id: str
    by: str
    verdict: Literal["right", "wrong", "unsure"]


class Acknowledge(Event, frozen=True, tag="Acknowledge"):
    """A person has seen an incident."""

    incident_id: str
    by: str
    reason: str = ""


class MarkFalseAlarm(Event, frozen=True, tag="MarkFalseAlarm"):
    """A person says that an incident was none."""

    incident_id: str
    by: str
    reason: str = ""


class RequestRetrain(Event, frozen=True, tag="RequestRetrain"):
    """A person asks for a retraining."""

    by: str
    reason: str = ""
    incident_id: str = ""
    """Because of which incident, where the person looked at one."""


class Dead(Event, frozen=True, tag="Dead"):
    """A record that could not be parsed or handled, kept for a person, with where it stood (`topic`, `partition`, `offset`)."""

    reason: str
    topic: str
    partition: int
    offset: int
    handler: str
    value: str
    """The record's bytes, base64, at most 64 KiB of them."""


AnyEvent = (
    FrameScored
    | FrameLabelled
    | IncidentOpened
    | IncidentUpdated
    | IncidentClosed
    | RetrainRequested
    | JobAdvanced
    | ModelPublished
    | RolloutAdvanced
    | LabelsWanted
    | Decided
    | ServingReported
    | Approve
    | Reject
    | Rollback
    | Promote
    | OverrideCounts
    | CancelJob
    | ReviewLabel
    | Acknowledge
    | MarkFalseAlarm
    | RequestRetrain
    | Dead
)
EVENT_TYPES: Final[tuple[type[Event], ...]] = AnyEvent.__args__
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)


def place_of(event: AnyEvent) -> tuple[str, str]:
    """The topic and the key of an event: frames and labels by model/camera, the rest by model.

    On compacted topics by what the last record tells all of: incidents by model/incident, servers by model/replica.
    """
    match event:
        case FrameScored():
            return FRAMES, f"{event.model}/{event.camera}"
        case FrameLabelled():
            return LABELS, f"{event.model}/{event.camera}"
        case IncidentOpened() | IncidentUpdated() | IncidentClosed():
            return INCIDENTS, f"{event.model}/{event.incident.incident_id}"
        case RetrainRequested() | JobAdvanced() | ModelPublished() | RolloutAdvanced() | LabelsWanted() | Decided():
            return RETRAIN, event.model
        case ServingReported():
            return SERVING, f"{event.model}/{event.replica}"
        case Dead():
            return DEAD, ""
    return COMMANDS, event.model


def encode(event: AnyEvent, source: str) -> Outgoing:
    """The record of an event, with CloudEvents 1.0 attributes as headers. `source` names the process, for instance `serving/line-3`.

    Numbers that JSON has no word for are written as contracts/finite.py says.
    """
    topic, key = place_of(event)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event.event_id,
        "ce_type": f"keepsight.{type(event).__name__}",
        "ce_source": source,
        "ce_time": datetime.fromtimestamp(event.occurred_at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "content-type": "application/json",
    }
    value = _ENCODER.encode(event)
    if b"null" in value and not isinstance(
        event, FrameScored
    ):  # of a frame serving has looked at every number, and a frame must cost little
        value = _ENCODER.encode(finite.finite(event))
    return Outgoing(topic, key, value, headers)


def decode(record: Record) -> AnyEvent:
    """The event in a record. Raises BadEventError, with the reason and the record's place."""
    try:
        try:
            return _DECODER.decode(record.value)
        except msgspec.ValidationError:
            if (
                b"null" not in record.value or b'"FrameScored"' in record.value
            ):  # a frame of which a number is missing is no measurement
                raise
            return finite.decode(record.value, AnyEvent)  # type: ignore[no-any-return]  # one of the union
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        where = f"{record.place.topic}[{record.place.partition}]@{record.offset}"
        raise BadEventError(f"{where} is no event we know: {error}") from error


def dead_letter(record: Record, reason: str, handler: str, now: float) -> Dead:
    """What goes to `keepsight.dead` for a record that could not be parsed or handled."""
    return Dead(
        event_id=new_id(now),
        occurred_at=now,
        model=record.key.partition("/")[0],
        reason=reason,
        topic=record.place.topic,
        partition=record.place.partition,
        offset=record.offset,
        handler=handler,
        value=b64encode(record.value[:65_536]).decode(),
    )
