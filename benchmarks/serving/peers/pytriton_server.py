# mypy: disable-error-code="import-not-found, misc, no-any-return, no-any-unimported, untyped-decorator"
"""PyTriton: two instances, dynamic batches of up to eight, the frame as a binary tensor."""

import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.serving.peers.job import MAX_BATCH, WORKERS, Job


def instance() -> Callable[..., Any]:
    """One worker's function."""
    job = Job.named()

    @batch
    def infer(image: NDArray[np.object_]) -> dict[str, NDArray[np.float32]]:
        rows = job.probabilities([job.prepared(content) for content in image[:, 0]])
        return {"probabilities": np.array(rows, np.float32)}

    return infer


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # otherwise it leaves its shared memory behind
    port = int(sys.argv[1])
    config = TritonConfig(http_port=port, grpc_port=port + 1, metrics_port=port + 2, allow_grpc=False, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            model_name="classifier",
            infer_func=[instance() for _ in range(WORKERS)],
            inputs=[Tensor(name="image", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(-1,))],
            config=ModelConfig(max_batch_size=MAX_BATCH, batcher=DynamicBatcher()),
            strict=True,
        )
        triton.serve()
