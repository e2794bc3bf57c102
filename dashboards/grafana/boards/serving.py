"""Are cameras served?"""

from typing import Final

from dashboards.grafana.board import MODEL, SERVER, Board
from dashboards.grafana.links import board, console
from dashboards.grafana.queries import promise, serving
from dashboards.grafana.tiles import About, Column, bad_from, figure, good_from, lines, rows, states

_NO_FRAMES: Final = "No frame came in this time"
_NO_RULES: Final = "No frame was owed an answer, or the recording rules (dashboards/rules/slo.yaml) are not loaded"

BOARD: Final = Board(
    "keepsight-serving",
    "Serving",
    "Are cameras served? What is promised, what is kept of it, and in which stage the time goes.",
    (
        figure(
            About(
                "Answered",
                "Of the frames that serving owed an answer over five minutes (all models), the share that got one; promised are 99.9 %.",
                "Look at the refusals below: overloaded and deadline-expired want more room, not-ready and inference-failed a look into the log.",
                _NO_RULES,
                "percentunit",
            ),
            promise.ANSWERED,
            steps=good_from(0.999, 0.99),
            width=6,
        ),
        figure(
            About(
                "Budget left",
                "What is left of the unanswered frames that 30 days may have; below nothing the promise of the month is broken.",
                "Used up: no risky change this month; find what took it in the panel of burn rates.",
                _NO_RULES,
                "percentunit",
            ),
            promise.BUDGET_LEFT,
            steps=good_from(0.5, 0.1),
            width=6,
        ),
        lines(
            About(
                "Burn rate of the budgets",
                "How many times faster than allowed the budget is used: at 1 it lasts the month, at 14.4 two days, at 6 five days.",
                "Above 14.4 over an hour, or 6 over six, a page goes out; its runbook begins at the refusals below.",
                _NO_RULES,
                "none",
            ),
            *promise.BURN,
            steps=((None, "green"), (6, "orange"), (14.4, "red")),
            width=12,
            height=5,
        ),
        lines(
            About(
                "Frames by outcome",
                "Frames a second by how they ended. rejected: the frame is at fault; refused: the request; gone: the client left first.",
                "overloaded or failed grow: serving. rejected grows: a camera (see the board Cameras).",
                _NO_FRAMES,
                "suffix: /s",
                (board("Cameras", "keepsight-camera", model="${model}"),),
            ),
            serving.FRAMES_BY_OUTCOME,
            stacked=True,
        ),
        lines(
            About(
                "Time to answer",
                "From a request's head to the end of its answer, answered requests with one frame: median, 95th and 99th percentile. Dots: traced ones.",
                "All rise: load or a heavier version. The 99th alone: garbage, a neighbour on the machine, or one slow camera's link.",
                _NO_FRAMES,
                "s",
            ),
            *serving.LATENCY,
            steps=bad_from(0.5),
            exemplars=True,
        ),
        lines(
            About(
                "Refusals",
                "Answers other than success a second, by problem, on every route.",
                "The problem's name is in docs/operating-serving.md with its cause. rate-limited is a limit that somebody set.",
                "Good, if a server is scraped: nothing was refused",
                "suffix: /s",
            ),
            serving.REFUSALS,
            stacked=True,
        ),
        lines(
            About(
                "Frames by version",
                "Frames a second that each version answered, that the shadow version saw, and whose scores were not finite numbers.",
                "Not finite: the version is broken, take it back. shadow dropped: no room beside the answers, no camera suffers.",
                _NO_FRAMES,
                "suffix: /s",
                (console("Versions", "versions"),),
            ),
            serving.FRAMES_BY_VERSION,
            serving.SHADOW,
            serving.INVALID,
        ),
        lines(
            About(
                "Stages, median",
                "The usual time in each stage of a frame.",
                "queue: add workers or replicas. infer: the version, or the provider it fell back to. journal: the spool's disk.",
                _NO_FRAMES,
                "s",
            ),
            serving.STAGE_MEDIAN,
        ),
        lines(
            About(
                "Stages, 99th percentile",
                "The time in each stage that one frame in a hundred exceeds.",
                "read: a slow camera link, not serving. publish: the log is slow, no camera waits for it.",
                _NO_FRAMES,
                "s",
            ),
            serving.STAGE_P99,
        ),
        lines(
            About(
                "How full it is",
                "The fullest server: frames that wait, and open connections, over their limits.",
                "Near 1 the next frame is answered 429. Add replicas, or find out who sends more than before.",
                "No server is scraped",
                "percentunit",
            ),
            serving.QUEUE_FULL,
            serving.CONNECTIONS_FULL,
            steps=bad_from(1),
            most=1,
            width=6,
            height=7,
        ),
        rows(
            About(
                "Versions in service",
                "Each version that servers hold ready, its role, its file and where it runs, with how many servers.",
                "Two champions for longer than a swap takes: a server cannot load the new one; its log says which check failed.",
                "No server has a version: import one (keepsight import-model)",
                "short",
            ),
            Column(serving.VERSIONS),
            leads={"version": (console("The version", "versions"),)},
            width=10,
            height=7,
        ),
        states(
            About(
                "Ready",
                "Whether each server answers frames.",
                "Red: /readyz of that server says why: no version, a version that cannot be loaded, or it is leaving.",
                "No server is scraped",
                "none",
            ),
            serving.READY,
            {0: ("not ready", "red"), 1: ("ready", "green")},
            width=8,
        ),
    ),
    (MODEL, SERVER),
)
