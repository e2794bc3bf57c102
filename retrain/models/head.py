"""The linear head on an embedding: what bootstrap fits first and a retraining fits again, in seconds, on cached features.

Multinomial logistic regression on standardised features, full-batch LBFGS, the penalty on the weights only; the standardisation is folded into
the returned weights, so that the graph holds one Gemm.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_FLOOR: Final = 1e-3
"""Features that vary less than this share of the typical feature's deviation are left out: standardising would blow their rounding up into a signal."""


@dataclass(frozen=True, slots=True)
class Head:
    """logits = embedding @ weight.T + bias; weight [K, D], bias [K]."""

    weight: Floats
    bias: Floats

    def logits(self, embedding: Floats) -> NDArray[np.float64]:
        """Logits [N, K] of embeddings [N, D], in float32 as the graph computes them."""
        return np.asarray(embedding @ self.weight.T + self.bias, dtype=np.float64)


def fit(embedding: Floats, truth: NDArray[np.int64], weight: Floats, classes: int, l2: float) -> Head:
    """The head that minimises sum_i w_i CE_i / sum_i w_i + l2/2 |W|^2 on embeddings [N, D] with truth [N] in 0..classes-1 and weights [N]."""
    share = weight.astype(np.float64) / weight.sum(dtype=np.float64)
    centre = share @ embedding
    centred = embedding - centre
    deviation = np.sqrt(share @ centred**2)
    scale = np.where(deviation > _FLOOR * np.median(deviation), deviation, np.inf)
    x_ND = torch.from_numpy((centred / scale).astype(np.float32))
    y_N, w_N = torch.from_numpy(truth), torch.from_numpy(share.astype(np.float32))
    W_KD = torch.zeros(classes, x_ND.shape[1], requires_grad=True)
    b_K = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [W_KD, b_K], max_iter=200, tolerance_grad=1e-5, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        entropy = torch.nn.functional.cross_entropy(x_ND @ W_KD.T + b_K, y_N, reduction="none") @ w_N
        total = entropy + 0.5 * l2 * W_KD.square().sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch's own signature
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch's own signature
    folded = W_KD.detach().numpy() / scale
    return Head(folded.astype(np.float32), (b_K.detach().numpy() - folded @ centre).astype(np.float32))


def balance(truth: NDArray[np.int64], classes: int, power: float) -> Floats:
    """Weights [N] that make the classes count (n_k)^(1-power) each: 0 leaves them as they are, 1 makes them equal."""
    counts = np.bincount(truth, minlength=classes).astype(np.float64)
    return ((len(truth) / np.maximum(counts, 1.0)) ** power)[truth].astype(np.float32)
