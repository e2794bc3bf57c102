# mypy: disable-error-code="import-not-found, misc, untyped-decorator"
"""BentoML: two worker processes with one thread each, the raw body."""

from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from benchmarks.serving.peers.job import WORKERS, Job


@bentoml.service(workers=WORKERS, threads=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Classifier:
    """The job behind BentoML."""

    def __init__(self) -> None:
        self.job = Job.named()

    @bentoml.api(route="/predict")
    def predict(self, image: Annotated[bytes, ContentType("image/jpeg")], /) -> dict[str, float]:
        """One frame."""
        return self.job.answer(image)
