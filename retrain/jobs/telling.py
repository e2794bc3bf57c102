"""A job in words: what the other services, the ledger and the log learn of each of its steps."""

from typing import Final

import msgspec

from contracts.events import IncidentClosed, IncidentOpened, JobAdvanced, ModelPublished
from contracts.ids import new_id
from contracts.incidents import Incident
from retrain.job import Job
from retrain.request import CandidateOutcome, Step
from retrain.state.journal import Journal

_FAILED: Final = "failed_incident"


def advanced(journal: Journal, job: Job, now: float) -> None:
    """A job moved on, or waits and says why."""
    journal.note(
        "job_advanced",
        now,
        job=job.job_id,
        key=job.request_key,
        state=job.state,
        attempt=job.attempt,
        hold=job.hold,
        why=job.detail,
    )
    progressed(journal, job, job.detail, now)


def progressed(journal: Journal, job: Job, detail: str, now: float, step: Step | None = None) -> None:
    """A running job's step, or where it stands: an event only."""
    journal.say(
        JobAdvanced(
            event_id=new_id(now),
            occurred_at=now,
            model=journal.model,
            job_id=job.job_id,
            request_key=job.request_key,
            state=job.state,
            step=job.step,
            detail=detail,
            attempt=job.attempt,
            version=job.candidate,
            progress=step.progress if step is not None else 0.0,
            hold=job.hold,
            trigger=job.trigger,
            metrics=step.metrics if step is not None else {},
            ledger=journal.ledger.head(),
        )
    )


def published(journal: Journal, job: Job, outcome: CandidateOutcome, now: float) -> None:
    """A version stands in the repository."""
    journal.say(
        ModelPublished(
            event_id=new_id(now),
            occurred_at=now,
            model=journal.model,
            version=outcome.version,
            parent=job.version,
            digest=outcome.digest,
            request_key=job.request_key,
            gates=outcome.gates,
        )
    )
    journal.note("model_published", now, version=outcome.version, parent=job.version, digest=outcome.digest, key=job.request_key)


def failed(journal: Journal, job: Job, folder: str, now: float) -> None:
    """A job stopped after its last attempt: a person must look."""
    incident = Incident(
        incident_id=new_id(now),
        cause="job_failed",
        severity="ticket",
        headline=f"Retraining {journal.model} failed {job.attempt} times; version {job.version} goes on serving",
        action=f"Read {folder}/stderr.log ({job.detail}). Mend the cause, then ask for a retraining again (command RequestRetrain)",
        site="",
        cameras=(),
        version=job.version,
        since=job.started_at or now,
        opened_at=now,
    )
    journal.say(IncidentOpened(event_id=new_id(now), occurred_at=now, model=journal.model, incident=incident))
    journal.database.remember(_FAILED, msgspec.json.encode(incident).decode())


def mended(journal: Journal, resolution: str, now: float) -> None:
    """A later run came through: its predecessor's incident, if one is open, is over."""
    if (open_one := journal.database.fact(_FAILED)) is None:
        return
    incident = msgspec.json.decode(open_one, type=Incident)
    journal.say(
        IncidentClosed(event_id=new_id(now), occurred_at=now, model=journal.model, incident=incident, resolution=resolution)
    )
    journal.database.remember(_FAILED, None)
