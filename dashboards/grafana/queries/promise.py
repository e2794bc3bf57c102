"""Queries on what is promised to cameras, by the recording rules of `dashboards/rules/slo.yaml`: the promise is written down there, once."""

from typing import Final

from dashboards.grafana.promql import Query

AVAILABILITY_BUDGET: Final = "keepsight:availability:budget"
LATENCY_BUDGET: Final = "keepsight:latency:budget"
UNANSWERED: Final = "keepsight:serving_unanswered:ratio_rate{}"
SLOW: Final = "keepsight:serving_slow:ratio_rate{}"
_MISSED: Final = "keepsight:serving_frames_unanswered:rate5m"
_DUE: Final = "keepsight:serving_frames_due:rate5m"

ANSWERED: Final = Query(f"(1 - {UNANSWERED.format('5m')}) >= 0", "answered")
"""Nothing where no frame was due: not a number is above no bound."""
BUDGET_LEFT: Final = Query(
    f"1 - avg_over_time({_MISSED}[30d]) / (avg_over_time({_DUE}[30d]) > 0) / scalar({AVAILABILITY_BUDGET})", "left of 30 days"
)
BURN: Final = tuple(
    Query(f"({ratio.format(window)} / scalar({budget})) >= 0", f"{word}, {window}")
    for ratio, budget, word in ((UNANSWERED, AVAILABILITY_BUDGET, "unanswered"), (SLOW, LATENCY_BUDGET, "slow"))
    for window in ("1h", "6h")
)
