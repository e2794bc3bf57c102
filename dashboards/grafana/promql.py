"""PromQL from declared metrics: a query that names a metric or a label that nobody exports cannot be written.

`$model` and `$instance` are Grafana's variables, `$__rate_interval` and `$__range` its intervals. A metric without a model label is joined to the process
that exports it: to `keepsight_build_info` for serving, and for monitor and retrain to the gauge of the replica that decides, so that what a standby
replica remembers is shown nowhere.
"""

from typing import Final, NamedTuple

from contracts import metrics_monitor, metrics_process, metrics_retrain
from contracts.metrics import Spec

UP: Final = Spec("up", "gauge", "1 when the last scrape worked.", ("job",))
SCRAPED_SAMPLES: Final = Spec("scrape_samples_scraped", "gauge", "Samples of the last scrape.", ("job",))
SCRAPE_SECONDS: Final = Spec("scrape_duration_seconds", "gauge", "Time of the last scrape.", ("job",))
ALERTS: Final = Spec("ALERTS", "gauge", "1 for each alert that is pending or firing.", ("alertname", "alertstate", "severity"))
BY_PROMETHEUS: Final = (UP, SCRAPED_SAMPLES, SCRAPE_SECONDS, ALERTS)
"""What Prometheus makes itself of each target."""
JOBS: Final = "keepsight-.*"
"""The scrape jobs: keepsight-serving, keepsight-monitor, keepsight-retrain."""
_ALWAYS: Final = ("instance", "job", "model", "le")


class Query(NamedTuple):
    """A query and what its series are called in a legend (`{{label}}`), or its column in a table."""

    expr: str
    legend: str = ""


def series(spec: Spec, suffix: str = "", **labels: str) -> str:
    """A selector. A label's value is a regular expression where it has a variable, `|` or `.*`; with `!` in front it is what must not match.

    Raises ValueError for a label that the metric does not have.
    """
    if unknown := [name for name in labels if name not in (*spec.labels, *(_ALWAYS if spec in BY_PROMETHEUS else _ALWAYS[:2]))]:
        raise ValueError(f"{spec.name} has no label {unknown[0]!r}; it has {', '.join(spec.labels) or 'none'}")
    matchers = [f'{name}{_operator(value)}"{value.removeprefix("!")}"' for name, value in labels.items()]
    return f"{spec.name}{suffix}{{{','.join(matchers)}}}" if matchers else f"{spec.name}{suffix}"


def rate(spec: Spec, suffix: str = "", **labels: str) -> str:
    """A counter's increase a second."""
    return f"rate({series(spec, suffix, **labels)}[$__rate_interval])"


def increase(spec: Spec, over: str = "$__range", **labels: str) -> str:
    """A counter's increase over a time, by default over all that the board shows."""
    return f"increase({series(spec, **labels)}[{over}])"


def quantile(share: float, buckets: str, by: str = "") -> str:
    """A quantile of a histogram, given the rates of its buckets."""
    return f"histogram_quantile({share}, sum by ({'le, ' + by if by else 'le'}) ({buckets}))"


def of_servers(expr: str) -> str:
    """What serving processes of the chosen models export."""
    return f"{expr} and on (instance) {series(metrics_process.BUILD_INFO, service='serving', model='$model')}"


def of_monitor(expr: str) -> str:
    """What the monitors export that judge the chosen models now."""
    return f"{expr} and on (instance) ({MONITORS} == 1)"


def of_retrain(expr: str) -> str:
    """What the retrain services export that decide for the chosen models now."""
    return f"{expr} and on (instance) ({RETRAINS} == 1)"


def or_zero(expr: str, while_there: str) -> str:
    """Zero where there is nothing to count, and nothing at all while nobody counts."""
    return f"{expr} or sum({while_there}) * 0"


def _operator(value: str) -> str:
    pattern = "$" in value or "|" in value or ".*" in value or value.endswith(".+")
    return ("!~" if pattern else "!=") if value.startswith("!") else ("=~" if pattern else "=")


MONITORS: Final = series(metrics_monitor.ACTIVE, model="$model")
RETRAINS: Final = series(metrics_retrain.ACTIVE, model="$model")
SERVERS: Final = series(metrics_process.BUILD_INFO, service="serving", model="$model")
