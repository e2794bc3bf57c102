"""The forced burst: an estimate says that the model suffers, and a few hundred labels of the case's own frames say whether that is so.

Its e-process begins with the case and stakes one unit on the labels of frames taken since: W_k <- W_k (1 + lambda_k (l - p0)). While the risk is at
most p0 the sum ever reaches 1 / alpha with probability at most alpha (Ville 1939), however often it is looked at. So a crossing confirms the harm; the
wanted number of labels without one leaves the estimate unconfirmed, with the interval of what was measured.
"""

from typing import Final, Literal

import msgspec

from monitor.detectors.e_detector import WEIGHTS, growth

MOST: Final = 500
"""Labels that a burst may ask for."""
_CEILING: Final = 1e200

Verdict = Literal["", "confirmed", "unconfirmed"]


class Burst(msgspec.Struct):
    """A case's burst of `wanted` labels; `tolerated` is p0. `verdict` is "" while it runs, and stays once given."""

    wanted: int
    tolerated: float
    have: int = 0
    loss: float = 0.0
    wealth: tuple[float, ...] = WEIGHTS
    verdict: Verdict = ""

    def take(self, loss: float, alpha: float) -> Verdict:
        """Take one loss in [0, 1]; the verdict it brings, "" when it brings none. Raises ValueError for no loss."""
        if self.verdict:
            return ""
        factors = growth(loss, self.tolerated)
        self.wealth = tuple(min(_CEILING, w * f) for w, f in zip(self.wealth, factors, strict=True))
        self.have += 1
        self.loss += loss
        if sum(self.wealth) >= 1 / alpha:
            self.verdict = "confirmed"
        elif self.have >= self.wanted:
            self.verdict = "unconfirmed"
        return self.verdict
