"""Queries on serving: frames, time, versions, and what stands between a frame and the log."""

from typing import Final

from contracts import metrics_serving as m
from dashboards.grafana.promql import Query, increase, of_servers, quantile, rate, series

_CHOSEN: Final = {"instance": "$instance"}
_FRAMES: Final = "/v1/frames|/v2/infer"
"""The routes whose time is promised; a batch takes as long as it is large."""


def _server_sum(expr: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} ({of_servers(expr)})"


FRAMES_OF_MODEL: Final = Query(f"sum by (model) ({rate(m.FRAMES, model='$model', outcome='answered')})", "frames/s")
FRAMES_BY_OUTCOME: Final = Query(f"sum by (outcome) ({rate(m.FRAMES, model='$model', **_CHOSEN)})", "{{outcome}}")
FRAMES_BY_VERSION: Final = Query(
    f"sum by (model, version) ({rate(m.FRAMES, model='$model', outcome='answered', **_CHOSEN)})", "{{model}} version {{version}}"
)
LATENCY: Final = tuple(
    Query(quantile(share, of_servers(rate(m.REQUEST_DURATION, "_bucket", route=_FRAMES, **_CHOSEN))), f"p{share * 100:g}")
    for share in (0.5, 0.95, 0.99)
)
STAGE_MEDIAN: Final = Query(quantile(0.5, of_servers(rate(m.STAGE_DURATION, "_bucket", **_CHOSEN)), "stage"), "{{stage}}")
STAGE_P99: Final = Query(quantile(0.99, of_servers(rate(m.STAGE_DURATION, "_bucket", **_CHOSEN)), "stage"), "{{stage}}")
REFUSALS: Final = Query(_server_sum(rate(m.REFUSALS, **_CHOSEN), "problem"), "{{problem}}")
QUEUE_FULL: Final = Query(
    f"max({of_servers(f'{series(m.QUEUE_DEPTH, **_CHOSEN)} / {series(m.QUEUE_LIMIT, **_CHOSEN)}')})", "frames waiting"
)
CONNECTIONS_FULL: Final = Query(
    f"max({of_servers(f'{series(m.CONNECTIONS, **_CHOSEN)} / {series(m.CONNECTIONS_LIMIT, **_CHOSEN)}')})", "open connections"
)
READY: Final = Query(of_servers(series(m.READY, **_CHOSEN)), "{{instance}}")
VERSIONS: Final = Query(
    f"count by (model, version, variant, provider, digest) ({series(m.MODEL_INFO, model='$model', **_CHOSEN)} == 1)", "servers"
)
SWAPS: Final = Query(_server_sum(increase(m.SWAPS, **_CHOSEN)), "versions exchanged")
VERSIONS_REFUSED: Final = Query(_server_sum(increase(m.VERSION_FAILURES, **_CHOSEN)), "versions refused")
SHADOW: Final = Query(_server_sum(rate(m.SHADOW_FRAMES, **_CHOSEN), "outcome"), "shadow {{outcome}}")
INVALID: Final = Query(
    f"sum by (model, version) ({rate(m.INVALID_OUTPUTS, model='$model', **_CHOSEN)})", "not finite, version {{version}}"
)
CERTIFICATE: Final = Query(f"min({of_servers(f'({series(m.CERTIFICATE_EXPIRY, **_CHOSEN)} > 0)')}) - time()", "time left")
SPANS: Final = Query(_server_sum(rate(m.SPANS, **_CHOSEN), "outcome"), "spans {{outcome}}")
RENEWALS_REFUSED: Final = Query(_server_sum(increase(m.RENEWALS, "1h", outcome="refused", **_CHOSEN)), "serving: files refused")

CAMERA_PROBLEMS: Final = Query(
    f"topk(20, sum by (camera, outcome, problem) ({of_servers(series(m.CAMERA_PROBLEMS_TOP, camera='$camera', **_CHOSEN))}))",
    "frames a second",
)
REJECTED_OVER_TIME: Final = Query(
    f"topk(5, sum by (camera) ({of_servers(series(m.CAMERA_PROBLEMS_TOP, camera='$camera', outcome='rejected', **_CHOSEN))}))",
    "{{camera}}",
)

LOG_UP: Final = Query(f"min({of_servers(series(m.LOG_UP, **_CHOSEN))})", "log")
EVENTS: Final = Query(_server_sum(rate(m.EVENTS, **_CHOSEN), "outcome"), "{{outcome}}")
EVENTS_LOST: Final = Query(_server_sum(increase(m.EVENTS, outcome="dropped", **_CHOSEN)), "lost")
EVENTS_TOO_LARGE: Final = Query(_server_sum(increase(m.EVENTS, outcome="refused", **_CHOSEN)), "serving: larger than the log takes")
PUBLISHED: Final = Query(_server_sum(rate(m.EVENTS, outcome="published")), "published by serving")
SPOOL_FULL: Final = Query(
    f"topk(20, max by (instance) ({of_servers(f'{series(m.SPOOL_BYTES, **_CHOSEN)} / {series(m.SPOOL_LIMIT_BYTES, **_CHOSEN)}')}))",
    "{{instance}}",
)
SPOOL_AGE: Final = Query(f"max({of_servers(series(m.SPOOL_OLDEST, **_CHOSEN))})", "serving: oldest event that waits")
KEPT: Final = Query(_server_sum(rate(m.SAMPLED, **_CHOSEN), "sample"), "kept {{sample}}")
NOT_KEPT: Final = Query(_server_sum(rate(m.STORE_FAILURES, **_CHOSEN)), "not kept: the store refused")
LABELS: Final = Query(_server_sum(rate(m.LABELS, **_CHOSEN)), "labels taken")
