"""Did the cure work?"""

from typing import Final

from dashboards.grafana.board import Board
from dashboards.grafana.links import console
from dashboards.grafana.queries import retrain
from dashboards.grafana.tiles import About, Column, Steps, Words, bad_from, figure, lines, rows, states

_NOBODY: Final = "No retrain service decides: see the board Meta"
_JOBS: Final = (console("Jobs", "jobs"),)
_VERSIONS: Final = (console("Versions", "versions"),)
_VERDICTS: Final[tuple[Steps, ...]] = ((), ((None, "text"), (1, "orange")), ((None, "text"), (1, "red")))
"""How the columns of the gates look: pass, inconclusive, fail."""
_IN_STATE: Final[Words] = {0: ("", "transparent"), 1: ("here", "blue")}

BOARD: Final = Board(
    "keepsight-retrain",
    "Retraining and rollout",
    "Did the cure work? What runs, what waits and what for, what the gates said, and how far the new version has come.",
    (
        figure(
            About(
                "Share under rollout",
                "The share of the cameras that the version under rollout may answer; nothing when none is.",
                "Stays for long: the canary waits for frames or for an approval. The console says which.",
                _NOBODY,
                "percentunit",
                _VERSIONS,
            ),
            retrain.SHARE,
            width=4,
        ),
        figure(
            About(
                "Failures in a row",
                "Runs in a row that failed, were refused by a gate, or were taken back.",
                "At 3 the next waits longer each time. Read the gates' verdicts of the last: usually labels are missing, or doubtful.",
                _NOBODY,
                "short",
                _JOBS,
            ),
            retrain.FAILURES,
            retrain.JOB_FAILED,
            steps=bad_from(3, 1),
            width=4,
        ),
        figure(
            About(
                "Since the last version",
                "Time since a run last published a version.",
                "Long is no fault by itself: nothing decayed. Long with open requests: see what waits.",
                "No run has published a version yet",
                "s",
                _VERSIONS,
            ),
            retrain.SINCE_SUCCESS,
            width=4,
        ),
        figure(
            About(
                "Promoted and taken back",
                "Versions that became champion, and rollouts that a guard or a person took back, over the time shown.",
                "Taken back by a guard: the evidence is on the version's page. More than one: stop and look at the labels.",
                _NOBODY,
                "short",
                _VERSIONS,
            ),
            retrain.PROMOTIONS,
            retrain.ROLLBACKS,
            width=6,
        ),
        figure(
            About(
                "Rollback overdue, ledger altered",
                "Whether a rollback has not shown the old version answering in time, and whether the ledger's chain was broken at the start.",
                "Overdue: some server still answers with the bad version; its runbook says how to find it. Altered: the audit says where.",
                _NOBODY,
                "none",
                (console("Audit", "audit"),),
            ),
            retrain.OVERDUE,
            retrain.LEDGER,
            words={0: ("no", "green"), 1: ("yes", "red")},
            width=6,
        ),
        states(
            About(
                "Rollout",
                "The state of the newest rollout over time.",
                "awaiting_approval: a person is asked. rolling_back for long: see the overdue rollback.",
                "No version was rolled out since the service started",
                "none",
                _VERSIONS,
            ),
            retrain.STATES,
            _IN_STATE,
            height=8,
        ),
        lines(
            About(
                "Guards of the rollout",
                "Evidence of each guard over its threshold: 1 takes the version back.",
                "One guard near 1: the version's page shows its frames. Hold the rollout in the console if you know why.",
                "No version is under rollout",
                "none",
                _VERSIONS,
            ),
            retrain.GUARDS,
            steps=bad_from(1),
            width=12,
        ),
        lines(
            About(
                "Jobs that wait, and what for",
                "Jobs that wait now by reason, and the labels that the hungriest lacks.",
                "labels: label what the console hands out. budget: raise it or wait. camera_fault: mend the camera first.",
                _NOBODY,
                "short",
                _JOBS,
            ),
            retrain.HELD,
            retrain.LABELS_WANTED,
        ),
        lines(
            About(
                "Training",
                "Whether a training runs, how far it is, and its figures of each step (losses, scores, share of time waiting for frames).",
                "Stands still: its log is in the job's folder. A loss that is not a number ends the run by itself.",
                "No training has run since the service started",
                "none",
                _JOBS,
            ),
            retrain.IN_PROGRESS,
            retrain.PROGRESS,
            retrain.FIGURES,
        ),
        rows(
            About(
                "Verdicts of the gates",
                "How often each gate said what since the service started.",
                "inconclusive: more labels settle it, the gate's page says how many. fail: the candidate is worse there; it is never published.",
                "No gate has judged since the service started",
                "short",
            ),
            *(Column(query, steps=steps) for query, steps in zip(retrain.GATES, _VERDICTS, strict=True)),
            width=8,
        ),
        lines(
            About(
                "Budget and wear",
                "The used share of what is allowed: runs of seven days, device minutes of thirty; and the verdicts that one recording has given.",
                "At 1 the next run waits. Many verdicts of one recording: label fresh frames, gates learn nothing from worn ones.",
                "No budget is set, or no retrain service decides",
                "short",
                _JOBS,
            ),
            retrain.BUDGET,
            retrain.GATE_USES,
            width=12,
        ),
        lines(
            About(
                "Runs and time by stage",
                "Runs that ended in the day before by outcome, and the 90th percentile of each stage's seconds since the service started.",
                "rejected or failed outweigh published: read the last ones on the jobs page. A stage grows: more frames, or a slower disk.",
                "No run has ended since the service started",
                "short",
                _JOBS,
            ),
            retrain.RUNS,
            retrain.STAGES,
            width=12,
        ),
    ),
    since="now-7d",
)
