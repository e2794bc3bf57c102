"""Says each decision three ways at once: the event that the other services read, the row of the ledger, and the line of the log."""

import msgspec

from contracts.channels import Channels
from contracts.events import AnyEvent, IncidentClosed, IncidentOpened, JobAdvanced, ModelPublished, RolloutAdvanced
from contracts.ids import new_id
from contracts.incidents import Incident
from contracts.logs import Logger
from retrain.database import Database
from retrain.jobs import Job
from retrain.ledger import Ledger
from retrain.request import CandidateOutcome
from retrain.rollout import Rollout

_FAILED: str = "failed_incident"


class Journal:
    """Called inside the transaction that holds the decision; events leave through its outbox."""

    def __init__(self, database: Database, model: str, log: Logger) -> None:
        self._database = database
        self._model = model
        self._log = log
        self.ledger = Ledger(database)

    def note(self, kind: str, now: float, **facts: object) -> None:
        """A decision that concerns nobody else: ledger and log."""
        self.ledger.append(kind, now, **facts)
        self._log.info(kind, **facts)

    def job(self, job: Job, now: float) -> None:
        """A job moved on, or waits and says why."""
        self.progress(job, job.detail, now)
        self.note(
            "job_advanced",
            now,
            job=job.job_id,
            key=job.request_key,
            state=job.state,
            attempt=job.attempt,
            hold=job.hold,
            why=job.detail,
        )

    def progress(self, job: Job, detail: str, now: float) -> None:
        """A running job's step: an event only."""
        self._say(
            JobAdvanced(
                event_id=new_id(now),
                occurred_at=now,
                model=self._model,
                job_id=job.job_id,
                request_key=job.request_key,
                state=job.state,
                step=job.step,
                detail=detail,
                attempt=job.attempt,
                version=job.candidate,
            )
        )

    def published(self, job: Job, outcome: CandidateOutcome, now: float) -> None:
        """A version stands in the repository."""
        self._say(
            ModelPublished(
                event_id=new_id(now),
                occurred_at=now,
                model=self._model,
                version=outcome.version,
                parent=job.version,
                digest=outcome.digest,
                request_key=job.request_key,
                gates=outcome.gates,
            )
        )
        self.note("model_published", now, version=outcome.version, parent=job.version, digest=outcome.digest, key=job.request_key)

    def rollout(self, rollout: Rollout, now: float) -> None:
        """A rollout took a step."""
        self._say(
            RolloutAdvanced(
                event_id=new_id(now),
                occurred_at=now,
                model=self._model,
                version=rollout.version,
                parent=rollout.parent,
                state=rollout.state,
                share=rollout.share,
                reason=rollout.reason,
            )
        )
        self.note(
            "rollout_advanced",
            now,
            version=rollout.version,
            state=rollout.state,
            share=rollout.share,
            by=rollout.by,
            why=rollout.reason,
        )

    def failed(self, job: Job, folder: str, now: float) -> None:
        """A job stopped after its last attempt: a person must look."""
        incident = Incident(
            incident_id=new_id(now),
            cause="job_failed",
            severity="ticket",
            headline=f"Retraining {self._model} failed {job.attempt} times; version {job.version} goes on serving",
            action=f"Read {folder}/stderr.log ({job.detail}). Mend the cause, then ask for a retraining again (command RequestRetrain)",
            site="",
            cameras=(),
            version=job.version,
            since=job.started_at or now,
            opened_at=now,
        )
        self._say(IncidentOpened(event_id=new_id(now), occurred_at=now, model=self._model, incident=incident))
        self._database.remember(_FAILED, msgspec.json.encode(incident).decode())

    def mended(self, resolution: str, now: float) -> None:
        """A later run came through: its predecessor's incident, if one is open, is over."""
        if (open_one := self._database.fact(_FAILED)) is None:
            return
        incident = msgspec.json.decode(open_one, type=Incident)
        self._say(
            IncidentClosed(event_id=new_id(now), occurred_at=now, model=self._model, incident=incident, resolution=resolution)
        )
        self._database.remember(_FAILED, None)

    def channel_history(self, history: list[Channels], now: float) -> None:
        """Enter what became of the channels into the ledger."""
        self.ledger.take_over(history, now)

    def _say(self, event: AnyEvent) -> None:
        self._database.publish_later(event)
