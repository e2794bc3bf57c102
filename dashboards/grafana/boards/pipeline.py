"""Is the evidence fresh and whole?"""

from typing import Final

from dashboards.grafana.board import MODEL, SERVER, Board
from dashboards.grafana.links import console
from dashboards.grafana.queries import monitor, retrain, serving
from dashboards.grafana.tiles import About, Words, bad_from, figure, lines

_NO_SERVER: Final = "No server is scraped"
_NO_MONITOR: Final = "No monitor judges: see the board Meta"
_LOG: Final[Words] = {0: ("away", "red"), 1: ("reached", "green")}

BOARD: Final = Board(
    "keepsight-pipeline",
    "Pipeline",
    "Is the evidence fresh and whole? From the answered frame over spool and log to the judged event: what is not judged is not watched.",
    (
        figure(
            About(
                "Log",
                "Whether the log took the newest events of every server.",
                "Away: events wait on serving's disk, and the spool below says for how long there is room. Bring the log back.",
                _NO_SERVER,
                "none",
            ),
            serving.LOG_UP,
            words=_LOG,
            width=6,
        ),
        figure(
            About(
                "Events lost",
                "Events that the full spool, or its disk, did not take, over the time shown.",
                "They are gone for good: frames that were answered and that nobody will judge. Give the spool room, bring the log back.",
                _NO_SERVER,
                "short",
            ),
            serving.EVENTS_LOST,
            steps=bad_from(1),
            width=6,
        ),
        figure(
            About(
                "Dead letters",
                "Records that could not be parsed or handled, over the time shown; they lie on the topic keepsight.dead with their reasons.",
                "Read one: kcat -C -t keepsight.dead -o -1 -e. A new release on one side only is the usual cause.",
                "No service is scraped",
                "short",
            ),
            monitor.DEAD,
            retrain.DEAD,
            serving.EVENTS_TOO_LARGE,
            steps=((None, "green"), (1, "orange")),
            width=6,
        ),
        figure(
            About(
                "Newest event that is judged",
                "How old the newest judged event is. It grows also when cameras rest.",
                "Old while frames are answered: events do not arrive. Compare published and taken below.",
                _NO_MONITOR,
                "s",
            ),
            monitor.AGE,
            width=6,
        ),
        lines(
            About(
                "Published and taken",
                "Events of frames and labels a second: what serving put on the log, and what the monitor took from it.",
                "Taken below published for long: the monitor falls behind. Taken at nothing: it is blind; see the board Meta.",
                "No event came in this time",
                "suffix: /s",
            ),
            serving.PUBLISHED,
            monitor.JUDGED,
        ),
        lines(
            About(
                "How late",
                "How far monitor and retrain lie behind the log, and how long serving's oldest event has waited for it.",
                "serving: the log is away or slow. monitor or retrain: the process is slow, stopped, or its store is away.",
                "No service is scraped",
                "s",
            ),
            monitor.LAG,
            retrain.LAG,
            serving.SPOOL_AGE,
            steps=bad_from(300),
        ),
        lines(
            About(
                "Spool",
                "The share of each server's spool that is taken; the 20 fullest.",
                "Filling: the log takes less than comes. At 1 events are lost. It drains by itself when the log is back.",
                _NO_SERVER,
                "percentunit",
            ),
            serving.SPOOL_FULL,
            steps=bad_from(0.5),
            most=1,
        ),
        lines(
            About(
                "Events of serving",
                "Events a second: spooled on disk, published, refused (larger than the log takes), dropped.",
                "published below spooled: they pile up. refused: raise max.message.bytes of the topic or lower the embedding's size.",
                _NO_SERVER,
                "suffix: /s",
            ),
            serving.EVENTS,
        ),
        lines(
            About(
                "Records by topic",
                "Records a second that the monitor took, by topic and fate, and retrain by topic.",
                "dead above nothing: read the dead letters. One topic at nothing: who writes it?",
                "No record came in this time",
                "suffix: /s",
            ),
            monitor.TAKEN,
            retrain.CONSUMED._replace(legend="{{topic}} taken by retrain"),
        ),
        lines(
            About(
                "What waits",
                "Records before the monitor, events that retrain has decided and not yet put on the log, and labelled frames not yet copied to safety.",
                "Retrain's grow: the log is away for it. The monitor's grow: see how late it is.",
                "No service is scraped",
                "short",
            ),
            monitor.LAG_RECORDS,
            retrain.OUTBOX,
            retrain.LABELS_UNKEPT,
        ),
        lines(
            About(
                "Frames kept, labels taken",
                "Frames a second that went to the frame store, by why, those that it refused, and labels.",
                "Refused: the store is full or away; nothing can be labelled of that time. No labels for days: quality has no verdict.",
                _NO_SERVER,
                "suffix: /s",
                (console("Label frames", "labels"),),
            ),
            serving.KEPT,
            serving.NOT_KEPT,
            serving.LABELS,
            retrain.LABELS_RECEIVED,
            width=12,
        ),
        lines(
            About(
                "What the monitor said",
                "Events that the monitor published, by type, in the hour before.",
                "IncidentOpened in rows: a storm; they are grouped by cause, look for what is common. Nothing for weeks is quiet, not broken.",
                "No monitor judges: nothing is known",
                "short",
                (console("Incidents", "incidents"),),
            ),
            monitor.SAID,
            width=12,
        ),
    ),
    (MODEL, SERVER),
)
