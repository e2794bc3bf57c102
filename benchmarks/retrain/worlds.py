"""The changes that a retraining is judged on: what the first version learned from, what the cameras sent after the change, and what nobody may learn from.

Real photographs throughout: solar cells (ELPV, PyPI `elpv-dataset`) and garments (Fashion-MNIST, Debian `dataset-fashion-mnist`). Two changes are computed
on real photographs, darkness and blur; relabelled classes and the class mix are changes of the truth and of the sampling. Whole groups of neighbouring
photographs are dealt, so that nothing that judges has a neighbour among what was learned.
"""

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.errors import SettingsError
from contracts.incidents import Cause
from standalone import photographs
from standalone.photographs import Cell, Grey

GARMENTS: Final = Path("/usr/share/datasets/fashion-mnist")
GARMENT_LABELS: Final = (
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"
)  # fmt: skip
CAMERAS: Final = 3
CELLS_LABELLED: Final = 300
GARMENTS_LABELLED: Final = 400
_GARMENTS_OLD: Final = 800
_PROOF: Final = 400
_GROUP: Final = 5
"""Garments of one delivery: they stand for neighbours, and are unrelated photographs."""
_NEW_CLASS: Final = "ankle boot"
_SWAPPED: Final = ("sneaker", "ankle boot")
_SEASON: Final = ("pullover", "coat", "shirt")


class Photo(NamedTuple):
    """An encoded photograph, the class that a person would name, the group of its neighbours, and its camera."""

    content: bytes
    label: str
    group: str
    camera: str


@dataclass(frozen=True, slots=True)
class World:
    """`old` trains the first version, which knows `labels`; `met` are labelled after the change, in order of time; the proofs judge, each of its domain."""

    name: str
    cause: Cause
    labels: tuple[str, ...]
    positive: str | None
    old: tuple[Photo, ...]
    met: tuple[Photo, ...]
    proof_old: tuple[Photo, ...]
    proof_new: tuple[Photo, ...]

    def known(self) -> tuple[str, ...]:
        """All classes of the world after the change, those of the first version first."""
        return self.labels + tuple(sorted({photo.label for photo in self.met} - set(self.labels)))


def mono_to_poly(seed: int) -> World:
    """The line turns from mono-crystalline cells to poly-crystalline ones."""
    cells, pictures = _cells()
    mono, poly = (_dealt([cell for cell in cells if cell.kind == kind], seed) for kind in ("mono", "poly"))
    return _of_cells(
        "mono to poly", "population_change", _photos(mono["old"], pictures), _photos(poly["old"] + poly["met"], pictures),
        _photos(mono["proof"], pictures), _photos(poly["proof"], pictures),
    )  # fmt: skip


def darkening(seed: int) -> World:
    """The lamp fails to a third of its light, and the camera's noise shows."""
    return _spoiled("darkening", "environment_change", seed, _dark)


def blur(seed: int) -> World:
    """The lens is out of focus, and stays so."""
    return _spoiled("blur", "environment_change", seed, lambda picture, _: photographs.through_smeared_lens(picture, 3.0))


def class_mix(seed: int) -> World:
    """A season: three garments of ten were three in ten, now they are seven in ten."""
    images, truth = _garments()
    random = np.random.default_rng([seed, 4])
    rest = tuple(label for label in GARMENT_LABELS if label not in _SEASON)
    taken: tuple[NDArray[np.int64], ...] = ()
    for count, share in ((_GARMENTS_OLD, 0.3), (GARMENTS_LABELLED, 0.7), (_PROOF, 0.3), (_PROOF, 0.7)):
        parts = [_picked(truth, names, round(count * part), random, taken) for names, part in ((_SEASON, share), (rest, 1 - share))]
        taken = (*taken, np.asarray(random.permutation(np.concatenate(parts)), dtype=np.int64))
    old, met, proof_old, proof_new = (_worn(images, truth, rows, {}) for rows in taken)
    return World("class mix", "population_change", GARMENT_LABELS, None, old, met, proof_old, proof_new)


