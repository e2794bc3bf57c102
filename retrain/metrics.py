"""The instruments of the retrain service, made from the declarations in contracts/metrics_retrain.py."""

from typing import Final, get_args

from prometheus_client import CollectorRegistry

from contracts import metrics_retrain as declared
from contracts.metrics import counter, gauge, histogram
from retrain.job import Trigger

_NAME_BUDGET: Final = 100
"""Stages, gates and figures (some 15, 13 and 30 today) are named by the training code; a name beyond this many is counted as `other`, so that a bug there
cannot flood Prometheus."""


class Instruments:
    """One field an instrument."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.active = gauge(declared.ACTIVE, registry)
        self.runs = counter(declared.RUNS, registry)
        self.stage_seconds = histogram(declared.STAGE_SECONDS, registry)
        self.in_progress = gauge(declared.IN_PROGRESS, registry)
        self.progress = gauge(declared.PROGRESS, registry)
        self.figures = gauge(declared.FIGURES, registry)
        self.consecutive_failures = gauge(declared.CONSECUTIVE_FAILURES, registry)
        self.job_failed = gauge(declared.JOB_FAILED, registry)
        self.last_success = gauge(declared.LAST_SUCCESS, registry)
        self.gates = counter(declared.GATES, registry)
        self.holds = counter(declared.HOLDS, registry)
        self.held = gauge(declared.HELD, registry)
        self.budget_used = gauge(declared.BUDGET_USED, registry)
        self.budget_limit = gauge(declared.BUDGET_LIMIT, registry)
        self.gate_uses = gauge(declared.GATE_USES, registry)
        self.labels_wanted = gauge(declared.LABELS_WANTED, registry)
        self.labels = gauge(declared.LABELS, registry)
        self.labels_unkept = gauge(declared.LABELS_UNKEPT, registry)
        self.labels_received = counter(declared.LABELS_RECEIVED, registry)
        self.promotions = counter(declared.PROMOTIONS, registry)
        self.rollbacks = counter(declared.ROLLBACKS, registry)
        self.rollback_overdue = gauge(declared.ROLLBACK_OVERDUE, registry)
        self.rollout_state = gauge(declared.ROLLOUT_STATE, registry)
        self.rollout_share = gauge(declared.ROLLOUT_SHARE, registry)
        self.guard_ratio = gauge(declared.GUARD_RATIO, registry)
        self.events_consumed = counter(declared.EVENTS_CONSUMED, registry)
        self.dead_letters = counter(declared.DEAD_LETTERS, registry)
        self.lag_seconds = gauge(declared.LAG_SECONDS, registry)
        self.outbox = gauge(declared.OUTBOX, registry)
        self.ledger_intact = gauge(declared.LEDGER_INTACT, registry)
        self._names: set[str] = set()
        # From zero: the first of them is an increase, too.
        for trigger in get_args(Trigger):
            for outcome in ("published", "rejected", "held", "failed"):
                self.runs.labels(trigger, outcome)
        for by in ("guard", "person"):
            self.rollbacks.labels(by)
        for became in ("new", "same", "conflict", "older", "unusable"):
            self.labels_received.labels(became)

    def bounded(self, name: str) -> str:
        """A stage's, gate's or figure's name as a label value, from a set that cannot grow without end."""
        if name not in self._names and len(self._names) >= _NAME_BUDGET:
            return "other"
        self._names.add(name)
        return name
