"""What a training process is asked, and where: a folder for each round of a job, so that new labels never meet old checkpoints, with the request in it.

A request carries the job's fence and is written once for each. One of an older fence belongs to a life of the service that others took over since.
"""

from dataclasses import dataclass

import msgspec

from contracts.files import Folder
from retrain.foreign import Inbox
from retrain.job import Job
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.request import OUTCOME, REQUEST, CandidateRequest


class _Fenced(msgspec.Struct):
    """All that a look at a request of megabytes needs."""

    fence: int = 0


@dataclass(frozen=True, slots=True)
class Requests:
    """`like` is what the settings say of every request, `url` the folder that holds those of all jobs."""

    like: CandidateRequest
    url: str
    jobs: Jobs
    labels: Labels

    def place(self, job: Job) -> str:
        """The URL of the folder of a job's round."""
        return f"{self.url}/{job.job_id}/{job.round}"

    def folder(self, job: Job) -> Folder:
        """That folder."""
        return Folder(self.place(job))

    def stands(self, job: Job) -> bool:
        """Whether a request lies here that was written under the job's fence; releases that knew none wrote 0."""
        try:
            return msgspec.json.decode(self.folder(job).read(REQUEST), type=_Fenced).fence in (0, job.fence)
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return False

    def read(self, job: Job) -> CandidateRequest:
        """The request that was written. Raises FileNotFoundError, and msgspec.MsgspecError for what is none."""
        return msgspec.json.decode(self.folder(job).read(REQUEST), type=CandidateRequest)

    def write(self, job: Job) -> None:
        """Write the request, if it does not stand already; what an older one was answered goes."""
        if self.stands(job):
            return
        request = msgspec.structs.replace(
            self.like,
            job_id=job.job_id,
            request_key=job.request_key,
            parent=job.version,
            since=job.since,
            labels=self.labels.usable(job.excluded),
            inbox=Inbox(self.like.frame_store, self.like.model).names(),
            confirmed=self.labels.doubts.called("right"),
            withdrawn=self.labels.doubts.called("wrong"),
            cause=job.cause,
            drift_type=job.drift_type,
            override=job.override,
            new_classes=job.new_classes,
            verdicts=self.jobs.gate_uses(),
            fence=job.fence,
        )
        self.forget_outcome(job)
        self.folder(job).write(REQUEST, msgspec.json.encode(request))

    def labels_tried(self, job: Job) -> int:
        """How many new labels the request holds."""
        request = self.read(job)
        return sum(label.sample == "uniform" and label.captured_at >= request.since for label in request.labels)

    def forget_outcome(self, job: Job) -> None:
        """So that the next process answers for itself."""
        self.folder(job).remove(OUTCOME)
