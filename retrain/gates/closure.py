"""Gate: the loop closes. What the candidate sees of its own domain raises no alarm by the baseline that it brings: else it would be retrained at once.

The monitor judges, not we: a process of its own, with the code that will judge in production. retrain imports nothing of it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from contracts import baseline as baselines
from contracts import manifest as manifests
from contracts.baseline import Baseline
from contracts.events import GateResult
from contracts.manifest import BASELINE, MANIFEST, Manifest
from retrain.gates.policy import Policy
from retrain.gates.verdict import UNKNOWN, Verdict

GATE: Final = "drift closure"
COMMAND: Final = (sys.executable, "-m", "monitor.judge_baseline")
_ROWS: Final = "rows.npz"
_LIMIT_S: Final = 120.0
"""Calibrating takes a second or two; hundreds of classes ten."""


class Judgement(msgspec.Struct, frozen=True):
    """As monitor.judge_baseline writes it."""

    alarms: int = 0
    blocks: int = 0
    block_frames: int = 0
    confirm_blocks: int = 0
    worst: float = 0.0
    led_by: str = ""
    unjudged: str = ""


def by_monitor(manifest: Manifest, baseline: Baseline, held_out: Baseline, command: tuple[str, ...] = COMMAND) -> Judgement:
    """What the monitor says of `held_out` by `baseline`; with the reason in `unjudged` where it is not installed, or does not answer."""
    with tempfile.TemporaryDirectory(prefix="keepsight-closure-") as name:
        folder = Path(name)
        (folder / MANIFEST).write_bytes(manifests.encode(manifest))
        (folder / BASELINE).write_bytes(baselines.encode(baseline))
        (folder / _ROWS).write_bytes(baselines.encode(held_out))
        try:
            done = subprocess.run([*command, name, str(folder / _ROWS)], capture_output=True, timeout=_LIMIT_S, check=False)
            if done.returncode == 0:
                return msgspec.json.decode(done.stdout, type=Judgement)
            reason = (done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"])[-1][:400]
        except (OSError, subprocess.TimeoutExpired, msgspec.MsgspecError) as error:
            reason = str(error)
    return Judgement(unjudged=f"the monitor's process does not judge ({reason}): install the monitor where retraining runs")


def closure(judgement: Judgement, policy: Policy) -> GateResult:
    """Fails where held-out frames of the new domain would open an incident. What was not judged is inconclusive, with `small_sets` a pass.

    A pass, because the gate guards against a loop that the cooldown bounds as well, and small sets seldom have the blocks for it.
    """
    if judgement.unjudged:
        verdict: Verdict = "inconclusive" if policy.three_valued else "pass"
        return GateResult(GATE, verdict, UNKNOWN, 1.0, f"not judged: {judgement.unjudged}")
    frames = judgement.blocks * judgement.block_frames
    detail = (
        f"{frames} sealed new frames in blocks of {judgement.block_frames}, judged by the baseline of the others: at most {judgement.worst:.2f} times a limit "
        f"({judgement.led_by}); {judgement.confirm_blocks} blocks in a row above one open an incident"
    )
    return GateResult(GATE, "fail" if judgement.alarms else "pass", judgement.worst, 1.0, detail)
