"""A job in words: what the other services, the ledger and the log learn of each of its steps."""

from typing import Final

import msgspec

from contracts.events import IncidentClosed, IncidentOpened, IncidentUpdated, JobAdvanced, ModelPublished
from contracts.ids import new_id
from contracts.incidents import Incident
from retrain.job import Job
from retrain.request import CandidateOutcome, Step
from retrain.state.database import Database
from retrain.state.journal import Journal

_FAILED: Final = "failed_incident"


def advanced(journal: Journal, job: Job, now: float, outcome: CandidateOutcome | None = None) -> None:
    """A job moved on, or waits and says why; where its training process gave an `outcome`, with its gates and trials."""
    journal.note(
        "job_advanced",
        now,
        job=job.job_id,
        key=job.request_key,
        state=job.state,
        attempt=job.attempt,
        hold=job.hold,
        why=job.detail,
        **({"by": job.by} if job.by else {}),
    )
    _say(journal, job, job.detail, now, None, outcome)


def progressed(journal: Journal, job: Job, detail: str, now: float, step: Step) -> None:
    """A running job's step: an event only."""
    _say(journal, job, detail, now, step, None)


def _say(journal: Journal, job: Job, detail: str, now: float, step: Step | None, outcome: CandidateOutcome | None) -> None:
    chosen = next((trial.technique for trial in outcome.table if trial.chosen), "") if outcome is not None else ""
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
            by=job.by,
            technique=chosen,
            metrics=step.metrics if step is not None else {},
            page=outcome.page if outcome is not None else "",
            gates=outcome.gates if outcome is not None else (),
            trials=outcome.table if outcome is not None else (),
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
            page=outcome.page,
        )
    )
    journal.note("model_published", now, version=outcome.version, parent=job.version, digest=outcome.digest, key=job.request_key)


def failed(journal: Journal, job: Job, folder: str, now: float) -> None:
    """A job stopped after its last attempt: a person must look. While that is open a further one tells it anew."""
    standing = journal.database.fact(_FAILED)
    before = msgspec.json.decode(standing, type=Incident) if standing else None
    incident = Incident(
        incident_id=before.incident_id if before else new_id(now),
        cause="job_failed",
        severity="ticket",
        headline=f"Retraining {journal.model}{_asked(job)} failed {job.attempt} times; version {job.version} goes on serving",
        action=f"Read {folder}/stderr.log ({job.detail}). Mend the cause, then ask for a retraining again (keepsight retrain)",
        site="",
        cameras=(),
        version=job.version,
        since=before.since if before else job.started_at or now,
        opened_at=before.opened_at if before else now,
    )
    said = IncidentUpdated if before else IncidentOpened
    journal.say(said(event_id=new_id(now), occurred_at=now, model=journal.model, incident=incident))
    journal.database.remember(_FAILED, msgspec.json.encode(incident).decode())


def _asked(job: Job) -> str:
    return f", asked for by {job.by}," if job.by else ""


def stands_failed(database: Database) -> bool:
    """Whether a failed job's incident is open."""
    return database.fact(_FAILED) is not None


def mended(journal: Journal, resolution: str, now: float) -> None:
    """A later run came through: its predecessor's incident, if one is open, is over."""
    if (open_one := journal.database.fact(_FAILED)) is None:
        return
    incident = msgspec.json.decode(open_one, type=Incident)
    journal.say(
        IncidentClosed(event_id=new_id(now), occurred_at=now, model=journal.model, incident=incident, resolution=resolution)
    )
    journal.database.remember(_FAILED, None)
