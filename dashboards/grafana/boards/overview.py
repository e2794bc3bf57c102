"""Is anything wrong, and where?"""

from typing import Final

from dashboards.grafana.board import Board
from dashboards.grafana.links import at, board, console
from dashboards.grafana.queries import fleet, monitor, promise, serving
from dashboards.grafana.tiles import About, Column, Words, bad_from, figure, good_from, lines, rows

_MODEL: Final = "${__data.fields.model}"
_NO_MONITOR: Final = "No monitor judges: nothing is known. See the board Meta"
VERDICT: Final[Words] = {0: ("no loss of ten points", "green"), 1: ("no verdict", "#808080"), 2: ("worse", "red")}
"""Of quality: without a verdict it is grey, never green."""

BOARD: Final = Board(
    "keepsight-overview",
    "Overview",
    "Is anything wrong, and where? Red leads on: to the incident in the console, or to the board of the part that is ill.",
    (
        figure(
            About(
                "Incidents that page",
                "Open incidents whose severity is page: what the monitor is sure of and a person must end.",
                "Open the incident in the console: its page has the photographs, the evidence and the next step.",
                _NO_MONITOR,
                "short",
                (console("Incidents", "incidents"),),
            ),
            monitor.PAGES,
            steps=bad_from(1),
        ),
        figure(
            About(
                "Incidents as tickets",
                "Open incidents whose severity is ticket: they can wait for the morning.",
                "Go through them in the console, the oldest first; mark false alarms, which raises the limits.",
                _NO_MONITOR,
                "short",
                (console("Incidents", "incidents"),),
            ),
            monitor.TICKETS,
            steps=((None, "green"), (1, "orange")),
        ),
        figure(
            About(
                "Alerts that fire",
                "Alerts of Keepsight that fire now, the watchdog among them, which always does: 1 is what it should be.",
                "The table below names them; each leads to its runbook. 0: the rules of dashboards/rules are not loaded.",
                "No process of Keepsight is scraped",
                "short",
            ),
            fleet.ALERTS_FIRING,
            steps=((None, "red"), (1, "green"), (2, "orange")),
        ),
        figure(
            About(
                "Processes down",
                "Targets of the three scrape jobs that did not answer their last scrape.",
                "The board Meta names them. Look at the pod or the unit first, then at the network between it and Prometheus.",
                "Prometheus has no scrape job keepsight-serving, keepsight-monitor or keepsight-retrain",
                "short",
                (board("Meta", "keepsight-meta"),),
            ),
            fleet.DOWN,
            steps=bad_from(1),
        ),
        figure(
            About(
                "Frames answered",
                "Of the frames that serving owed an answer over five minutes, the share that got one; the promise is 99.9 %.",
                "The board Serving shows which answer failed and in which stage; the budget of the month is there too.",
                "No frame was owed an answer in the last five minutes, or the recording rules (slo.yaml) are not loaded",
                "percentunit",
                (board("Serving", "keepsight-serving"),),
            ),
            promise.ANSWERED,
            steps=good_from(0.999, 0.99),
        ),
        figure(
            About(
                "Evidence late",
                "How far the newest judged event lies behind the clock. Verdicts are that old.",
                "The board Pipeline shows where events wait: in serving's spool, in the log, or before the monitor.",
                _NO_MONITOR,
                "s",
                (board("Pipeline", "keepsight-pipeline"),),
            ),
            monitor.LAG,
            steps=bad_from(300, 60),
        ),
        rows(
            About(
                "Models",
                "A row for each model. Quality is realised accuracy against the benchmark; grey: too few labels for a verdict.",
                "Follow the model's name to what moved, and since when.",
                "No model is served or watched",
                "short",
            ),
            Column(monitor.PAGES_OF_MODEL, steps=bad_from(1)),
            Column(monitor.TICKETS_OF_MODEL, steps=((None, "green"), (1, "orange"))),
            Column(monitor.DRIFTED_OF_MODEL, steps=((None, "green"), (1, "orange"))),
            Column(monitor.FAULTS_OF_MODEL, steps=((None, "green"), (1, "orange"))),
            Column(monitor.QUALITY_OF_MODEL, words=VERDICT),
            Column(serving.FRAMES_OF_MODEL),
            Column(monitor.LAG_OF_MODEL, unit="s", steps=bad_from(300, 60)),
            order=("model",),
            leads={"model": (board("What moved", "keepsight-model", model=_MODEL), console("Fleet"))},
            width=14,
        ),
        rows(
            About(
                "Alerts",
                "What fires now, by name.",
                "Follow the name to its runbook. An alert that fires here and reached nobody: look at Alertmanager.",
                "No alert fires, not even the watchdog: are the rules of dashboards/rules loaded?",
                "short",
            ),
            Column(fleet.ALERTS),
            leads={"alertname": (console("Runbook", "runbooks/${__data.fields.alertname}"),)},
            width=10,
        ),
        rows(
            About(
                "Open incidents",
                "The 50 open incidents that page or are newest, with what they do and who has seen them.",
                "Follow the headline to the incident: photographs beside the reference, evidence, and buttons.",
                "No incident is open, or no monitor judges: see Incidents that page",
                "dateTimeFromNow",
            ),
            Column(monitor.INCIDENTS, unit="dateTimeFromNow"),
            order=("severity", "headline", "since", "site", "effect", "acknowledged_by"),
            hidden=("path",),
            leads={"headline": (at("Incident", "${__data.fields.path}"),)},
        ),
        lines(
            About(
                "Drift by model",
                "The highest drift score of a model over its limit; 1 is the crossing. Drift is no harm yet: quality says that.",
                "Above 1 for long and no incident: the cameras are muted, or the next blocks will confirm it. See the model's board.",
                "No camera has filled its first block yet, or no monitor judges",
                "none",
                (board("What moved", "keepsight-model", model="${__field.labels.model}"),),
            ),
            monitor.DRIFT_OF_MODEL,
            steps=bad_from(1),
        ),
        lines(
            About(
                "Cameras by state",
                "How many cameras are quiet, warm up, are suspect, drifted, at fault, away, or cannot be judged.",
                "Many at once: a common cause (light, a new batch, the network). One alone: the camera. The console has the list.",
                _NO_MONITOR,
                "short",
                (board("Cameras", "keepsight-camera"), console("Cameras", "cameras")),
            ),
            monitor.CAMERAS,
            stacked=True,
        ),
        lines(
            About(
                "Open incidents by cause",
                "Since when something is wrong, and of which kind.",
                "A step of many at once has one cause: what was changed at that time? The marks of promotions may say it.",
                "Good, if a monitor judged: no incident was open in this time",
                "short",
                (console("Incidents", "incidents"),),
            ),
            monitor.BY_CAUSE,
            stacked=True,
        ),
    ),
)
