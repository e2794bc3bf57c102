"""Is the monitoring itself healthy?"""

from typing import Final

from dashboards.grafana.board import INSTANCE, MODEL, Board
from dashboards.grafana.links import board, console
from dashboards.grafana.queries import fleet, monitor, retrain, serving
from dashboards.grafana.tiles import About, Column, bad_from, figure, good_from, lines, rows, states

_NOBODY: Final = "No process of Keepsight is scraped: look at Prometheus' page of targets"

BOARD: Final = Board(
    "keepsight-meta",
    "Meta",
    "Is the monitoring itself healthy? Who runs, who decides, what it costs, and what it could not do.",
    (
        states(
            About(
                "Up",
                "Whether each target answered its last scrape.",
                "One down: its pod or unit. All of a job: the scrape configuration, a network policy, or a key that /metrics asks for.",
                _NOBODY,
                "none",
            ),
            fleet.UP_OVER_TIME,
            {0: ("down", "red"), 1: ("up", "green")},
        ),
        rows(
            About(
                "Releases",
                "Which release of Keepsight runs where, and how many processes of it.",
                "Two releases for longer than an upgrade takes: a rollout of pods is stuck.",
                _NOBODY,
                "short",
            ),
            Column(fleet.RELEASES),
            width=12,
            height=7,
        ),
        figure(
            About(
                "Replicas that decide",
                "How many replicas of monitor and of retrain decide for each model. It must be one.",
                "None: both stand by or wait for log or store; their /readyz says why. Two for more than a moment: their stores differ.",
                "No monitor and no retrain service is scraped",
                "none",
            ),
            monitor.ACTIVE,
            retrain.ACTIVE,
            steps=((None, "red"), (1, "green"), (2, "red")),
            width=12,
        ),
        figure(
            About(
                "Starts and swaps",
                "How often processes started anew over the time shown, by job; versions that serving exchanged, and those that it refused.",
                "More starts than upgrades explain: killed for memory, or a crash. A refused version: serving's log names the check.",
                _NOBODY,
                "short",
            ),
            fleet.RESTARTS,
            serving.SWAPS,
            serving.VERSIONS_REFUSED,
            steps=((None, "green"), (1, "blue"), (5, "orange")),
            width=6,
        ),
        figure(
            About(
                "Certificate",
                "Time left of the first certificate of serving that ends.",
                "Under seven days: it was not renewed. Put a new one in the same place, it is taken up without a restart.",
                "Serving runs without TLS",
                "s",
                (board("Serving", "keepsight-serving"),),
            ),
            serving.CERTIFICATE,
            steps=good_from(14 * 86400, 7 * 86400),
            width=6,
        ),
        lines(
            About(
                "Memory",
                "Resident memory of each process; the 20 largest.",
                "A slope over days is a leak: report it with this picture. A step: a version, or more cameras.",
                _NOBODY,
                "bytes",
            ),
            fleet.MEMORY,
        ),
        lines(
            About(
                "Processor",
                "Cores that each process uses; the 20 busiest.",
                "At its limit: the process is throttled, and time to answer grows first. Add replicas of serving; the monitor scales by partitions.",
                _NOBODY,
                "suffix: cores",
            ),
            fleet.CPU,
        ),
        lines(
            About(
                "File descriptors",
                "The share of its file descriptors that each process has open; the 20 fullest.",
                "Rising steadily: connections that are not closed; see open connections on the board Serving.",
                _NOBODY,
                "percentunit",
            ),
            fleet.DESCRIPTORS,
            steps=bad_from(0.8),
            most=1,
        ),
        lines(
            About(
                "Series and scrapes",
                "Samples of one scrape by job. A large fleet comes to some 37,000; at 45,000 an alert is due.",
                'Growing: which label? Ask Prometheus for topk(10, count by (__name__) ({job=~"keepsight-.*"})).',
                _NOBODY,
                "short",
            ),
            fleet.SERIES,
            steps=bad_from(45_000),
            width=6,
        ),
        lines(
            About(
                "Time of a scrape",
                "The longest scrape of each job.",
                "Above a tenth of a second: a machine that is too busy, or too many series.",
                _NOBODY,
                "s",
            ),
            fleet.SCRAPES,
            steps=bad_from(0.1),
            width=6,
        ),
        lines(
            About(
                "Requests to the monitor's port that were refused",
                "By problem, a second: keys that are missing or unknown, a scope that does not fit, hosts and sites that may not ask.",
                "unknown-key from many places: somebody tries. missing-key after an upgrade: Prometheus has no key yet (docs/security.md).",
                "No monitor judges: nothing is known",
                "suffix: /s",
            ),
            monitor.REFUSED,
            width=6,
        ),
        lines(
            About(
                "What could not be done",
                "In the hour before: files that changed and were refused, reports of incidents, MLflow's mirror, traces.",
                "files refused: the earlier keys or certificate stay in service; the log names the file. reports failed: their extra is missing.",
                _NOBODY,
                "short",
                (console("Incidents", "incidents"),),
            ),
            serving.RENEWALS_REFUSED,
            monitor.RENEWALS_REFUSED,
            monitor.REPORTS,
            retrain.MLFLOW,
            serving.SPANS,
            width=6,
        ),
    ),
    (MODEL, INSTANCE),
)
