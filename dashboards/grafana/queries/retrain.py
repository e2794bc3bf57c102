"""Queries on retrain: what runs, what waits and why, what the gates said, and where the rollout stands."""

from typing import Final

from contracts import metrics_retrain as m
from contracts.metrics import Spec
from dashboards.grafana.promql import RETRAINS, Query, increase, of_retrain, quantile, rate, series


def _sum(expr: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} ({of_retrain(expr)})"


def _newest(spec: Spec, by: str = "", **labels: str) -> str:
    return f"max{f' by ({by})' if by else ''} ({of_retrain(series(spec, **labels))})"


STATES: Final = Query(_newest(m.ROLLOUT_STATE, "state"), "{{state}}")
SHARE: Final = Query(_newest(m.ROLLOUT_SHARE), "share of the cameras")
OVERDUE: Final = Query(_newest(m.ROLLBACK_OVERDUE), "rollback overdue")
GUARDS: Final = Query(_newest(m.GUARD_RATIO, "guard"), "{{guard}}")
PROMOTIONS: Final = Query(_sum(increase(m.PROMOTIONS)), "promoted")
ROLLBACKS: Final = Query(_sum(increase(m.ROLLBACKS), "by"), "taken back by {{by}}")
RUNS: Final = Query(_sum(increase(m.RUNS, "1d"), "outcome"), "{{outcome}}")
GATES: Final = tuple(Query(_sum(series(m.GATES, verdict=verdict), "gate"), verdict) for verdict in ("pass", "inconclusive", "fail"))
IN_PROGRESS: Final = Query(_newest(m.IN_PROGRESS), "training runs")
PROGRESS: Final = Query(_newest(m.PROGRESS), "progress")
FIGURES: Final = Query(_newest(m.FIGURES, "figure"), "{{figure}}")
FAILURES: Final = Query(_newest(m.CONSECUTIVE_FAILURES), "in a row")
JOB_FAILED: Final = Query(_newest(m.JOB_FAILED), "a run waits for a person")
SINCE_SUCCESS: Final = Query(f"time() - ({_newest(m.LAST_SUCCESS)} > 0)", "since a version")
HELD: Final = Query(_newest(m.HELD, "reason"), "{{reason}}")
BUDGET: Final = Query(f"{_newest(m.BUDGET_USED, 'of')} / on (of) {_newest(m.BUDGET_LIMIT, 'of')}", "{{of}}")
GATE_USES: Final = Query(_newest(m.GATE_USES), "verdicts of one recording")
STAGES: Final = Query(quantile(0.9, of_retrain(series(m.STAGE_SECONDS, "_bucket")), "stage"), "p90 of {{stage}}")
"""Of all runs since the service started: runs are rare, and of a stage's first time an increase knows nothing."""
LABELS_WANTED: Final = Query(_newest(m.LABELS_WANTED), "wanted")
LABELS_UNKEPT: Final = Query(_newest(m.LABELS_UNKEPT), "retrain: labelled frames not yet copied")
LABELS_RECEIVED: Final = Query(_sum(rate(m.LABELS_RECEIVED), "outcome"), "received: {{outcome}}")
LAG: Final = Query(_newest(m.LAG_SECONDS), "retrain")
CONSUMED: Final = Query(_sum(rate(m.EVENTS_CONSUMED), "topic"), "{{topic}}")
DEAD: Final = Query(_sum(increase(m.DEAD_LETTERS)), "retrain: could not be handled")
OUTBOX: Final = Query(_newest(m.OUTBOX), "retrain: events that wait for the log")
LEDGER: Final = Query(f"1 - min({of_retrain(series(m.LEDGER_INTACT))})", "ledger altered")
MLFLOW: Final = Query(_sum(increase(m.MLFLOW, "1h"), "outcome"), "MLflow: {{outcome}}")
ACTIVE: Final = Query(f"sum by (model) ({RETRAINS})", "retrain of {{model}}")
