"""Which part of retrain a record of the log is for, inside the turn's transaction."""

from dataclasses import dataclass
from typing import Final

from contracts.events import (
    FRAMES,
    AnyEvent,
    Approve,
    BadEventError,
    CancelJob,
    FrameLabelled,
    FrameScored,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    OverrideCounts,
    Promote,
    Reject,
    RequestRetrain,
    RetrainRequested,
    ReviewLabel,
    Rollback,
    ServingReported,
    dead_letter,
    decode,
)
from contracts.logs import Logger
from contracts.ports import Record
from retrain.jobs.intake import Intake
from retrain.jobs.orders import JobOrders
from retrain.jobs.orders import Order as JobOrder
from retrain.labels.book import Labels
from retrain.labels.desk import LabelDesk, could_be_labelled
from retrain.metrics import Instruments
from retrain.rollout.drive import Release
from retrain.rollout.orders import Order
from retrain.state.database import Database

_HANDLER: Final = "retrain"
_KEPT_S: Final = 30 * 86_400.0
"""How long a request or command is known again when it is repeated."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Records of other models are passed over, as are frames that concern no rollout and cannot be labelled."""

    model: str
    database: Database
    intake: Intake
    job_orders: JobOrders
    labels: Labels
    desk: LabelDesk
    release: Release
    instruments: Instruments
    log: Logger

    def handle(self, record: Record, now: float) -> None:
        """Inside a transaction. A record that cannot be parsed or handled goes to the dead letters; nothing else of it stays."""
        if record.place.topic == FRAMES and not self.release.active and not could_be_labelled(record):
            return
        try:
            event = decode(record)
            if event.model != self.model:
                return
            if isinstance(event, FrameScored):
                self.release.frame(event, now)
                if event.stored is not None:
                    with self.database.savepoint():
                        self.desk.frame(event)
                return
            with self.database.savepoint():
                self._apply(event, now)
        except (BadEventError, ValueError, LookupError, TypeError, ArithmeticError) as error:
            self.log.error("record_dead", topic=record.place.topic, offset=record.offset, why=str(error), trace=True)
            self.instruments.dead_letters.inc()
            self.database.publish_later(dead_letter(record, f"{type(error).__name__}: {error}", _HANDLER, now))

    def _apply(self, event: AnyEvent, now: float) -> None:
        match event:
            case FrameLabelled():
                became = self.desk.label(event)
                self.instruments.labels_received.labels(became).inc()
                self.intake.new_classes.label(event)
                if became == "new":
                    self.release.label(event)
            case IncidentOpened() | IncidentUpdated():
                self._fault(event, None)
                self.intake.new_classes.incident(event)
            case IncidentClosed():
                self._fault(event, event.occurred_at)
                self.intake.new_classes.incident(event)
                self.intake.closed(event, now)
            case ServingReported():
                self.release.reported(event, now)
            case (
                RetrainRequested()
                | RequestRetrain()
                | OverrideCounts()
                | CancelJob()
                | ReviewLabel()
                | Approve()
                | Reject()
                | Rollback()
                | Promote()
            ):
                if self.database.first_time(event.event_id, now + _KEPT_S):
                    self._ask(event, now)

    def _ask(self, event: RetrainRequested | RequestRetrain | JobOrder | ReviewLabel | Order, now: float) -> None:
        match event:
            case RetrainRequested():
                self.intake.requested(event, now)
            case RequestRetrain():
                self.intake.commanded(event, now)
            case OverrideCounts() | CancelJob():
                self.job_orders.carry_out(event, now)
            case ReviewLabel():
                self.desk.review(event, now)
            case _:
                self.release.orders.carry_out(event, now)

    def _fault(self, event: IncidentOpened | IncidentUpdated | IncidentClosed, until: float | None) -> None:
        false_alarm = isinstance(event, IncidentClosed) and event.false_alarm
        if event.incident.cause == "camera_fault" and not false_alarm:
            self.labels.fault(event.incident, until)
        else:
            self.labels.no_fault(event.incident.incident_id)
        self.desk.incident(event.incident, until is None)
