"""What `keepsight train-model` is asked for: its options, checked before anything is read."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from contracts.errors import VersionError
from retrain.models.backbones import SIDE
from retrain.models.recipe import EFFICIENTNET, installed
from retrain.trainer.bootstrap_frames import COLUMNS

SIDES: Final = (96, 128, 224)
MOST_SIDES: Final = 6
_SMALLEST, _LARGEST = 32, 1024
EXAMPLES: Final = """\
A first version is a new linear head on a network whose weights stay as they are: seconds to minutes, and a few hundred pictures are enough.

    keepsight train-model --frames pictures/ --labels good,bad                  pictures/good/*.jpg, pictures/bad/*.jpg
    keepsight train-model --frames pictures/ --labels good,bad --choose --dry-run
                                                 every installed network at several sizes: how good, how fast, how large; publishes nothing
    keepsight train-model --frames pictures/ --labels good,bad --choose --latency-ms 10
                                                 publishes the fastest of those that are as good as the best, within 10 ms a frame

With --settings FILE, KEEPSIGHT_SETTINGS or a keepsight.toml in this folder, --model, --repository and --frame-store come from it.
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What to train: see --help. `sides` has one entry unless `choose`, with which `recipe` (or "") names one more than the installed ones."""

    repository: str
    frame_store: str
    model: str
    frames: Path
    labels: tuple[str, ...]
    positive: str | None
    seed: int
    fit: Literal["stretch", "letterbox"]
    threads: int
    cache: str | None
    version: str
    recipe: str = EFFICIENTNET
    recipe_weights: Path | None = None
    sides: tuple[int, ...] = (SIDE,)
    choose: bool = False
    latency_ms: float | None = None
    dry_run: bool = False
    settings: str = ""
    """The settings file that was named for it, "" where none was."""


def order_of(argv: Sequence[str], about: str) -> Order:
    """The order that a command line gives; `about` is the command's own words. Raises VersionError naming the option that is wrong."""
    a = _parser(about).parse_args(argv)
    labels = tuple(label.strip() for label in a.labels.split(","))
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(labels):
        raise VersionError(f"--labels are {a.labels!r}: give at least two, comma-separated, each once")
    if a.positive is not None and a.positive not in labels:
        raise VersionError(f"--positive {a.positive!r} is none of the labels {', '.join(labels)}")
    for option, value in (("--repository", a.repository), ("--frame-store", a.frame_store), ("--model", a.model)):
        if not value and not a.dry_run:
            raise VersionError(f"{option} is missing: name it, or a settings file that does, or give --dry-run")
    if a.recipe_weights is not None and not a.recipe:
        raise VersionError("--recipe-weights are of a network: name it with --recipe")
    if a.latency_ms is not None and not (a.choose and a.latency_ms > 0):
        raise VersionError("--latency-ms is a limit above 0 for --choose")
    return Order(
        repository=a.repository,
        frame_store=a.frame_store,
        model=a.model or "model",
        frames=a.frames,
        labels=labels,
        positive=a.positive,
        seed=a.seed,
        fit=a.fit,
        threads=a.threads,
        cache=a.cache,
        version=a.version,
        recipe=a.recipe or ("" if a.choose else EFFICIENTNET),
        recipe_weights=a.recipe_weights,
        sides=_sides(a),
        choose=a.choose,
        latency_ms=a.latency_ms,
        dry_run=a.dry_run,
        settings=a.settings,
    )


def _sides(a: argparse.Namespace) -> tuple[int, ...]:
    """The sides to train at, small ones first."""
    if a.choose and a.side is not None:
        raise VersionError("--side is of one version: with --choose name --sides")
    if not a.choose and a.sides is not None:
        raise VersionError("--sides are tried by --choose: without it name one --side")
    found: tuple[int, ...]
    if not a.choose:
        found = (SIDE if a.side is None else a.side,)
    elif a.sides is None:
        found = SIDES
    else:
        try:
            found = tuple(sorted({int(side) for side in a.sides.split(",")}))
        except ValueError:
            raise VersionError(f"--sides are {a.sides!r}: whole numbers of pixels, comma-separated, are needed") from None
    if len(found) > MOST_SIDES:
        raise VersionError(f"--sides are {len(found)}: at most {MOST_SIDES} are tried at once")
    for side in found:
        if not _SMALLEST <= side <= _LARGEST:
            raise VersionError(f"a side of {side}: between {_SMALLEST} and {_LARGEST} pixels are taken")
    return found


def _parser(about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keepsight train-model",
        description=f"{about.splitlines()[0]}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--repository", default="", help="the model repository: a folder, s3://… or gs://…")
    parser.add_argument("--frame-store", default="", help="the frame store: the frames are kept there for later retrainings")
    parser.add_argument("--model", default="", help="the name to publish under")
    parser.add_argument(
        "--frames",
        required=True,
        type=Path,
        metavar="FOLDER|INDEX.CSV",
        help=f"a folder of pictures for each label, or a list in recording order with the columns {', '.join(COLUMNS)}; frames of one group are neighbours",
    )
    parser.add_argument("--labels", required=True, help="the classes, comma-separated, in the order of the scores")
    parser.add_argument("--positive", help="the class whose recall and precision count")
    parser.add_argument(
        "--recipe",
        default="",
        metavar="NAME",
        help=f"the network: {', '.join(installed())} (installed), timm:NAME or PACKAGE.MODULE:NAME (default {EFFICIENTNET}); see docs/training.md",
    )
    parser.add_argument("--recipe-weights", type=Path, metavar="FILE", help="the safetensors file that it begins from")
    parser.add_argument("--side", type=int, help=f"pixels of the network's input: less is faster and sees less (default {SIDE})")
    parser.add_argument(
        "--fit", choices=("stretch", "letterbox"), default="stretch", help="how frames are brought to the input's size"
    )
    parser.add_argument(
        "--choose",
        action="store_true",
        help="try every installed network, and the --recipe named, at each of --sides; publish the choice",
    )
    parser.add_argument("--sides", metavar="A,B,…", help=f"to try, in pixels (default {','.join(map(str, SIDES))})")
    parser.add_argument(
        "--latency-ms", type=float, metavar="MS", help="the most CPU milliseconds a frame (median) that may be chosen"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what comes out, publish nothing")
    parser.add_argument("--settings", default="", metavar="FILE", help="the settings file that answers what is left out here")
    parser.add_argument("--seed", type=int, default=1, help="deals the frames otherwise (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="of the embedding (default 1)")
    parser.add_argument("--cache", metavar="FOLDER", help="keep exported networks and embeddings for the next run")
    parser.add_argument("--version", default="1", help="to publish (default 1)")
    return parser
