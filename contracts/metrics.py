"""The metrics by name: declared once, made into instruments by the service that exports them, read by dashboards, rules and docs.

The declarations stand beside this file, one module a service: `metrics_serving.py`, `metrics_monitor.py`, `metrics_retrain.py`. Base units, label
values from closed sets, no camera label but on a `_top` gauge of the few worst (a fleet's cameras would swamp Prometheus).
"""

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


@dataclass(frozen=True, slots=True)
class Spec:
    """A metric as exported. Counters are declared with their `_total`; `buckets` are a histogram's upper bounds in the metric's unit."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def counter(spec: Spec, registry: CollectorRegistry) -> Counter:
    """The counter of a declaration."""
    return Counter(spec.name, spec.help, spec.labels, registry=registry)


def gauge(spec: Spec, registry: CollectorRegistry) -> Gauge:
    """The gauge of a declaration."""
    return Gauge(spec.name, spec.help, spec.labels, registry=registry)


def histogram(spec: Spec, registry: CollectorRegistry) -> Histogram:
    """The histogram of a declaration."""
    return Histogram(spec.name, spec.help, spec.labels, registry=registry, buckets=spec.buckets)
