"""The accuracy that a version expects of itself now, without labels, over the cameras that it answers: what stands beside the realised one for people."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from monitor.detectors import cbpe
from monitor.items.reference import Reference
from monitor.items.watch import Watch


def estimated(reference: Reference, watches: Sequence[Watch]) -> dict[str, Any]:
    """Mean over the watches that have judged a block, by CBPE on the longest scale, with the mean of their 95 % intervals; {} without any, or without an
    accuracy to start from.

    `beyond` counts those whose frames have left the reference: a model may be wrong there with confidence. `agrees` is whether ATC says the same within
    the intervals (as monitor/incidents/triage.py has it).
    """
    banks = [watch.bank for watch in watches if watch.blocks]
    if not banks or reference.accuracy is None:
        return {}
    whole = np.frombuffer(b"".join(banks), np.float32).reshape(len(banks), len(reference.scales), len(reference.level))
    told = reference.performance(whole.mean(axis=0, dtype=np.float64))
    if told is None:
        return {}
    value, low, high = (
        round(cbpe.estimate(told.accuracy, told.cbpe + change), 4) for change in (0.0, -told.cbpe_half, told.cbpe_half)
    )
    embedding = reference.channel("embedding")
    at = reference.channels.index(embedding) if embedding is not None else None
    beyond = sum(at is not None and watch.ratios[at] >= 1 for watch in watches if watch.ratios)
    agrees = abs(told.cbpe - told.atc) <= told.cbpe_half + told.atc_half
    return {"value": value, "low": low, "high": high, "cameras": len(banks), "beyond": beyond, "agrees": agrees}
