"""A repository and a frame store with one model of digits, and jobs in its folder: what a retraining of it begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contracts.files import Folder
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.repository import ModelRepository, Version
from retrain.registry import publish
from retrain.request import REQUEST, CandidateOutcome, CandidateRequest, LabelledFrame
from retrain.trainer.candidate import read_request
from tests.digits import Digit

SINCE: Final = 1.7e9


@dataclass(frozen=True)
class Place:
    """A repository and a frame store with one imported model, `digits` version 1."""

    folder: Path

    @property
    def repository(self) -> ModelRepository:
        return ModelRepository(str(self.folder / "repository"))

    @property
    def frame_store(self) -> str:
        return str(self.folder / "frames")

    def publish(self, job: Path, outcome: CandidateOutcome) -> Version:
        """As the service does."""
        manifest = publish.stage("digits", read_request(job).parent, outcome, Folder(str(job)), self.repository, 1.0)
        return self.repository.read("digits", self.repository.finish(manifest).version)

    def request(self, name: str, frames: Sequence[Digit], **fields: object) -> Path:
        """A job's folder with a request to retrain on `frames`, as two cameras took them since the change."""
        store, labels = FrameStore(self.frame_store), []
        for number, digit in enumerate(frames):
            captured = SINCE + number
            frame_id, camera = new_id(captured), f"cam-{number % 2}"
            path = frame_path("digits", frame_id, "png")
            card = StoredFrame(
                frame_id=frame_id, model="digits", camera=camera, site="s", captured_at=captured, codec="png", sample="uniform", predictions=(), path=path
            )  # fmt: skip
            store.put(card, digit.content)
            labels.append(
                LabelledFrame(frame_id=frame_id, camera=camera, site="s", captured_at=captured, path=path, label=digit.label)
            )
        request = CandidateRequest(
            job_id=name, request_key="key", model="digits", parent="1", repository=self.repository.url, frame_store=self.frame_store,
            since=SINCE, labels=tuple(labels), seed=1, min_train_per_class=30, min_gate=40,
        )  # fmt: skip
        job = self.folder / name
        job.mkdir()
        (job / REQUEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(request, **fields)))
        return job
