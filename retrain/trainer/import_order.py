"""What `keepsight import-model` is asked for: its options, checked."""

import argparse
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from contracts.errors import VersionError
from retrain.models import graph
from retrain.trainer.publication import next_step

CHANNELS: Final = {"rgb": 3, "bgr": 3, "gray": 1}
"""Of what a model takes."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to import: see --help."""

    model: Path
    name: str
    labels: tuple[str, ...]
    reference: Path
    positive: str | None
    height: int | None
    width: int | None
    preprocessing: graph.Preprocessing
    layout: Literal["nchw", "nhwc"] | None
    fit: Literal["stretch", "letterbox"]
    decode: Literal["full", "reduced"] | None
    repository: str
    frame_store: str
    version: str | None
    threads: int
    boxes: Path | None
    threshold: float
    settings: str
    """The settings file that was named for it, "" where none was."""

    def next_step(self, version: str, champion: str) -> str:
        """What a person does with the version that was made."""
        return next_step(version, champion, self.settings)


def order_of(argv: Sequence[str], about: str) -> Order:
    """The order that a command line gives; `about` is the command's own words. Raises VersionError naming the option that is wrong."""
    a = _parser(about).parse_args(argv)
    channels = CHANNELS[a.color]
    labels = tuple(label.strip() for label in _listed(a.labels).split(",") if label.strip())
    if not labels or len(set(labels)) != len(labels):
        raise VersionError(f"--labels are {', '.join(labels)}: give each once, in the order of the scores")
    if not 0 < a.threshold < 1:
        raise VersionError(f"--threshold is {a.threshold:g}, expected between 0 and 1")
    if a.positive is not None and a.positive not in labels:
        raise VersionError(f"--positive {a.positive!r} is none of the labels {', '.join(labels)}")
    mean, std = _channel_values("--mean", a.mean, channels), _channel_values("--std", a.std, channels)
    if min(std) <= 0:
        raise VersionError(f"--std is {a.std}: every value must be above 0")
    how = graph.Preprocessing(a.color, a.layout or "nchw", _channel_values("--scale", a.scale, 1)[0], mean, std)
    return Order(
        model=a.model,
        name=a.name,
        labels=labels,
        reference=a.reference,
        positive=a.positive,
        height=a.height,
        width=a.width,
        preprocessing=how,
        layout=a.layout,
        fit=a.fit,
        decode=a.decode,
        repository=a.repository,
        frame_store=a.frame_store,
        version=a.version,
        threads=a.threads,
        boxes=a.boxes,
        threshold=a.threshold,
        settings=a.settings,
    )


def _parser(about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keepsight import-model",
        description=about.split("\n\n")[0],
        epilog="With --settings FILE, KEEPSIGHT_SETTINGS or a keepsight.toml in this folder, --name, --repository and --frame-store come from it.",
        allow_abbrev=False,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--name", required=True, help="the name to publish under")
    parser.add_argument(
        "--labels", required=True, help="the classes in the order of the scores: comma-separated, or a file with one a line"
    )
    parser.add_argument(
        "--reference",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="pictures as the cameras send them, at best FOLDER/<label>/*.jpg",
    )
    parser.add_argument("--positive", help="the class whose recall and precision count")
    parser.add_argument("--height", type=int, help="of the input, where the graph leaves it open")
    parser.add_argument("--width", type=int, help="likewise")
    parser.add_argument("--scale", default="1/255", help="pixels are multiplied by this first")
    parser.add_argument("--mean", default="0", help="then this is taken away: one value, or one a channel, comma-separated")
    parser.add_argument("--std", default="1", help="then divided by this")
    parser.add_argument("--color", choices=tuple(CHANNELS), default="rgb", help="what the model takes")
    parser.add_argument("--layout", choices=("nchw", "nhwc"), help="found in the graph where it says so")
    parser.add_argument(
        "--fit", choices=("stretch", "letterbox"), default="stretch", help="how frames are brought to the input's size"
    )
    parser.add_argument(
        "--decode",
        choices=("full", "reduced"),
        help="whether frames are decoded at the smallest size that is no smaller than the input; default: as the champion, reduced for a new model",
    )
    parser.add_argument("--repository", required=True, help="the model repository: a folder, s3://… or gs://…")
    parser.add_argument(
        "--frame-store", required=True, help="the frame store: labelled references are kept there for later retrainings"
    )
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="of a detector: where objects are in the pictures (COCO JSON, Label Studio, CSV, or YOLO's folder)",
    )
    parser.add_argument("--threshold", type=float, default=0.5, help="of a detector: boxes of this score or more are acted on")
    parser.add_argument("--version", help="default: the next number")
    parser.add_argument("--settings", default="", metavar="FILE", help="the settings file that answers what is left out here")
    parser.add_argument("--threads", type=int, default=1, help="of the measuring (default 1)")
    return parser


def _listed(labels: str) -> str:
    """The names given, or those of the file that is given."""
    try:
        return Path(labels).read_text().replace("\n", ",")
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):  # names, not a file: many of them make no path
            return labels
        raise VersionError(f"--labels {labels} cannot be read: {error.strerror}") from error


def _channel_values(option: str, text: str, channels: int) -> tuple[float, ...]:
    try:
        values = tuple(float(Fraction(part.strip())) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise VersionError(f"{option} is {text!r}: numbers, comma-separated, are needed") from None
    if len(values) not in (1, channels):
        raise VersionError(f"{option} has {len(values)} values, the model takes {channels} channels: give one, or one a channel")
    return values * channels if len(values) == 1 else values