def new_class(seed: int) -> World:
    """A garment comes down the line that the first version has never been told of."""
    images, truth = _garments()
    old_classes = tuple(label for label in GARMENT_LABELS if label != _NEW_CLASS)
    random = np.random.default_rng([seed, 5])
    old = _picked(truth, old_classes, _GARMENTS_OLD, random, ())
    proof_old = _picked(truth, old_classes, _PROOF, random, (old,))
    met_known = _picked(truth, old_classes, GARMENTS_LABELLED * 3 // 4, random, (old, proof_old))
    met_new = _picked(truth, (_NEW_CLASS,), GARMENTS_LABELLED // 4, random, ())
    proof_known = _picked(truth, old_classes, _PROOF * 3 // 4, random, (old, proof_old, met_known))
    proof_only = _picked(truth, (_NEW_CLASS,), _PROOF // 4, random, (met_new,))
    met = random.permutation(np.concatenate([met_known, met_new]))
    proof_new = np.concatenate([proof_known, proof_only])
    parts = (_worn(images, truth, rows, {}) for rows in (old, met, proof_old, proof_new))
    return World("new class", "new_class", old_classes, None, *parts)


def relabelled(seed: int) -> World:
    """Two classes change their names from one day to the next: the task itself shifts. The old proof holds the classes that stayed."""
    images, truth = _garments()
    random = np.random.default_rng([seed, 6])
    stayed = tuple(label for label in GARMENT_LABELS if label not in _SWAPPED)
    old = _picked(truth, GARMENT_LABELS, _GARMENTS_OLD, random, ())
    met = random.permutation(_picked(truth, GARMENT_LABELS, GARMENTS_LABELLED, random, (old,)))
    proof_old = _picked(truth, stayed, _PROOF, random, (old, met))
    proof_new = _picked(truth, GARMENT_LABELS, _PROOF, random, (old, met, proof_old))
    swap = {_SWAPPED[0]: _SWAPPED[1], _SWAPPED[1]: _SWAPPED[0]}
    parts = (_worn(images, truth, rows, names) for rows, names in ((old, {}), (met, swap), (proof_old, {}), (proof_new, swap)))
    return World("relabelled classes", "concept_drift", GARMENT_LABELS, None, *parts)


WORLDS: Final[Mapping[str, Callable[[int], World]]] = {
    "mono to poly": mono_to_poly,
    "darkening": darkening,
    "blur": blur,
    "new class": new_class,
    "relabelled classes": relabelled,
    "class mix": class_mix,
}


def _spoiled(name: str, cause: Cause, seed: int, spoil: Callable[[Grey, np.random.Generator], Grey]) -> World:
    """Mono cells, of which those after the change are seen through `spoil`; the same sealed cells judge both domains."""
    cells, pictures = _cells()
    dealt = _dealt([cell for cell in cells if cell.kind == "mono"], seed)
    random = np.random.default_rng([seed, 2])
    spoiled = {cell.number: spoil(pictures[cell.number], random) for part in ("met", "proof") for cell in dealt[part]}
    parts = (_photos(dealt["old"], pictures), _photos(dealt["met"], spoiled), _photos(dealt["proof"], pictures))
    return _of_cells(name, cause, *parts, _photos(dealt["proof"], spoiled))


def _of_cells(
    name: str, cause: Cause, old: Sequence[Photo], met: Sequence[Photo], proof_old: Sequence[Photo], proof_new: Sequence[Photo]
) -> World:
    return World(
        name, cause, photographs.LABELS, photographs.POSITIVE, tuple(old), tuple(met[:CELLS_LABELLED]), tuple(proof_old), tuple(proof_new)
    )  # fmt: skip


def _dark(picture: Grey, random: np.random.Generator) -> Grey:
    """A third of the light; shot noise of some 2 grey levels, as a sensor at higher gain shows it."""
    return np.asarray(np.clip(picture * 0.35 + random.normal(0.0, 2.0, picture.shape), 0, 255).round(), dtype=np.uint8)


def _dealt(cells: Sequence[Cell], seed: int, old: float = 0.5, met: float = 0.28) -> dict[str, list[Cell]]:
    """Whole blocks of cells: shares `old` and `met`, the rest is proof; each in a shuffled order of its blocks."""
    blocks = np.random.default_rng([seed, 1]).permutation(sorted({cell.block for cell in cells}))
    first, second = int(old * len(blocks)), int((old + met) * len(blocks))
    of = {int(block): cells for block, cells in _by_block(cells).items()}
    parts = {"old": blocks[:first], "met": blocks[first:second], "proof": blocks[second:]}
    return {name: [cell for block in part.tolist() for cell in of[block]] for name, part in parts.items()}


def _by_block(cells: Sequence[Cell]) -> dict[int, list[Cell]]:
    found: dict[int, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.block, []).append(cell)
    return found


def _photos(cells: Sequence[Cell], pictures: Mapping[int, Grey] | NDArray[np.uint8]) -> list[Photo]:
    return [
        Photo(photographs.jpeg(pictures[cell.number]), cell.label, f"block-{cell.block}", f"cam-{cell.block % CAMERAS}") for cell in cells
    ]  # fmt: skip


def _picked(
    truth: NDArray[np.int64], labels: Sequence[str], count: int, random: np.random.Generator, taken: Sequence[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Rows of photographs of these classes, as many of each, none of them `taken`."""
    free = np.setdiff1d(np.arange(len(truth)), np.concatenate(taken)) if taken else np.arange(len(truth))
    each = [random.permutation(free[truth[free] == GARMENT_LABELS.index(label)])[: count // len(labels)] for label in labels]
    return np.asarray(random.permutation(np.concatenate(each)), dtype=np.int64)


def _worn(
    images: NDArray[np.uint8], truth: NDArray[np.int64], rows: NDArray[np.int64], names: Mapping[str, str]
) -> tuple[Photo, ...]:
    """The photographs of some rows, whose classes are called by `names` where these say otherwise."""
    photos = []
    for place, row in enumerate(rows.tolist()):
        label = GARMENT_LABELS[truth[row]]
        group = place // _GROUP
        content = cv2.imencode(".png", images[row])[1].tobytes()
        photos.append(Photo(content, names.get(label, label), f"delivery-{group}", f"cam-{group % CAMERAS}"))
    return tuple(photos)


@cache
def _cells() -> tuple[list[Cell], NDArray[np.uint8]]:
    return photographs.load()


@cache
def _garments() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Fashion-MNIST's 10,000 test photographs [N, 28, 28], white on black, and their classes [N]."""
    try:
        images, truth = (
            gzip.decompress((GARMENTS / f"t10k-{what}.gz").read_bytes()) for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
    except OSError as error:
        raise SettingsError(f"{error.filename} is missing: apt-get install dataset-fashion-mnist") from error
    return np.frombuffer(images[16:], np.uint8).reshape(-1, 28, 28), np.frombuffer(truth[8:], np.uint8).astype(np.int64)
