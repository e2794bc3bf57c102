"""The instruments behind contracts/metrics_serving.py, made once for one registry and handed to whoever counts."""

import threading
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from contracts import metrics_serving as declared
from contracts.metrics import Sheet, counter, gauge, histogram
from serving.telemetry.worst_cameras import WorstCameras

KEPT_VERSIONS: Final = 16


class VersionCounter:
    """A counter by model, version and `more` labels that forgets the versions that came first: years of retraining pile up no series. Safe between threads."""

    def __init__(self, of: Counter, kept: int = KEPT_VERSIONS) -> None:
        self._of, self._kept = of, kept
        self._lock = threading.Lock()
        self._series: dict[str, dict[tuple[str, ...], Counter]] = {}

    def inc(self, model: str, version: str, *more: str) -> None:
        """Count one."""
        series = self._series.get(version, {}).get((model, *more))
        (series if series is not None else self._made(model, version, *more)).inc()

    def _made(self, model: str, version: str, *more: str) -> Counter:
        with self._lock:
            series = self._series.setdefault(version, {})[model, *more] = self._of.labels(model, version, *more)
            versions = [one for one in self._series if one]  # "": no version answered
            for gone in versions[: -self._kept]:
                for named, *rest in self._series.pop(gone):
                    self._of.remove(named, gone, *rest)
        return series


class Instruments:
    """One attribute a metric. `requests`, `stage`, `refusals` and so on take their labels as prometheus_client does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = counter(declared.REQUESTS, registry)
        self.request_duration = histogram(declared.REQUEST_DURATION, registry)
        self.connections = gauge(declared.CONNECTIONS, registry)
        self.connections_limit = gauge(declared.CONNECTIONS_LIMIT, registry)
        self.frames = VersionCounter(counter(declared.FRAMES, registry))
        self.worst_cameras = WorstCameras()
        registry.register(self.worst_cameras)
        stages = histogram(declared.STAGE_DURATION, registry)
        # Children are looked up once: labels() costs as much as the observation itself.
        self.read_s = stages.labels("read")
        self.queue_s = stages.labels("queue")
        self.decode_s = stages.labels("decode")
        self.preprocess_s = stages.labels("preprocess")
        self.infer_s = stages.labels("infer")
        self.journal_s = stages.labels("journal")
        self.reply_s = stages.labels("reply")
        self.publish_s = stages.labels("publish")
        self.batch_size = histogram(declared.BATCH_SIZE, registry)
        self.queue_depth = gauge(declared.QUEUE_DEPTH, registry)
        self.queue_limit = gauge(declared.QUEUE_LIMIT, registry)
        self.refusals = counter(declared.REFUSALS, registry)
        self.shadow_frames = counter(declared.SHADOW_FRAMES, registry)
        self.invalid_outputs = VersionCounter(counter(declared.INVALID_OUTPUTS, registry))
        self.events = counter(declared.EVENTS, registry)
        self.spool_bytes = gauge(declared.SPOOL_BYTES, registry)
        self.spool_limit_bytes = gauge(declared.SPOOL_LIMIT_BYTES, registry)
        self.spool_oldest_s = gauge(declared.SPOOL_OLDEST, registry)
        self.log_up = gauge(declared.LOG_UP, registry)
        self.versions = Sheet((declared.MODEL_INFO, declared.PROVIDER), registry)
        self.swaps = counter(declared.SWAPS, registry)
        self.version_failures = counter(declared.VERSION_FAILURES, registry)
        self.sampled = counter(declared.SAMPLED, registry)
        self.store_failures = counter(declared.STORE_FAILURES, registry)
        self.labels = counter(declared.LABELS, registry)
        self.renewals = counter(declared.RENEWALS, registry)
        self.certificate_expiry = gauge(declared.CERTIFICATE_EXPIRY, registry)
        self.spans = counter(declared.SPANS, registry)
        self.ready = gauge(declared.READY, registry)
        # From zero: the first event that is lost is an increase, too.
        for of, outcomes in (
            (self.events, ("spooled", "published", "refused", "dropped")),
            (self.shadow_frames, ("scored", "dropped", "failed")),
            (self.sampled, ("uniform", "uncertain")),
            (self.spans, ("taken", "lost")),
        ):
            for outcome in outcomes:
                of.labels(outcome)
        for what in ("keys", "certificates"):
            for outcome in ("taken", "refused"):
                self.renewals.labels(what, outcome)
