"""Queries on what every process exports, and on what Prometheus makes itself."""

from typing import Final

from contracts import metrics_process as m
from dashboards.grafana.promql import ALERTS as FIRING
from dashboards.grafana.promql import JOBS, SCRAPE_SECONDS, SCRAPED_SAMPLES, UP, Query, rate, series

_CHOSEN: Final = {"job": JOBS, "instance": "$instance"}

DOWN: Final = Query(f"count({series(UP, job=JOBS)} == 0) or count({series(UP, job=JOBS)}) * 0", "targets down")
UP_OVER_TIME: Final = Query(series(UP, **_CHOSEN), "{{job}} {{instance}}")
ALERTS: Final = Query(
    f"max by (alertname, severity, model, instance) ({series(FIRING, alertname='Keepsight.*', alertstate='firing')})", "firing"
)
ALERTS_FIRING: Final = Query(
    f"count({series(FIRING, alertname='Keepsight.*', alertstate='firing')}) or count({series(UP, job=JOBS)}) * 0", "firing"
)
RELEASES: Final = Query(
    f"count by (service, model, release) ({series(m.BUILD_INFO, model='$model', instance='$instance')})", "processes"
)
RESTARTS: Final = Query(f"sum by (job) (changes({series(m.STARTED, **_CHOSEN)}[$__range]))", "{{job}}")
MEMORY: Final = Query(f"topk(20, {series(m.MEMORY, **_CHOSEN)})", "{{job}} {{instance}}")
CPU: Final = Query(f"topk(20, {rate(m.CPU, **_CHOSEN)})", "{{job}} {{instance}}")
DESCRIPTORS: Final = Query(f"topk(20, {series(m.OPEN_FDS, **_CHOSEN)} / {series(m.MAX_FDS, **_CHOSEN)})", "{{job}} {{instance}}")
SERIES: Final = Query(f"sum by (job) ({series(SCRAPED_SAMPLES, **_CHOSEN)})", "{{job}}")
SCRAPES: Final = Query(f"max by (job) ({series(SCRAPE_SECONDS, **_CHOSEN)})", "{{job}}")
