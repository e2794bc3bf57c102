# mypy: disable-error-code="import-not-found, misc, no-any-unimported"
"""MLServer: two parallel workers, adaptive batches of up to eight, frames in base64 (its BYTES)."""

import json
import sys
from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.serving.peers.job import MAX_BATCH, WORKERS, Job


class Runtime(MLModel):
    """The job as a runtime."""

    async def load(self) -> bool:
        """In each worker."""
        self.job = Job.named()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """A batch."""
        contents = Base64Codec.decode_input(payload.inputs[0])
        rows = np.array(self.job.probabilities([self.job.prepared(content) for content in contents]), np.float32)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("probabilities", rows)])


def write_settings(home: Path, port: int) -> None:
    """The settings of the server and of the model, in `home`."""
    server = {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2, "parallel_workers": WORKERS}
    model = {
        "name": "classifier",
        "implementation": f"{__name__}.Runtime" if __name__ != "__main__" else "benchmarks.serving.peers.mlserver_runtime.Runtime",
        "max_batch_size": MAX_BATCH,
        "max_batch_time": 0.001,
    }
    (home / "settings.json").write_text(json.dumps(server | {"access_log": False}))
    (home / "model-settings.json").write_text(json.dumps(model))


if __name__ == "__main__":
    from mlserver.cli import main

    write_settings(Path.cwd(), int(sys.argv[1]))
    sys.argv = ["mlserver", "start", "."]
    main()
