"""Plain FastAPI as tutorials write it: an upload, one process, ONNX Runtime's own defaults, the framework's thread pool around them."""

import sys

import uvicorn
from fastapi import FastAPI, UploadFile

from benchmarks.serving.peers.job import Job

app = FastAPI()
job = Job.named(threads=0)


@app.get("/ready")
def ready() -> dict[str, str]:
    """Whether it answers."""
    return {}


@app.post("/predict")
def predict(image: UploadFile) -> dict[str, float]:
    """One frame."""
    return job.answer(image.file.read())


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
