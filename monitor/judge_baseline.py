"""What the monitor would say of frames that a version's baseline was not made of: `python -m monitor.judge_baseline VERSION_FOLDER ROWS.npz`.

For whoever wants to know before a version serves whether its own domain would raise an alarm. VERSION_FOLDER holds manifest.json and baseline.npz,
ROWS.npz the frames in order, written as a baseline is and on its axes. The limits, the features and the rule by which an incident opens are those of
production with the monitor's default settings, whatever a house has set; there is no camera, so that no health is looked at. One JSON object on standard
output.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from contracts import baseline as baselines
from contracts import manifest as manifests
from contracts.baseline import Baseline
from contracts.errors import KeepsightError, VersionError
from contracts.manifest import BASELINE, MANIFEST, Manifest
from contracts.settings import exit_with
from monitor.items.reference import Budget, UnfitBaselineError, calibrate, rows_of
from monitor.items.replay import openings
from monitor.policy import Policy

LEAST_BLOCK: Final = 16
"""Frames. With fewer the mean of a block says little, and rounding up a handful of frames to a month of blocks says less."""


class Judgement(msgspec.Struct, frozen=True):
    """What came of it. `alarms` counts the incidents that the frames would open; `worst` is the highest statistic over its limit, `led_by` its channel.

    `unjudged` says why there is no judgement; "" where there is one. An incident takes `confirm_blocks` blocks in a row.
    """

    alarms: int = 0
    blocks: int = 0
    block_frames: int = 0
    confirm_blocks: int = 0
    worst: float = 0.0
    led_by: str = ""
    unjudged: str = ""


def judged(manifest: Manifest, baseline: Baseline, held_out: Baseline, policy: Policy) -> Judgement:
    """The judgement of the frames of `held_out` by a version's baseline, in blocks as large as their number and the policy allow."""
    block = min(policy.block_frames, len(held_out) // policy.confirm_blocks)
    if block < LEAST_BLOCK:
        wanted = policy.confirm_blocks * LEAST_BLOCK
        return Judgement(
            unjudged=f"{len(held_out)} frames, {wanted} are needed: an incident takes {policy.confirm_blocks} blocks in a row"
        )
    try:
        reference = calibrate(manifest, baseline, Budget(policy.pages_per_camera_month, policy.frames_per_second, block))
    except UnfitBaselineError as error:
        return Judgement(unjudged=str(error))
    features = reference.features(rows_of(held_out))
    blocks = len(features) // block
    bank, found = np.zeros((len(reference.scales), len(reference.level))), []
    for mean in features[: blocks * block].reshape(blocks, block, -1).mean(axis=1):
        bank = reference.step(bank, mean)
        found.append(reference.ratios(bank))
    ratios = np.array(found)
    alarms = openings(ratios.max(axis=1) >= 1, policy.confirm_blocks, policy.recovered_blocks)
    led_by = reference.channels[int(ratios.max(axis=0).argmax())].name
    return Judgement(alarms, blocks, block, policy.confirm_blocks, float(ratios.max()), led_by)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 with a judgement on standard output, 2 when something cannot be read."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if len(arguments) != 2 or arguments[0].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        folder, rows = Path(arguments[0]), Path(arguments[1])
        manifest = manifests.decode(_read(folder / MANIFEST), str(folder))
        baseline = baselines.decode(_read(folder / BASELINE), str(folder))
        held_out = baselines.decode(_read(rows), str(rows))
        if held_out.axes.shape != baseline.axes.shape or held_out.labels != baseline.labels:
            raise VersionError(f"{rows} is not on the axes, or not of the classes, of {folder / BASELINE}")
    except KeepsightError as error:
        return exit_with(error)
    sys.stdout.write(msgspec.json.encode(judged(manifest, baseline, held_out, Policy())).decode() + "\n")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VersionError(f"{path} cannot be read: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
