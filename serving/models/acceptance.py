"""The tests that a loaded version passes before any camera is answered by it: the shapes of its manifest, finite outputs, and its golden frames.

Golden frames are answered again here, on this hardware and in this precision. What a version answered where it was made must be what it answers now: a
graph that was converted wrongly, a provider that computes wrongly and a precision that does not suffice are all found by it.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.golden import Golden
from contracts.manifest import Manifest
from contracts.repository import Version
from serving.models.probabilities import to_probabilities
from serving.models.providers import Precision
from serving.models.runners import Floats, Runner


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an answer may lie from the recorded one: each probability by `probability`, the embedding's axes by `embedding` in the mean (root mean square,
    in standard deviations of the reference)."""

    probability: float
    embedding: float


TOLERANCES: Final[dict[Precision, Tolerance]] = {"full": Tolerance(0.01, 0.02), "half": Tolerance(0.03, 0.05)}
"""Measured on EfficientNet-lite0 in 16 bits: probabilities off by at most 0.012, the embedding by 0.003."""


def check_input(manifest: Manifest, session: Any) -> bool:
    """Hold the graph's names, type and shape to the manifest. Returns whether it takes one frame at a time only. Raises VersionError."""
    inputs, outputs = {one.name: one for one in session.get_inputs()}, [one.name for one in session.get_outputs()]
    if set(inputs) != {manifest.input.name}:
        raise VersionError(f"its manifest names the input {manifest.input.name!r}, its graph takes {sorted(inputs)}")
    for name in (manifest.scores, manifest.embedding):
        if name not in outputs:
            raise VersionError(f"its manifest names the output {name!r}, its graph gives {outputs}")
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


def warm_up(version: Version, runner: Runner) -> None:
    """Run noise of a fixed seed in every batch size, and see that the outputs have the right shapes and are finite. Raises VersionError."""
    manifest, widths = version.manifest, (len(version.manifest.labels), len(version.baseline.centre))
    spec = manifest.input
    for size in reversed(runner.sizes):  # the largest first: memory grows once
        pixels = np.random.default_rng(0).integers(0, 256, (size, spec.height, spec.width, 3), dtype=np.uint8)
        for _ in range(runner.warm_up_runs):
            scores, embedding = runner.run(pixels)
        if scores.shape != (size, widths[0]) or embedding.shape != (size, widths[1]):
            raise VersionError(
                f"its graph answers scores {scores.shape} and embedding {embedding.shape} for {size} frames, expected {(size, widths[0])} "
                f"and {(size, widths[1])}"
            )
        if not (np.isfinite(embedding).all() and np.isfinite(to_probabilities(scores, manifest)).all()):
            raise VersionError("its outputs are not finite numbers in the warm-up")


def check_golden(version: Version, runner: Runner, precision: Precision) -> None:
    """Raise VersionError where the version answers its golden frames otherwise than it did where it was made. None recorded: nothing to check."""
    golden = version.golden
    if golden is None:
        if precision == "half":
            raise VersionError(
                "it has no golden frames to show that half precision suffices: publish it anew, or set [serving] precision to full"
            )
        return
    _check_shapes(version, golden)
    scores, embedding = runner.run(golden.pixels)
    fault = differs(golden, to_probabilities(scores, version.manifest), version.baseline.project(embedding), TOLERANCES[precision])
    if fault is not None:
        raise VersionError(f"it does not answer its golden frames as it did where it was made (precision {precision}): {fault}")


def differs(golden: Golden, probabilities: NDArray[np.float64], embedding: Floats, tolerance: Tolerance) -> str | None:
    """How answers differ from the recorded ones beyond the tolerance; None when they do not. NaN differs.

    A class that led by more than twice the tolerance leads still, so the first class needs no test of its own.
    """
    gap = np.abs(probabilities - golden.probabilities).max(axis=1)
    if not (gap <= tolerance.probability).all():
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        return f"a probability of frame {worst} is off by {gap[worst]:.3g}, {tolerance.probability:g} are allowed"
    apart = float(np.sqrt(np.mean(np.square(embedding - golden.embedding)))) if golden.embedding.size else 0.0
    if not apart <= tolerance.embedding:
        return f"the embedding is off by {apart:.3g} standard deviations of the reference, {tolerance.embedding:g} are allowed"
    return None


def _check_shapes(version: Version, golden: Golden) -> None:
    spec, labels, axes = version.manifest.input, len(version.manifest.labels), len(version.baseline.axes)
    found = (golden.pixels.shape[1:], golden.probabilities.shape[1], golden.embedding.shape[1])
    wanted = ((spec.height, spec.width, 3), labels, axes)
    if found != wanted:
        raise VersionError(f"its golden frames are {found[0]} with {found[1]} classes and {found[2]} axes, expected {wanted}")
