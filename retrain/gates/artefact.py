"""Gate: the graph loads, passes the checker and has the signature that serving feeds."""

from collections.abc import Sequence

from contracts.events import GateResult


def artefact(problems: Sequence[str]) -> GateResult:
    """`problems` says what is wrong with the graph, a sentence each; none is a pass."""
    detail = "; ".join(problems) or "self-contained, accepted by the ONNX checker, signature as the champion's"
    return GateResult("artefact", "fail" if problems else "pass", float(len(problems)), 0.0, detail)
