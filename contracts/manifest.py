"""What a model version says of itself: `manifest.json`, beside `model.onnx`, `baseline.npz` and `golden.npz`."""

from typing import Annotated, Final, Literal

import msgspec

from contracts.errors import VersionError
from contracts.finite import finite
from contracts.predictions import Task
from contracts.quality import Quality
from contracts.quality_detection import DetectionQuality

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
BASELINE: Final = "baseline.npz"
GOLDEN: Final = "golden.npz"
"""Optional: versions made before there were golden frames have none."""
WEIGHTS: Final = "weights.safetensors"
"""Optional: the trained network's weights, where the next training could not begin from the graph's head and its recipe's own."""


Side = Annotated[int, msgspec.Meta(ge=1, le=8192)]
"""Pixels."""


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the version: its SHA-256 in hex and its size in bytes."""

    sha256: str
    bytes: int


class InputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the graph takes: uint8 RGB [N, height, width, 3]; scaling and normalisation are inside the graph.

    `fit` says how a frame of another shape is brought there (see frames.prepare): `stretch` to the size, or `letterbox` with grey bars. `decode` says
    at what size it is decoded for that: `full`, or `reduced` by 2, 4 or 8 where the result is still no smaller than needed (see frames.reduction). It
    changes pixels a little, so a version keeps what it was made with; versions from before there was a choice are `full`.
    """

    name: str
    height: Side
    width: Side
    fit: Literal["stretch", "letterbox"] = "stretch"
    decode: Literal["full", "reduced"] = "full"


class Lineage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a version comes from. `trained_from` counts frames by their set; `dataset` is the digest of the list of files and labels.

    `recipe` names the network that was trained, `gates` is the SHA-256 of the verdict that it passed, and `overrides` are the rules that a person
    suspended for it, each with name and reason.
    """

    origin: Literal["bootstrap", "retrain", "import"]
    parent: str = ""
    request_key: str = ""
    dataset: str = ""
    trained_from: dict[str, int] = {}
    technique: str = ""
    code: str = ""
    seed: int = 0
    notes: str = ""
    recipe: str = ""
    gates: str = ""
    overrides: tuple[str, ...] = ()


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A version's identity card. `labels` is in the order of the graph's scores; `scores` and `embedding` name its outputs.

    `temperature` divides the logits before softmax; scores_are says whether the graph answers logits or probabilities. `positive` names the class
    whose recall and precision count, when there is one. `benchmark` is the quality on the sealed gate set: what live quality is judged against.

    A detector has `boxes` (its output, see contracts/detections.py) instead of `scores`, its scores are probabilities at temperature 1, and its benchmark
    is `detection`. Boxes with a score of at least `threshold` are what it says: those are acted on.
    """

    model: str
    version: str
    created_at: float
    task: Task
    labels: tuple[str, ...]
    input: InputSpec
    scores: str = ""
    boxes: str = ""
    embedding: str
    scores_are: Literal["logits", "probabilities"] = "probabilities"
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    positive: str | None = None
    benchmark: Quality | None = None
    detection: DetectionQuality | None = None
    threshold: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    lineage: Lineage
    files: dict[str, FileEntry]
    schema: int = 1

    @property
    def answers(self) -> str:
        """The output that holds the answers: `scores` or `boxes`."""
        return self.boxes if self.task == "detection" else self.scores


def digest(manifest: Manifest) -> str:
    """The identity of a version's content: the SHA-256 of its model file. Names the version in events, metrics and audit."""
    return manifest.files[MODEL].sha256


def encode(manifest: Manifest) -> bytes:
    """The bytes of manifest.json: sorted keys, indented, readable. Raises VersionError for a figure that is no finite number: nobody could read it back."""
    content = msgspec.json.encode(manifest, order="sorted")
    if finite(manifest) is not manifest:
        raise VersionError(f"a figure of the manifest of version {manifest.version} is not a finite number: {_gap(content)}")
    return msgspec.json.format(content, indent=1)


def _gap(content: bytes) -> str:
    """Where a number is missing, in the reader's words."""
    try:
        msgspec.json.decode(content, type=Manifest)
    except msgspec.ValidationError as error:
        return str(error)
    return "where none is needed"


def decode(content: bytes, where: str) -> Manifest:
    """Read manifest.json. Raises VersionError naming `where` and what is wrong."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise VersionError(f"{where}/{MANIFEST} is not a manifest we can read: {error}") from error
    if len(set(manifest.labels)) != len(manifest.labels) or not manifest.labels:
        raise VersionError(f"{where}/{MANIFEST}: labels are {list(manifest.labels)}; give at least one, each once")
    if manifest.positive is not None and manifest.positive not in manifest.labels:
        raise VersionError(f"{where}/{MANIFEST}: positive {manifest.positive!r} is none of the labels {list(manifest.labels)}")
    if (fault := _of_another_task(manifest)) is not None:
        raise VersionError(f"{where}/{MANIFEST}: {fault}")
    if MODEL not in manifest.files or BASELINE not in manifest.files:
        raise VersionError(f"{where}/{MANIFEST}: files are {sorted(manifest.files)}; {MODEL} and {BASELINE} must be among them")
    return manifest


def _of_another_task(manifest: Manifest) -> str | None:
    """What does not go with the manifest's task; None when all does."""
    if manifest.task == "classification":
        wrong = {"boxes": bool(manifest.boxes), "detection": manifest.detection is not None}
        missing = not manifest.scores
    else:
        wrong = {
            "scores": bool(manifest.scores),
            "scores_are": manifest.scores_are == "logits",
            "temperature": manifest.temperature != 1,
            "positive": manifest.positive is not None,
            "benchmark": manifest.benchmark is not None,
        }
        missing = not manifest.boxes
    if missing:
        return f"the task is {manifest.task!r}; name the output in `{'scores' if manifest.task == 'classification' else 'boxes'}`"
    return next((f"the task is {manifest.task!r}, which has no {name!r}" for name, given in wrong.items() if given), None)
