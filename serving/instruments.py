"""The instruments behind contracts/metrics_serving.py, made once for one registry and handed to whoever counts."""

from prometheus_client import CollectorRegistry

from contracts import metrics_serving as declared
from contracts.metrics import counter, gauge, histogram


class Instruments:
    """One attribute a metric. `requests`, `stage`, `refusals` and so on take their labels as prometheus_client does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = counter(declared.REQUESTS, registry)
        self.request_duration = histogram(declared.REQUEST_DURATION, registry)
        stages = histogram(declared.STAGE_DURATION, registry)
        # Children are looked up once: labels() costs as much as the observation itself.
        self.queue_s = stages.labels("queue")
        self.decode_s = stages.labels("decode")
        self.compute_s = stages.labels("compute")
        self.journal_s = stages.labels("journal")
        self.publish_s = stages.labels("publish")
        self.batch_size = histogram(declared.BATCH_SIZE, registry)
        self.queue_depth = gauge(declared.QUEUE_DEPTH, registry)
        self.queue_limit = gauge(declared.QUEUE_LIMIT, registry)
        self.refusals = counter(declared.REFUSALS, registry)
        self.shadow_frames = counter(declared.SHADOW_FRAMES, registry)
        self.invalid_outputs = counter(declared.INVALID_OUTPUTS, registry)
        self.events = counter(declared.EVENTS, registry)
        self.spool_bytes = gauge(declared.SPOOL_BYTES, registry)
        self.spool_limit_bytes = gauge(declared.SPOOL_LIMIT_BYTES, registry)
        self.spool_oldest_s = gauge(declared.SPOOL_OLDEST, registry)
        self.log_up = gauge(declared.LOG_UP, registry)
        self.model_info = gauge(declared.MODEL_INFO, registry)
        self.swaps = counter(declared.SWAPS, registry)
        self.version_failures = counter(declared.VERSION_FAILURES, registry)
        self.sampled = counter(declared.SAMPLED, registry)
        self.store_failures = counter(declared.STORE_FAILURES, registry)
        self.labels = counter(declared.LABELS, registry)
        self.renewals = counter(declared.RENEWALS, registry)
        self.ready = gauge(declared.READY, registry)
