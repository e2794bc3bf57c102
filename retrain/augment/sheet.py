"""A picture of every operation, for a person to look at before trusting it with a training.

    python -m retrain.augment.sheet PHOTOGRAPH OUT.png [--pipeline FILE.toml] [--epoch N]

One row for each operation, from its weakest to its strongest usual magnitude; below them, what the pipeline makes of the photograph in sixteen draws.
The frame drawn over the photograph is the box of an object in its middle: it must stay around what it was drawn around, and is missing where too little
of that is left to be seen.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from contracts.errors import KeepsightError
from contracts.files import Folder
from contracts.frames import Pixels, decode, encode_png
from retrain.augment.operations import OPERATIONS, Range
from retrain.augment.pipeline import Sample, index, pipeline
from retrain.augment.spec import OperationSpec, PipelineSpec, filled, parse

_WIDTH: Final = 176
"""Pixels of one picture."""
_ACROSS: Final = 8
_DRAWS: Final = 16
_INK: Final = (20, 20, 20)
_BOX: Final = (255, 60, 30)
_LINE: Final = 16


def sheet(photograph: Pixels, spec: PipelineSpec, epoch: int = 0) -> Pixels:
    """The page as pixels. `spec` without the place of matching operations, which no drift has filled."""
    height = max(16, round(photograph.shape[0] * _WIDTH / photograph.shape[1]))
    image = cv2.resize(photograph, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    box = np.array([[0.3 * _WIDTH, 0.3 * height, 0.7 * _WIDTH, 0.7 * height]], dtype=np.float32)
    sample = Sample(np.asarray(image, dtype=np.uint8), box, np.zeros(1, dtype=np.int64))
    rows = [_row(_strong(sample, name, magnitude) for magnitude in _magnitudes(name)) for name in OPERATIONS]
    change = pipeline(spec)
    drawn = [_captioned(change(sample, index(epoch, item)), f"pipeline, draw {item}") for item in range(_DRAWS)]
    rows += [_row(drawn[start : start + _ACROSS]) for start in range(0, _DRAWS, _ACROSS)]
    return np.concatenate(rows)


def _magnitudes(name: str) -> list[float]:
    usual = OPERATIONS[name].usual
    return [1.0] if usual.low == usual.high else list(np.linspace(usual.low, usual.high, _ACROSS))


def _strong(sample: Sample, name: str, magnitude: float) -> Pixels:
    """One operation at one magnitude; what else it draws is the same along a row."""
    spec = PipelineSpec((OperationSpec(name, magnitude=Range(magnitude, magnitude)),))
    return _captioned(pipeline(spec)(sample, 1), f"{name} {magnitude:.3g}" if OPERATIONS[name].unit else name)


def _captioned(sample: Sample, words: str) -> Pixels:
    image = sample.image.copy()
    for x1, y1, x2, y2 in sample.boxes:
        cv2.rectangle(image, (round(float(x1)), round(float(y1))), (round(float(x2)) - 1, round(float(y2)) - 1), _BOX, 1)
    strip = np.full((_LINE, _WIDTH, 3), 255, dtype=np.uint8)
    cv2.putText(strip, words, (2, _LINE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
    return np.concatenate([strip, image])


def _row(pictures: Iterable[Pixels]) -> Pixels:
    found = list(pictures)
    found += [np.full_like(found[0], 255)] * (_ACROSS - len(found))
    return np.concatenate([np.pad(one, ((0, 2), (0, 2), (0, 0)), constant_values=255) for one in found], axis=1)


def main(arguments: list[str]) -> int:
    """Write the sheet. 0, or 2 with one line of what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m retrain.augment.sheet", description="A picture of every augmentation operation."
    )
    parser.add_argument("photograph", type=Path, help="JPEG, PNG or WebP")
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("--pipeline", type=Path, help="a pipeline in TOML; the default one if left out")
    parser.add_argument("--epoch", type=int, default=0, help="draws of another epoch")
    given = parser.parse_args(arguments)
    try:
        spec = filled(parse(given.pipeline.read_text() if given.pipeline else ""), ())
        page = sheet(decode(given.photograph.read_bytes()), spec, given.epoch)
        Folder(str(given.out.parent)).write(given.out.name, encode_png(page), durable=False)
    except (KeepsightError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
