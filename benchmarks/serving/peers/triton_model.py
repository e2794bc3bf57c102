# mypy: disable-error-code="import-not-found"
"""Triton's own server with its Python backend: two instances (triton_config.pbtxt), the frame as the raw request body."""

import os
import sys
from typing import Any

import numpy as np
import triton_python_backend_utils as triton


class TritonPythonModel:
    """The job as Triton's Python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """In each instance. The backend's Python leaves PYTHONPATH unread."""
        sys.path.append(os.environ["PYTHONPATH"])
        from benchmarks.serving.peers.job import Job

        self.job = Job.named()

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer a request."""
        return [self._answer(triton.get_input_tensor_by_name(request, "image").as_numpy()[0]) for request in requests]

    def _answer(self, content: bytes) -> Any:
        row = self.job.probabilities([self.job.prepared(content)])[0]
        return triton.InferenceResponse(output_tensors=[triton.Tensor("probabilities", np.array(row, np.float32))])
