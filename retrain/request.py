"""What the retrain service asks of a training process, and what it answers: two JSON files in the job's folder, so that a killed job resumes.

python -m retrain.trainer.candidate JOB_FOLDER      reads request.json, writes outcome.json last; one JSON line per step on standard output
"""

from typing import Final, Literal

import msgspec

from contracts.events import GateResult, Sample

REQUEST: Final = "request.json"
OUTCOME: Final = "outcome.json"


class LabelledFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A stored frame with its truth. `path` is relative to the frame store; `captured_at` in Unix seconds."""

    frame_id: str
    camera: str
    site: str
    captured_at: float
    path: str
    label: str
    labelled_by: str = ""
    sample: Sample = "uniform"


class CandidateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a candidate is made of. `since` is when the change began: frames captured from then on are the new domain."""

    job_id: str
    request_key: str
    model: str
    parent: str
    repository: str
    frame_store: str
    since: float
    labels: tuple[LabelledFrame, ...]
    seed: int
    threads: int = 1
    min_train_per_class: int = 300
    """Fewer labelled frames of a class in train (new and replayed together) hold the job."""
    min_gate: int = 50
    """Fewer new labelled frames in the gate set leave the gain inconclusive."""
    replay_share: float = 0.25
    """Least share of replayed old frames in the training set."""


class CandidateOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `published`: the version stands in the repository with all gates passed, and `digest` is its model's SHA-256."""

    verdict: Literal["published", "rejected", "held"]
    reason: str
    version: str = ""
    digest: str = ""
    gates: tuple[GateResult, ...] = ()
    trained_from: dict[str, int] = {}


class Step(msgspec.Struct, frozen=True):
    """A line on standard output: the step begun, how far it is (0 to 1) and what a person would like to know."""

    step: str
    progress: float
    detail: str = ""
