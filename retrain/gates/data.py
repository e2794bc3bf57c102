"""Gate: enough frames of each class to learn and to judge from, none on both sides, none with two labels."""

from collections.abc import Mapping

from contracts.events import GateResult
from retrain.gates.policy import Policy
from retrain.gates.verdict import Verdict


def data(
    learning: Mapping[str, int],
    sealed: Mapping[str, int],
    min_train: int,
    min_gate: int,
    leaks: int,
    conflicts: int,
    policy: Policy,
) -> GateResult:
    """`learning` counts all frames to learn from by class, `sealed` the new ones to judge on; `leaks` are in two sets, `conflicts` have two labels.

    Too few sealed frames of one class are inconclusive: what is there may be sound.
    """
    fewest = min(learning.values(), default=0)
    judged = sum(sealed.values())
    short = [f"{min_gate - n} more of {label}" for label, n in sealed.items() if policy.gate_per_class and n < min_gate]
    verdict: Verdict = "inconclusive" if short else "pass"
    if fewest < min_train or leaks or conflicts or (judged < min_gate and not policy.gate_per_class):
        verdict = "fail"
    detail = (
        f"training frames by class: {_listed(learning)} (at least {min_train} each); new frames to judge on: "
        + (f"{_listed(sealed)} (at least {min_gate} each)" if policy.gate_per_class else f"{judged} (at least {min_gate})")
        + f"; {leaks} frames in two sets, {conflicts} with two labels"
        + (f"; needed: {', '.join(short)}" if short else "")
    )
    return GateResult("data", verdict, float(fewest), float(min_train), detail)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {n}" for label, n in counts.items())
