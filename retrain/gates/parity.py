"""Gate: the exported graph answers what torch answers, on real frames, at several batch sizes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from retrain.gates.verdict import UNKNOWN, Verdict

MAX_ABS: Final = 1e-3
AGREEMENT: Final = 0.999


def parity(torch_logits: NDArray[np.float64], onnx_logits: NDArray[np.float64], batches: tuple[int, ...]) -> GateResult:
    """Logits [N, K] by torch and by the exported graph on the same real frames, each batch size of `batches` in turn."""
    if torch_logits.shape != onnx_logits.shape or not np.isfinite(onnx_logits).all():
        return GateResult(
            "export parity", "fail", UNKNOWN, MAX_ABS, "the exported graph answers other shapes, or not finite numbers"
        )
    scale = max(1.0, float(np.abs(torch_logits).max()))
    worst = float(np.abs(torch_logits - onnx_logits).max()) / scale
    agreement = float((torch_logits.argmax(axis=1) == onnx_logits.argmax(axis=1)).mean())
    verdict: Verdict = "pass" if worst <= MAX_ABS and agreement >= AGREEMENT else "fail"
    detail = (
        f"largest difference between torch and ONNX Runtime, relative to logits of {scale:.1f}, over {len(torch_logits)} answers at batch sizes "
        f"{', '.join(map(str, batches))}; same class for {agreement:.1%}"
    )
    return GateResult("export parity", verdict, worst, MAX_ABS, detail)
