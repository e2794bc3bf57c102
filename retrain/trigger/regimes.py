"""A regime that comes back: where an archived version served the same before, a person is offered it first, and a new one is trained if nobody takes it."""

from collections.abc import Collection

from retrain.job import Job
from retrain.trigger.hold import Hold


def asks(job: Job, offer_s: float, now: float) -> bool:
    """Whether the job's time of the offer is not over: only then it matters which versions there are."""
    return bool(job.recurs) and job.started_at is None and now < job.created_at + offer_s


def offered(job: Job, champion: str, archived: Collection[str], offer_s: float, now: float) -> Hold | None:
    """The offer, while it stands: `offer_s` from the request on. `archived` are the versions in the repository, `now` is Unix seconds."""
    if not asks(job, offer_s, now) or job.recurs == champion or job.recurs not in archived:
        return None
    how = f"keepsight promote {job.recurs} --reason TEXT"
    return Hold(
        "recurring",
        f"version {job.recurs} was champion when the same was seen before: `{how}` brings it back; "
        f"else a new one is trained {offer_s / 3600:g} h after the request (setting recurs_offer_s), or at once by `keepsight retrain`",
    )
