"""Plain FastAPI done with care: the raw body, two worker processes, each with a one-thread session and the job in its event loop."""

import sys

import uvicorn
from fastapi import FastAPI, Request

from benchmarks.serving.peers.job import WORKERS, Job

app = FastAPI()
job = Job.named()


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Whether it answers."""
    return {}


@app.post("/predict")
async def predict(request: Request) -> dict[str, float]:
    """One frame."""
    return job.answer(await request.body())


if __name__ == "__main__":
    where = "benchmarks.serving.peers.fastapi_workers:app"
    uvicorn.run(where, port=int(sys.argv[1]), workers=WORKERS, access_log=False, log_level="warning")
