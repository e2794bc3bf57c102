# mypy: disable-error-code="import-not-found, misc, no-any-unimported"
"""LitServe: two workers, batches of up to eight, frames in base64 as its examples send pictures."""

import base64
import sys
from collections.abc import Sequence
from typing import Any

import litserve

from benchmarks.serving.peers.job import MAX_BATCH, WORKERS, Job
from contracts.frames import Pixels


class Classifier(litserve.LitAPI):
    """The job in LitServe's steps."""

    def setup(self, device: str) -> None:
        """In each worker."""
        self.job = Job.named()

    def decode_request(self, request: dict[str, str]) -> Pixels:
        """One frame."""
        return self.job.prepared(base64.b64decode(request["image"]))

    def batch(self, inputs: Sequence[Pixels]) -> Sequence[Pixels]:
        """Left to `predict`."""
        return inputs

    def predict(self, inputs: Sequence[Pixels]) -> list[list[float]]:
        """A batch."""
        return self.job.probabilities(inputs)

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        """One row a frame."""
        return output

    def encode_response(self, output: list[float]) -> Any:
        """One answer."""
        return self.job.told(output)


if __name__ == "__main__":
    server = litserve.LitServer(
        Classifier(max_batch_size=MAX_BATCH, batch_timeout=0.0), accelerator="cpu", workers_per_device=WORKERS, timeout=60
    )
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning", access_log=False)
