"""What serving exports: whether cameras are served (requests, frames, stages), whether the evidence flows (events, spool) and which versions answer."""

from typing import Final

from contracts.metrics import Spec

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS: Final = Spec(
    "keepsight_serving_requests_total",
    "counter",
    "HTTP requests by route (`/v2/infer` for every model's, `/v2` for the rest of that protocol) and how they ended: answered (2xx), refused (4xx), "
    "overloaded (429), failed (5xx), gone (the client left first). What is refused below the routes is in the refusals only.",
    ("route", "outcome"),
)
REQUEST_DURATION: Final = Spec(
    "keepsight_serving_request_duration_seconds",
    "histogram",
    "From a request's head to the end of its answer, by route, answered requests only. Exemplars: `trace_id` of requests that are traced.",
    ("route",),
    _SECONDS,
)
CONNECTIONS: Final = Spec("keepsight_serving_connections", "gauge", "Open connections.")
CONNECTIONS_LIMIT: Final = Spec(
    "keepsight_serving_connections_limit", "gauge", "Connections that may be open; more are answered 429 and closed."
)
FRAMES: Final = Spec(
    "keepsight_serving_frames_total",
    "counter",
    "Frames that cameras asked about, by how it ended: answered (by which version), rejected (the frame is at fault), refused (the request is), "
    "overloaded, failed, gone (the client left first). Of versions, the 16 that came last.",
    ("model", "version", "outcome"),
)
CAMERA_PROBLEMS_TOP: Final = Spec(
    "keepsight_serving_camera_problems_top",
    "gauge",
    "Frames a second that were not answered, over the last five to ten minutes, of the 20 worst cameras of each outcome (rejected: cannot be decoded; "
    "refused, overloaded, failed, gone) and by problem; the only metric with a camera label.",
    ("camera", "outcome", "problem"),
)
STAGE_DURATION: Final = Spec(
    "keepsight_serving_stage_duration_seconds",
    "histogram",
    "Time in one stage. Of one request with frames, one or many: read (its body arrives), reply (from the outcome of its last frame to the end of its "
    "answer). Of one frame: queue (it waits), decode, preprocess (fit and statistics). Of one batch: infer, journal (its events to the spool), publish "
    "(a batch of events to the log).",
    ("stage",),
    _SECONDS,
)
BATCH_SIZE: Final = Spec(
    "keepsight_serving_batch_size",
    "histogram",
    "Frames that a worker scored together; on a CPU each is a run of the model, on a GPU its owner may join batches of several workers.",
    (),
    (1, 2, 4, 8, 16, 32, 64, 128),
)
QUEUE_DEPTH: Final = Spec("keepsight_serving_queue_depth", "gauge", "Frames admitted and not yet taken by a worker.")
QUEUE_LIMIT: Final = Spec("keepsight_serving_queue_limit", "gauge", "Frames that may wait; more are answered 429.")
REFUSALS: Final = Spec(
    "keepsight_serving_refusals_total",
    "counter",
    "Answers other than success, on every route, by the problem's type (the last part of its URN).",
    ("problem",),
)
SHADOW_FRAMES: Final = Spec(
    "keepsight_serving_shadow_frames_total",
    "counter",
    "Frames for the shadow version: scored, dropped (no room beside the answers) or failed.",
    ("outcome",),
)
INVALID_OUTPUTS: Final = Spec(
    "keepsight_serving_invalid_outputs_total",
    "counter",
    "Frames whose scores or embedding were not finite numbers. Of versions, the 16 that came last.",
    ("model", "version"),
)
EVENTS: Final = Spec(
    "keepsight_serving_events_total",
    "counter",
    "Events of frames and labels by outcome: spooled (journalled on disk), published (acknowledged by the log), refused (those of them that are larger "
    "than the log takes: in its dead letters), dropped (the spool was full or its disk failed).",
    ("outcome",),
)
SPOOL_BYTES: Final = Spec("keepsight_serving_spool_bytes", "gauge", "Bytes of events on disk that the log has not acknowledged.")
SPOOL_LIMIT_BYTES: Final = Spec(
    "keepsight_serving_spool_limit_bytes", "gauge", "Bytes that the spool may take; beyond it events are dropped."
)
SPOOL_OLDEST: Final = Spec(
    "keepsight_serving_spool_oldest_seconds",
    "gauge",
    "Age of the oldest event that the log has not acknowledged; 0 when there is none.",
)
LOG_UP: Final = Spec(
    "keepsight_serving_log_up",
    "gauge",
    "1 when the log took the last batch of events (before the first: when it was reached), 0 when not.",
)
MODEL_INFO: Final = Spec(
    "keepsight_serving_model_info",
    "gauge",
    "1 for each version held ready, with its role (standby: the champion before, for a rollback), its model file's digest and the provider it runs on.",
    ("model", "version", "variant", "digest", "provider"),
)
PROVIDER: Final = Spec(
    "keepsight_serving_provider",
    "gauge",
    "Of each place where the champion could run (cpu, cuda, tensorrt): 1 for the one where it runs, 0 for the others with the reason why not.",
    ("provider", "reason"),
)
SWAPS: Final = Spec("keepsight_serving_swaps_total", "counter", "Times that the versions in service were exchanged.")
VERSION_FAILURES: Final = Spec(
    "keepsight_serving_version_failures_total",
    "counter",
    "Versions that were refused: missing, altered, not loadable, failed in their warm-up or on their golden frames. The server goes on with what it has.",
)
SAMPLED: Final = Spec(
    "keepsight_serving_sampled_frames_total",
    "counter",
    "Frames chosen for the frame store, by why: uniform, uncertain.",
    ("sample",),
)
STORE_FAILURES: Final = Spec(
    "keepsight_serving_store_failures_total", "counter", "Writes that the frame store refused: those samples are lost."
)
LABELS: Final = Spec("keepsight_serving_labels_total", "counter", "Labels taken and journalled.")
RENEWALS: Final = Spec(
    "keepsight_serving_renewals_total",
    "counter",
    "Times that a changed file was read again, by what (keys, certificates) and outcome: taken, or refused (the earlier ones stay in service).",
    ("what", "outcome"),
)
CERTIFICATE_EXPIRY: Final = Spec(
    "keepsight_serving_certificate_expiry_timestamp_seconds",
    "gauge",
    "When the server's certificate ends, or one of its chain before it (Unix seconds): of the one in service, read again when its file is replaced; "
    "0 without TLS.",
)
SPANS: Final = Spec(
    "keepsight_serving_spans_total",
    "counter",
    "Spans of traced requests: taken by the collector, or lost because it was away.",
    ("outcome",),
)
READY: Final = Spec("keepsight_serving_ready", "gauge", "1 when frames are answered, 0 when /readyz says no.")

ALL: Final[tuple[Spec, ...]] = (
    REQUESTS,
    REQUEST_DURATION,
    CONNECTIONS,
    CONNECTIONS_LIMIT,
    FRAMES,
    CAMERA_PROBLEMS_TOP,
    STAGE_DURATION,
    BATCH_SIZE,
    QUEUE_DEPTH,
    QUEUE_LIMIT,
    REFUSALS,
    SHADOW_FRAMES,
    INVALID_OUTPUTS,
    EVENTS,
    SPOOL_BYTES,
    SPOOL_LIMIT_BYTES,
    SPOOL_OLDEST,
    LOG_UP,
    MODEL_INFO,
    PROVIDER,
    SWAPS,
    VERSION_FAILURES,
    SAMPLED,
    STORE_FAILURES,
    LABELS,
    RENEWALS,
    CERTIFICATE_EXPIRY,
    SPANS,
    READY,
)
