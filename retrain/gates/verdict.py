"""What gates have in common: three verdicts, the worst of which counts, and the rule that a gate which cannot judge lets nothing pass."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from contracts.errors import StoreError
from contracts.events import GateResult
from retrain.gates.paired import Changes

Verdict = Literal["pass", "fail", "inconclusive"]
ALPHA: Final = 0.05
LABELS: Final = "labels"
"""The gate on whose word the others rest."""
UNKNOWN: Final = 0.0
"""The value of a gate that has none: JSON knows no NaN."""


def guarded(gate: str, judge: Callable[[], GateResult]) -> GateResult:
    """A gate's result; one that raises fails closed with the error in its sentence.

    A StoreError goes through: nothing was judged and the candidate is not to blame, so that the attempt ends and another follows.
    """
    try:
        return judge()
    except StoreError:
        raise
    except Exception as error:  # a gate that cannot judge must not let anything pass
        return GateResult(gate, "fail", UNKNOWN, UNKNOWN, f"the gate itself failed: {error!r}")


def decide(verdicts: Iterable[Verdict]) -> Verdict:
    """Fail if one failed, else inconclusive if one could not tell, else pass. Of nothing judged: inconclusive."""
    said = list(verdicts)
    if "fail" in said:
        return "fail"
    return "inconclusive" if "inconclusive" in said or not said else "pass"


def settled(results: Sequence[GateResult], ask: bool) -> Literal["packaged", "rejected", "held"]:
    """What becomes of a candidate: packaged where nothing failed and all passed, or where a person is to `ask`; rejected where a gate failed; else held.

    Where the labels are in doubt nothing that they refuse is refused: held until they were looked at, since with better ones it is judged anew.
    """
    said = decide(result.verdict for result in results)
    if said == "fail":
        doubted = any(one.gate == LABELS and one.verdict == "inconclusive" and one.value > one.limit for one in results)
        return "held" if doubted else "rejected"
    return "packaged" if said == "pass" or (ask and results) else "held"


def within(found: Changes, margin: float) -> Verdict:
    """Non-inferiority in three values: pass where the loss is surely less than `margin`, fail where surely more, each at one-sided 5 %."""
    if found.p_within(margin) < ALPHA:
        return "pass"
    return "fail" if found.p_beyond(margin) < ALPHA else "inconclusive"


def wanted(found: Changes, margin: float) -> str:
    """What would tell: the frames that are there, what they are worth, and how many it takes."""
    needed, loss = found.frames_needed(margin), f"a loss of {100 * margin:g} point{'' if margin == 0.01 else 's'}"
    there = f"{found.frames} frames of {found.recordings} recordings are worth {found.n:.0f} independent ones"
    if not found.n:
        return f"{there}: frames of more recordings are needed to tell {loss}"
    if needed <= found.frames:
        return f"{there}; the loss is too near {100 * margin:g} points for them to tell"
    return f"{there}; about {needed:,} are needed to tell {loss}"
