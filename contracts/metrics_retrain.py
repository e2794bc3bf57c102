"""The metrics of retrain: training runs and why none runs, the gates' verdicts, the rollout and its guards, and the freshness of what it knows."""

from typing import Final

from contracts.metrics import Spec

ACTIVE: Final = Spec(
    "keepsight_retrain_active",
    "gauge",
    "1 while this replica is the one that decides for the model, 0 while it stands by.",
    ("model",),
)
RUNS: Final = Spec(
    "keepsight_retrain_runs_total", "counter", "Training runs that ended, by what started them and how.", ("trigger", "outcome")
)
STAGE_SECONDS: Final = Spec(
    "keepsight_retrain_stage_duration_seconds",
    "histogram",
    "How long each stage of a training run took.",
    ("stage",),
    (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400),
)
IN_PROGRESS: Final = Spec("keepsight_retrain_in_progress", "gauge", "1 while a training process runs.")
PROGRESS: Final = Spec(
    "keepsight_retrain_progress", "gauge", "How far the running training process is (0 to 1); 0 while none runs."
)
FIGURES: Final = Spec(
    "keepsight_retrain_figure",
    "gauge",
    "Figures of the newest training process's steps, the last of each, such as a loss or the share of time that it waited for frames.",
    ("figure",),
)
CONSECUTIVE_FAILURES: Final = Spec(
    "keepsight_retrain_consecutive_failures", "gauge", "Runs in a row that failed, were refused by a gate, or were rolled back."
)
JOB_FAILED: Final = Spec(
    "keepsight_retrain_job_failed",
    "gauge",
    "1 while a run that failed in each of its attempts waits for a person, until a later one comes through.",
)
LAST_SUCCESS: Final = Spec(
    "keepsight_retrain_last_success_timestamp_seconds", "gauge", "When a run last published a version (Unix seconds, 0: never)."
)
GATES: Final = Spec("keepsight_retrain_gate_results_total", "counter", "Verdicts of the gates.", ("gate", "verdict"))
HOLDS: Final = Spec("keepsight_retrain_holds_total", "counter", "Times that a job began to wait, by what for.", ("reason",))
HELD: Final = Spec("keepsight_retrain_held", "gauge", "Jobs that wait now, by what for.", ("reason",))
BUDGET_USED: Final = Spec(
    "keepsight_retrain_budget_used", "gauge", "Runs of the last seven days, and device minutes of the last thirty.", ("of",)
)
BUDGET_LIMIT: Final = Spec(
    "keepsight_retrain_budget_limit", "gauge", "What of it is allowed; without a series there is no limit.", ("of",)
)
GATE_USES: Final = Spec(
    "keepsight_retrain_gate_uses", "gauge", "Verdicts that the recording has given that gave most: each wears a gate set a little."
)
LABELS_WANTED: Final = Spec(
    "keepsight_retrain_labels_wanted", "gauge", "Labels that the waiting job lacks which lacks most; 0 when none waits for labels."
)
LABELS: Final = Spec("keepsight_retrain_labels", "gauge", "Labels kept.")
LABELS_UNKEPT: Final = Spec(
    "keepsight_retrain_labels_unkept",
    "gauge",
    "Labelled frames that are not yet copied to where retention does not go; 0 most of the time.",
)
LABELS_RECEIVED: Final = Spec(
    "keepsight_retrain_labels_received_total", "counter", "Labels received, by what became of them.", ("outcome",)
)
PROMOTIONS: Final = Spec("keepsight_rollout_promotions_total", "counter", "Versions that became champion.")
ROLLBACKS: Final = Spec("keepsight_rollout_rollbacks_total", "counter", "Rollouts taken back, by whom.", ("by",))
ROLLBACK_OVERDUE: Final = Spec(
    "keepsight_rollout_rollback_overdue", "gauge", "1 while a rollback has not shown the old version answering within its deadline."
)
ROLLOUT_STATE: Final = Spec("keepsight_rollout_state", "gauge", "1 for the state of the newest rollout.", ("state",))
ROLLOUT_SHARE: Final = Spec(
    "keepsight_rollout_share", "gauge", "Share of the cameras that the version under rollout may answer (0 to 1)."
)
GUARD_RATIO: Final = Spec(
    "keepsight_rollout_guard_ratio",
    "gauge",
    "Evidence of a rollout guard over its threshold (logarithmic): 1 rolls back.",
    ("guard",),
)
MLFLOW: Final = Spec(
    "keepsight_rollout_mlflow_total",
    "counter",
    "Ended rollouts on their way into MLflow: mirrored, failed (a try, another follows), refused by MLflow, dropped because too many waited.",
    ("outcome",),
)
EVENTS_CONSUMED: Final = Spec("keepsight_retrain_events_consumed_total", "counter", "Records read from the log.", ("topic",))
DEAD_LETTERS: Final = Spec("keepsight_retrain_dead_letters_total", "counter", "Records that could not be parsed or handled.")
LAG_SECONDS: Final = Spec(
    "keepsight_retrain_lag_seconds", "gauge", "Age of the newest record handled while more wait; 0 when none waits."
)
OUTBOX: Final = Spec("keepsight_retrain_outbox_events", "gauge", "Events decided and not yet on the log.")
LEDGER_INTACT: Final = Spec("keepsight_retrain_ledger_intact", "gauge", "1 when the ledger's hash chain held at the start, else 0.")

ALL: tuple[Spec, ...] = (
    ACTIVE,
    RUNS,
    STAGE_SECONDS,
    IN_PROGRESS,
    PROGRESS,
    FIGURES,
    CONSECUTIVE_FAILURES,
    JOB_FAILED,
    LAST_SUCCESS,
    GATES,
    HOLDS,
    HELD,
    BUDGET_USED,
    BUDGET_LIMIT,
    GATE_USES,
    LABELS_WANTED,
    LABELS,
    LABELS_UNKEPT,
    LABELS_RECEIVED,
    PROMOTIONS,
    ROLLBACKS,
    ROLLBACK_OVERDUE,
    ROLLOUT_STATE,
    ROLLOUT_SHARE,
    GUARD_RATIO,
    MLFLOW,
    EVENTS_CONSUMED,
    DEAD_LETTERS,
    LAG_SECONDS,
    OUTBOX,
    LEDGER_INTACT,
)
