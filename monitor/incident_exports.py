"""Open incidents as gauges, for alerts: when each began, and apart from it what people should read, so that an alert stays the same while its words change.

At most MOST of them, pages before tickets and the newest first: a bad day makes no flood of series. What is longer than a label should be is cut.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prometheus_client import Gauge

from contracts import metrics_monitor
from contracts.metrics import Spec
from monitor.overview import Overview

MOST: Final = 50
"""Incidents shown; those beyond it are counted."""
HEADLINE: Final = 400
"""Characters; a headline that names three cameras has some 250."""
SENTENCES: Final = 600
"""Characters of an effect or an action; the longest action, with its doubt and a version that knows the regime, has some 550."""
CAMERAS: Final = 5
"""Cameras that are named; of more it is said how many."""
NAME: Final = 64
"""Characters of a site or a camera."""
_ASIDE: Final = "answers from these pictures cannot be relied on; nothing is judged or trained on them meanwhile"
_EFFECTS: Final[dict[str, str]] = {
    "camera_fault": _ASIDE,
    "pipeline_change": "the model was not measured on pictures of this form",
}
"""What it costs, of causes without estimates."""


def show(gauge: Mapping[Spec, Gauge], overview: Overview) -> None:
    """Set them all, on gauges that are blank."""
    worst = sorted(overview.incidents, key=lambda one: (one["severity"] != "page", -one["opened_at"], one["incident_id"]))
    gauge[metrics_monitor.INCIDENTS_LEFT_OUT].labels(overview.model).set(max(0, len(worst) - MOST))
    for one in worst[:MOST]:
        number = one["incident_id"]
        gauge[metrics_monitor.INCIDENT_SINCE].labels(overview.model, number, one["cause"], one["severity"]).set(int(one["since"]))
        told = (one["headline"], HEADLINE), (one["site"], NAME), (_named(one["cameras"]), HEADLINE), (effect(one), SENTENCES)
        words = [cut(text, most) for text, most in (*told, (one["action"], SENTENCES), (one["acknowledged_by"], NAME))]
        gauge[metrics_monitor.INCIDENT_INFO].labels(overview.model, number, *words, f"/console/incidents/{number}").set(1)


def effect(incident: Mapping[str, Any]) -> str:
    """What an incident costs: the last part of its headline, where one was estimated or measured."""
    if incident["estimates"]:
        return str(incident["headline"].rsplit("; ", 1)[-1])
    return _EFFECTS.get(incident["cause"], "no estimate of accuracy without labels")


def cut(text: str, most: int) -> str:
    """At most so many characters on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _named(cameras: Sequence[str]) -> str:
    named = ", ".join(cut(name, NAME) for name in cameras[:CAMERAS])
    return f"{named} and {len(cameras) - CAMERAS} more" if len(cameras) > CAMERAS else named
