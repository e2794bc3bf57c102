"""What the retrain service asks of a training process, and what it answers: two JSON files in the job's folder, so that a killed job resumes.

python -m retrain.trainer.candidate JOB_FOLDER      reads request.json, writes outcome.json last; one JSON line per step on standard output

Fields have defaults, and unknown ones are passed over: a job's folder may be older than the release that goes on with it.
"""

from collections import Counter
from typing import Final, Literal

import msgspec

from contracts.events import GateResult, Sample
from contracts.events import TrialRow as TrialRow
from contracts.incidents import Cause, DriftType
from contracts.predictions import ClassTruth, Truth

REQUEST: Final = "request.json"
OUTCOME: Final = "outcome.json"
PAGE: Final = "verdict.html"
"""What every gate said, for a person: beside them, and among a version's files."""
PACKAGE: Final = "package"
"""The folder beside them in which a version's files lie until the service publishes them."""

Set = Literal["train", "validation", "gate"]
"""Who learns, who tunes and who judges."""
GatePolicy = Literal["strict", "small_sets"]
"""`strict`: the design's limits, inconclusive where too few frames can show them. `small_sets`: limits widened by what some hundred labels can show."""
Device = Literal["auto", "cpu", "cuda"]
Technique = Literal["head_only", "lp_ft", "full", "scratch"]
TECHNIQUES: Final[tuple[Technique, ...]] = ("head_only", "lp_ft", "full", "scratch")
"""Cheapest first. What each does stands in training/technique.py."""


class LabelledFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A stored frame with its truth. `path` is relative to the frame store, where it was sampled or where it is kept; `captured_at` in Unix seconds."""

    frame_id: str
    camera: str
    site: str
    captured_at: float
    path: str
    label: str = ""
    """The class, as it was said before there were boxes: `truth` follows from it where only it is given."""
    labelled_by: str = ""
    sample: Sample = "uniform"
    truth: Truth = ClassTruth("")

    def __post_init__(self) -> None:
        if self.label and self.truth == ClassTruth(""):
            msgspec.structs.force_setattr(self, "truth", ClassTruth(self.label))


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
    fence: int = 0
    """The job's when it was started: what a process with an older one leaves is not published."""
    cause: Cause | None = None
    drift_type: DriftType | None = None
    techniques: tuple[Technique, ...] = ()
    """Those to try beside the head alone; empty: the rule decides."""
    recipe: str = ""
    """The network that the champion is; empty: as its lineage says."""
    recipe_weights: str = ""
    """A safetensors file that the recipe begins from, where it needs one."""
    device: Device = "auto"
    devices: int = 1
    budget_s: float = 3600.0
    """Seconds that all training together may take."""
    ask: bool = False
    """A candidate with an inconclusive gate, and none that failed, is published for a person to decide; else the job waits for more labels."""
    policy: GatePolicy = "small_sets"
    verdicts: dict[str, int] = {}
    """How many verdicts each recording has given before: every one wears it a little as a judge."""
    override: str = ""
    """Who allowed fewer frames of a class than `min_train_per_class`, or classes that mean something else by now, and why; empty: nobody."""
    augment: str = ""
    """The augmentation pipeline as TOML; empty: the default one."""
    confirmed: tuple[str, ...] = ()
    """Ids of frames whose label a person looked at again and called right: they are doubted no more."""
    inbox: tuple[str, ...] = ()
    """Digests of the batches of pictures that no camera of the house sent (foreign.py): to learn from, never to judge on."""
    withdrawn: tuple[str, ...] = ()
    """Ids of frames whose label a person called wrong, and that have no other yet: nothing learns from them, nor is judged on them."""
    new_classes: tuple[str, ...] = ()
    """Classes that the parent does not know and this candidate shall learn; `labels` holds no others."""


def in_words(truth: Truth) -> str:
    """The class, or what boxes there are: `2 bolt, 1 nut`, or `nothing`."""
    if isinstance(truth, ClassTruth):
        return truth.label
    counts = Counter(box.label for box in truth.boxes)
    return ", ".join(f"{count} {label}" for label, count in sorted(counts.items())) or "nothing"


class Suspect(msgspec.Struct, frozen=True):
    """A label that the others contradict: a person should look again."""

    frame_id: str
    label: str
    """As `in_words` says it."""
    likely: str
    """The class that it more likely shows; of boxes what speaks against them, in words."""
    probability: float
    """Of `label`, out of fold."""


class CandidateOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `packaged`: no gate refused the candidate, and its files lie in the job's folder for the service to publish.

    `published`, with `version` and its model's SHA-256 as `digest`: the version stands in the repository. Training processes of older releases say so.
    """

    verdict: Literal["packaged", "published", "rejected", "held"]
    reason: str
    version: str = ""
    digest: str = ""
    gates: tuple[GateResult, ...] = ()
    trained_from: dict[str, int] = {}
    package: dict[str, str] = {}
    """The files of the version in the job's folder `package`, each with its SHA-256."""
    fence: int = 0
    """That of the request; 0 from an older release."""
    page: str = ""
    """The verdict's page, in the job's folder; empty where nothing was judged."""
    table: tuple[TrialRow, ...] = ()
    judged_on: tuple[str, ...] = ()
    """The sealed recordings of the new domain that gave the verdict, each once for every candidate that was judged."""
    suspects: tuple[Suspect, ...] = ()
    device_s: float = 0.0
    """Seconds of training times devices."""


class Step(msgspec.Struct, frozen=True):
    """A line on standard output: the step begun, how far the whole is (0 to 1), what a person would like to know, and the step's figures."""

    step: str
    progress: float
    detail: str = ""
    metrics: dict[str, float] = {}
