"""The tests that a loaded version passes before any camera is answered by it: the shapes of its manifest, finite outputs, and its golden frames.

Golden frames are answered again here, on this hardware and in this precision. What a version answered where it was made must be what it answers now: a
graph that was converted wrongly, a provider that computes wrongly and a precision that does not suffice are all found by it.
"""

from typing import Any

import numpy as np

from contracts.detections import COLUMNS, MOST_ROWS, detections, way
from contracts.errors import VersionError
from contracts.frame_header import Header
from contracts.golden import Golden
from contracts.manifest import Manifest
from contracts.repository import Version
from serving.models.likeness import TOLERANCES, boxes_differ, embedding_differs, probabilities_differ
from serving.models.probabilities import to_probabilities
from serving.models.providers import Precision
from serving.models.runners import Floats, Runner


def check_input(manifest: Manifest, session: Any) -> bool:
    """Hold the graph's names, type and shape to the manifest. Returns whether it takes one frame at a time only. Raises VersionError."""
    inputs, outputs = {one.name: one for one in session.get_inputs()}, {one.name: one.shape for one in session.get_outputs()}
    if set(inputs) != {manifest.input.name}:
        raise VersionError(f"its manifest names the input {manifest.input.name!r}, its graph takes {sorted(inputs)}")
    for name in (manifest.answers, manifest.embedding):
        if name not in outputs:
            raise VersionError(f"its manifest names the output {name!r}, its graph gives {sorted(outputs)}")
    if manifest.task == "detection":
        _check_boxes(manifest.boxes, outputs[manifest.boxes])
    found = inputs[manifest.input.name]
    wanted = [manifest.input.height, manifest.input.width, 3]
    fits = len(found.shape) == 4 and all(
        not isinstance(got, int) or got == want for got, want in zip(found.shape[1:], wanted, strict=True)
    )
    if found.type != "tensor(uint8)" or not fits or (isinstance(found.shape[0], int) and found.shape[0] != 1):
        raise VersionError(
            f"its graph takes {found.type} {found.shape}, expected tensor(uint8) [N or 1, {', '.join(map(str, wanted))}]"
        )
    return bool(found.shape[0] == 1)


def warm_up(version: Version, runner: Runner) -> tuple[int, ...]:
    """Run noise of a fixed seed in every batch size, and see that the outputs have the right shapes and are finite. Raises VersionError.

    Returns the shape of the answer to one frame.
    """
    manifest, spec = version.manifest, version.manifest.input
    for size in reversed(runner.sizes):  # the largest first: memory grows once
        pixels = np.random.default_rng(0).integers(0, 256, (size, spec.height, spec.width, 3), dtype=np.uint8)
        for _ in range(runner.warm_up_runs):
            answers, embedding = runner.run(pixels)
        wide = answers.shape[1:] if manifest.task == "detection" else (len(manifest.labels),)
        wanted = ((size, *wide), (size, len(version.baseline.centre)))
        if (answers.shape, embedding.shape) != wanted:
            raise VersionError(
                f"its graph answers {manifest.answers} {answers.shape} and embedding {embedding.shape} for {size} frames, expected {wanted[0]} "
                f"and {wanted[1]}"
            )
        judged = answers if manifest.task == "detection" else to_probabilities(answers, manifest)
        if not (np.isfinite(embedding).all() and np.isfinite(judged).all()):
            raise VersionError("its outputs are not finite numbers in the warm-up")
        if manifest.task == "detection":
            _check_readable(manifest, answers, "noise")
    return tuple(wide)


def check_golden(version: Version, runner: Runner, precision: Precision) -> None:
    """Raise VersionError where the version answers its golden frames otherwise than it did where it was made. None recorded: nothing to check."""
    golden = version.golden
    if version.manifest.task == "detection" and precision == "half":
        raise VersionError(
            "it is a detector, and nobody measured what half precision does to boxes: set [serving] precision to full"
        )
    if golden is None:
        if precision == "half":
            raise VersionError(
                "it has no golden frames to show that half precision suffices: publish it anew, or set [serving] precision to full"
            )
        return
    _check_shapes(version, golden)
    answers, embedding = runner.run(golden.pixels)
    tolerance = TOLERANCES[precision]
    if golden.boxes is not None:
        _check_readable(version.manifest, answers, "its golden frames")
        fault = boxes_differ(golden.boxes, answers)
    else:
        fault = probabilities_differ(golden.probabilities, to_probabilities(answers, version.manifest), tolerance.probability)
    fault = fault or embedding_differs(golden.embedding, version.baseline.project(embedding), tolerance.embedding)
    if fault is not None:
        raise VersionError(f"it does not answer its golden frames as it did where it was made (precision {precision}): {fault}")


def _check_boxes(name: str, shape: list[Any]) -> None:
    if len(shape) != 3 or shape[2] != COLUMNS or not isinstance(shape[1], int) or not 1 <= shape[1] <= MOST_ROWS:
        raise VersionError(
            f"its graph gives {name!r} as {shape}, expected [N, M, {COLUMNS}] with a fixed M of at most {MOST_ROWS}: left, top, right, bottom, score, class"
        )


def _check_readable(manifest: Manifest, answers: Floats, of: str) -> None:
    """Raise VersionError where rows [n, M, 6] are such that no frame would be answered: `of` says what they answer."""
    spec = manifest.input
    there = way(Header("rgb", spec.width, spec.height), spec)
    if any(detections(rows, manifest.labels, there) is None for rows in answers):
        raise VersionError(
            f"its boxes of {of} cannot be read: scores go from {answers[..., 4].min():.3g} to {answers[..., 4].max():.3g} and classes from "
            f"{answers[..., 5].min():g} to {answers[..., 5].max():g}; expected 0 to 1, and whole numbers of 0 to {len(manifest.labels) - 1}"
        )


def _check_shapes(version: Version, golden: Golden) -> None:
    spec, labels, axes = version.manifest.input, len(version.manifest.labels), len(version.baseline.axes)
    found = (golden.pixels.shape[1:], golden.probabilities.shape[1], golden.embedding.shape[1], _width(golden))
    detects = version.manifest.task == "detection"
    wanted = ((spec.height, spec.width, 3), 0 if detects else labels, axes, COLUMNS if detects else 0)
    if found != wanted:
        raise VersionError(
            f"its golden frames are {found[0]} with {found[1]} classes, {found[2]} axes and {found[3]} columns of boxes, expected {wanted}"
        )


def _width(golden: Golden) -> int:
    """Columns of a detector's boxes, 0 where there are none."""
    return 0 if golden.boxes is None else golden.boxes.shape[2]
