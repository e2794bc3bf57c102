"""The monitor's instruments for Prometheus, set from an overview; see contracts/metrics_monitor.py for what each means."""

from collections import Counter as Tallies
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Gauge

from contracts import events, metrics, metrics_monitor
from contracts.metrics import Spec
from monitor import incident_exports, label_exports
from monitor.items.replay import Replay
from monitor.overview import STATES, CameraView, Overview

TOP = 20
TROUBLE = ("suspect", "drifted", "fault", "away")
"""States of a camera that somebody may want to see to."""
_OF_THE_LOOP = (metrics_monitor.LAG_RECORDS, metrics_monitor.LAG_SECONDS, metrics_monitor.WATERMARK, metrics_monitor.ACTIVE)
"""Gauges that are set each round; all others tell an overview."""
Families = Callable[[str], Mapping[str, str]]
"""Of a version, each channel's family."""
Gauges = Mapping[Spec, Gauge]


class Exports:
    """All instruments of the monitor on one registry. Set from the loop's thread, read by scrapes."""

    def __init__(self, registry: CollectorRegistry, model: str, families: Families) -> None:
        self._model = model
        self._families = families
        self._gauge = {spec: metrics.gauge(spec, registry) for spec in _OF_THE_LOOP}
        self._sheet = metrics.Sheet(
            (spec for spec in metrics_monitor.ALL if spec.kind == "gauge" and spec not in _OF_THE_LOOP), registry
        )
        self._counter = {spec: metrics.counter(spec, registry) for spec in metrics_monitor.ALL if spec.kind == "counter"}
        self._taken: dict[tuple[str, str], int] = {}
        self._said: dict[str, int] = {}
        for said in (events.IncidentOpened, events.IncidentUpdated, events.IncidentClosed, events.RetrainRequested, events.Dead):
            self._counter[metrics_monitor.OUTBOX].labels(said.__name__)
        for result in ("made", "failed"):
            self._counter[metrics_monitor.REPORTS].labels(result)
        for problem in ("missing-key", "unknown-key", "wrong-scope", "wrong-host", "cross-site"):
            self._counter[metrics_monitor.REFUSALS].labels(problem)
        for topic in (events.FRAMES, events.LABELS, events.RETRAIN, events.COMMANDS):
            for fate in ("judged", "dead"):
                self._counter[metrics_monitor.EVENTS].labels(topic, fate)
        for outcome in ("taken", "refused"):
            self._counter[metrics_monitor.RENEWALS].labels("keys", outcome)

    def progress(
        self, taken: Mapping[tuple[str, str], int], said: Mapping[str, int], lag: int, newest_at: float, now: float
    ) -> None:
        """How far the loop is; cheap, called each round."""
        for (topic, fate), count in taken.items():
            self._counter[metrics_monitor.EVENTS].labels(topic, fate).inc(count - self._taken.get((topic, fate), 0))
        for kind, count in said.items():
            self._counter[metrics_monitor.OUTBOX].labels(kind).inc(count - self._said.get(kind, 0))
        self._taken, self._said = dict(taken), dict(said)
        self._gauge[metrics_monitor.LAG_RECORDS].set(lag)
        self._gauge[metrics_monitor.LAG_SECONDS].set(max(0.0, now - newest_at) if lag and newest_at else 0.0)
        self._gauge[metrics_monitor.WATERMARK].set(newest_at)

    def reported(self, result: str) -> None:
        """A report was `made` or `failed`; called by the thread that makes them."""
        self._counter[metrics_monitor.REPORTS].labels(result).inc()

    def refused(self, problem: str) -> None:
        """A request was refused; called by the server's threads."""
        self._counter[metrics_monitor.REFUSALS].labels(problem).inc()

    def renewed(self, what: str, outcome: str) -> None:
        """A file that changed was `taken` or `refused`; called by the thread that looks."""
        self._counter[metrics_monitor.RENEWALS].labels(what, outcome).inc()

    def role(self, active: bool) -> None:
        """Whether this replica judges or stands by."""
        self._gauge[metrics_monitor.ACTIVE].labels(self._model).set(active)

    def show(self, overview: Overview) -> None:
        """Set everything that an overview tells; label values that are gone disappear."""
        gauge = self._sheet.blank()
        states = Tallies(camera.state for camera in overview.cameras)
        for state in STATES:
            gauge[metrics_monitor.CAMERAS].labels(self._model, state).set(states[state])
        fates = Tallies[str]()
        for camera in overview.cameras:
            fates.update(camera.frames)
        for fate, count in fates.items():
            gauge[metrics_monitor.FRAMES].labels(fate).set(count)
        self._show_drift(gauge, overview.cameras)
        self._show_sites(gauge, overview.cameras)
        self._show_video_replay(gauge, overview.cameras)
        self._show_versions(gauge, overview)
        for spec, value in (
            (metrics_monitor.DEMOTED, sum(camera.demoted != "" for camera in overview.cameras)),
            (metrics_monitor.DOUBTFUL, sum(camera.doubt != "" for camera in overview.cameras)),
            (metrics_monitor.MARKS, len(overview.marks)),
            (metrics_monitor.LABELS_WANTED, sum(max(0, i["labels_wanted"] - i["labels_have"]) for i in overview.incidents)),
        ):
            gauge[spec].labels(self._model).set(value)
        incidents = gauge[metrics_monitor.INCIDENTS]
        for (cause, severity), count in Tallies((i["cause"], i["severity"]) for i in overview.incidents).items():
            incidents.labels(self._model, cause, severity).set(count)
        incident_exports.show(gauge, overview)
        self._sheet.show(gauge)

    def _show_video_replay(self, gauge: Gauges, cameras: list[CameraView]) -> None:
        replays = [camera.replay for camera in cameras if camera.replay]
        if replays:
            months = sum(each["camera_months"] for each in replays)
            together = Replay(round(sum(each["alarms"] for each in replays)), max(months, 1e-9))
            for bound, value in zip(("value", "low", "high"), (together.rate, *together.interval()), strict=True):
                gauge[metrics_monitor.VIDEO_REPLAY].labels(self._model, bound).set(value)

    def _show_drift(self, gauge: Gauges, cameras: list[CameraView]) -> None:
        drift, top = gauge[metrics_monitor.DRIFT], gauge[metrics_monitor.DRIFT_CAMERA]
        judged = [camera for camera in cameras if camera.ratios and camera.state in ("quiet", "suspect", "drifted")]
        highest: dict[tuple[str, str, str], float] = {}
        for camera in judged:
            families = self._families(camera.version)
            for channel, ratio in camera.ratios.items():
                key = (camera.version, families.get(channel, ""), channel)
                highest[key] = max(highest.get(key, 0.0), ratio)
        for (version, family, channel), ratio in highest.items():
            drift.labels(self._model, version, family, channel).set(ratio)
        for camera in sorted(judged, key=lambda c: -c.worst)[:TOP]:
            top.labels(self._model, camera.camera).set(camera.worst)

    def _show_sites(self, gauge: Gauges, cameras: list[CameraView]) -> None:
        troubled = Tallies(camera.site for camera in cameras if camera.state in TROUBLE)
        worst = {site for site, _ in sorted(troubled.items(), key=lambda one: (-one[1], one[0]))[:TOP]}
        of_each = Tallies((camera.site, camera.state) for camera in cameras if camera.site in worst and camera.state in TROUBLE)
        for (site, state), count in of_each.items():
            gauge[metrics_monitor.SITE_CAMERAS].labels(self._model, site, state).set(count)

    def _show_versions(self, gauge: Gauges, overview: Overview) -> None:
        label_exports.show(gauge, overview)
        for version, view in overview.versions.items():
            for name, metric in view.get("benchmark", {}).items():
                for bound in label_exports.BOUNDS:
                    gauge[metrics_monitor.BENCHMARK].labels(self._model, version, name, bound).set(metric[bound])
            for bound in label_exports.BOUNDS if "replay" in view else ():
                gauge[metrics_monitor.REPLAY].labels(self._model, version, bound).set(view["replay"][bound])
            if estimated := view.get("estimated"):
                for bound in label_exports.BOUNDS:
                    gauge[metrics_monitor.ESTIMATED].labels(self._model, version, bound).set(estimated[bound])
                gauge[metrics_monitor.BEYOND].labels(self._model, version).set(estimated["beyond"])
