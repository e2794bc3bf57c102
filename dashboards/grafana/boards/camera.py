"""Which cameras are worst, and of what?"""

from typing import Final

from dashboards.grafana.board import CAMERA, MODEL, SERVER, Board
from dashboards.grafana.links import console
from dashboards.grafana.queries import monitor, serving
from dashboards.grafana.tiles import About, Column, Steps, bad_from, bars, figure, lines, rows

_PAGE: Final = (console("The camera", "cameras/${__field.labels.camera}"),)
_LEADS: Final = {"camera": (console("The camera", "cameras/${__data.fields.camera}"),)}
_NOBODY: Final = "No monitor judges: nothing is known"
_ANY: Final[Steps] = ((None, "green"), (1, "orange"))


BOARD: Final = Board(
    "keepsight-camera",
    "Cameras",
    "Which cameras are worst, and of what? Prometheus knows the 20 worst only; every camera has its page in the console.",
    (
        figure(
            About(
                "At fault",
                "Cameras that are black, frozen, blurred, covered or cannot be decoded.",
                "Go and look at the camera. Its drift is not judged and nothing is trained on its frames meanwhile.",
                _NOBODY,
                "short",
                (console("Cameras", "cameras"),),
            ),
            monitor.IN_STATE["fault"],
            steps=_ANY,
            width=6,
        ),
        figure(
            About(
                "Drifted",
                "Cameras whose drift is confirmed over several blocks.",
                "Their incident says what changed. Without a loss of quality nothing must be done.",
                _NOBODY,
                "short",
                (console("Incidents", "incidents"),),
            ),
            monitor.IN_STATE["drifted"],
            steps=_ANY,
            width=6,
        ),
        figure(
            About(
                "Away",
                "Cameras that sent before and have been silent lately.",
                "One: its power, its link, its key. All of a site: the network there.",
                _NOBODY,
                "short",
                (console("Cameras", "cameras"),),
            ),
            monitor.IN_STATE["away"],
            steps=_ANY,
            width=6,
        ),
        figure(
            About(
                "Without a verdict",
                "Cameras that send frames which cannot be judged: their version has no usable reference.",
                "The console says why of each. Import the version with reference frames.",
                _NOBODY,
                "short",
                (console("Cameras", "cameras"),),
            ),
            monitor.IN_STATE["no_verdict"],
            steps=((None, "green"), (1, "#808080")),
            width=6,
        ),
        bars(
            About(
                "Worst drift now",
                "The highest score over its limit of the 20 worst cameras; 1 is the crossing.",
                "Follow the bar to the camera: its photographs, its channels and its incidents.",
                "No camera has filled its first block yet",
                "none",
                _PAGE,
            ),
            monitor.WORST_CAMERAS,
            bad_from(1, 0.7),
            width=12,
        ),
        rows(
            About(
                "Least accurate",
                "Realised accuracy of the champion on the 20 cameras with the lowest, at least 20 labels each, with anytime-valid 95 % intervals.",
                "Low with a high upper bound below the others: the model fails there. Label more of that camera and retrain.",
                "No camera has 20 labels yet: no verdict",
                "percentunit",
            ),
            *(Column(query, unit="percentunit") for query in monitor.LEAST_ACCURATE),
            leads=_LEADS,
            width=12,
            height=10,
        ),
        rows(
            About(
                "Sites in trouble",
                "Cameras that are suspect, drifted, at fault or away, of the 20 sites that have most of them.",
                "Many of one site: its light, its network or its product. Follow the site to its cameras.",
                "Good, if a monitor judges: no camera is suspect, drifted, at fault or away",
                "short",
            ),
            Column(monitor.SITES, steps=_ANY),
            leads={"site": (console("The site's cameras", "cameras?site=${__data.fields.site:percentencode}"),)},
            order=("site", "state"),
        ),
        lines(
            About(
                "Worst drift over time",
                "The five highest at each moment.",
                "Together: a common cause. One alone: that camera. A step: something was changed; a slope: wear, dirt, season.",
                "No camera has filled its first block yet",
                "none",
                _PAGE,
            ),
            monitor.WORST_OVER_TIME,
            steps=bad_from(1),
            width=12,
        ),
        lines(
            About(
                "Frames that cannot be decoded",
                "Frames a second that were refused because they are broken, of the five worst cameras.",
                "It is the encoder, the link or a proxy: the model never saw these frames.",
                "Good, if a server is scraped: every frame could be decoded",
                "suffix: /s",
                _PAGE,
            ),
            serving.REJECTED_OVER_TIME,
            width=12,
        ),
        rows(
            About(
                "Frames that were not answered",
                "Frames a second by camera, outcome and problem: the 20 worst of each outcome, over the last five to ten minutes.",
                "rejected: the camera. refused: its key or address. overloaded: too many frames. failed: serving; see its log.",
                "Good, if a server is scraped: every camera was answered",
                "suffix: /s",
            ),
            Column(serving.CAMERA_PROBLEMS, unit="suffix: /s"),
            leads=_LEADS,
            width=12,
        ),
        lines(
            About(
                "What becomes of frames",
                "Frames a second by what became of them at the monitor: judged, repeats, late, audit, incomplete, faulted.",
                "late: clocks or a spool that drains. repeats: a camera sends the same frame again. incomplete: serving could not measure them.",
                _NOBODY,
                "suffix: /s",
            ),
            monitor.FATES,
            stacked=True,
            width=12,
        ),
    ),
    (MODEL, SERVER, CAMERA),
    since="now-24h",
)
