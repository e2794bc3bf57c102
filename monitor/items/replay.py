"""The calibrated limits put to the test: what would they have raised on recordings that they were not calibrated on?

The reference's recordings are dealt into halves, twice, at random. Each half is judged by a reference made of the other, limits and all, in streams that
pass its recordings along in random order for days, and what would have opened an incident is counted by the rules that the desks follow. Halves, because
limits are for cameras that see ever new objects: these see no more than half of the reference's again and again, and the mean of a quarter would lie
twice as far off as a half's.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import chi2

from contracts import manifest as manifests
from contracts.baseline import Baseline
from contracts.manifest import Manifest
from monitor.detectors import bootstrap
from monitor.detectors.ewma import Floats
from monitor.items.reference import Budget, Reference, fit, rows_of

HALVINGS: Final = 2
BLOCKS: Final = 12_000
"""Blocks of a half's stream: 48,000 in all, a camera-month at a frame a second. Long, since an incident that stays open counts once."""
MOST_NUMBERS: Final = 4_400_000
"""Numbers in a half's banks: fewer blocks where there are hundreds of classes to watch. About 2 s on one core."""
CHUNK: Final = 2000
"""Blocks looked at together: 5 MB."""


class Replay(NamedTuple):
    """Incidents that held-out recordings would have opened by their inputs alone, over so many camera-months, tickets counted as pages."""

    alarms: int
    camera_months: float

    @property
    def rate(self) -> float:
        """Alarms per camera-month."""
        return self.alarms / self.camera_months

    def interval(self) -> tuple[float, float]:
        """Its exact 95 % interval (Garwood 1936)."""
        low = float(chi2.ppf(0.025, 2 * self.alarms)) / 2 if self.alarms else 0.0
        return low / self.camera_months, float(chi2.ppf(0.975, 2 * self.alarms + 2)) / 2 / self.camera_months


def held_out(manifest: Manifest, baseline: Baseline, whole: Reference, budget: Budget, confirm: int, recover: int) -> Replay:
    """Replay a version's own recordings. A camera without peers is taken, the strictest case: `confirm` blocks in a row above a limit open an
    incident, `recover` quiet ones close it."""
    rng = np.random.default_rng([int(manifests.digest(manifest)[:16], 16), HALVINGS])
    rows, pieces = rows_of(baseline), bootstrap.pieces(baseline.group)
    blocks = max(1, min(BLOCKS, MOST_NUMBERS // whole.error.size))
    orders = [rng.permutation(len(pieces)) for _ in range(HALVINGS)]
    halves = [order[first::2] for order in orders for first in (0, 1)]
    alarms = 0
    for half in halves:
        out = [pieces[i] for i in half]
        kept = np.ones(len(baseline), bool)
        kept[np.concatenate(out)] = False
        reference = fit(manifest, _only(baseline, kept), budget, whole.scales, whole.accuracy, rng)
        sums = bootstrap.running_sums(reference.features(rows))
        ratios = worst_ratios(reference, bootstrap.stream(sums, out, blocks, budget.block_frames, rng))
        alarms += openings(ratios >= 1, confirm, recover)
    return Replay(alarms, len(halves) * blocks / budget.blocks_a_month)


def openings(above: NDArray[np.bool_], confirm: int, recover: int) -> int:
    """How often an incident opens on blocks [B] that are `above` a limit or not: at `confirm` of them in a row, again only after `recover` quiet ones."""
    count = run = quiet = 0
    is_open = False
    for loud in above.tolist():
        run, quiet = (run + 1, 0) if loud else (0, quiet + 1)
        if not is_open and run >= confirm:
            is_open, count = True, count + 1
        elif is_open and quiet >= recover:
            is_open = False
    return count


def worst_ratios(reference: Reference, means: Floats) -> Floats:
    """The highest ratio of any channel and scale [B] along block means [B, F], as a watch that follows them has it."""
    keep = 1 - reference.weight
    bank = np.zeros((len(keep), means.shape[1]))
    found = []
    for start in range(0, len(means), CHUNK):
        moved = means[start : start + CHUNK] - reference.level
        scales = [lfilter([1 - k], [1, -k], moved, axis=0, zi=k * last[None])[0] for k, last in zip(keep, bank, strict=True)]
        banks = np.stack(scales, axis=1)
        bank = banks[-1]
        found.append(np.max([ratio.max(axis=-1) for ratio in reference.by_scale(banks)], axis=0))
    return np.concatenate(found)


def _only(baseline: Baseline, kept: NDArray[np.bool_]) -> Baseline:
    """Some of a baseline's rows."""
    columns = (
        "statistics",
        "embedding",
        "probabilities",
        "truth",
        "group",
        *(("answers",) if baseline.answers is not None else ()),
    )
    return replace(baseline, **{name: getattr(baseline, name)[kept] for name in columns})
