"""The metrics by name: declared once, made into instruments by the service that exports them, read by dashboards, rules and docs.

The declarations stand beside this file, one module a service: `metrics_serving.py`, `metrics_monitor.py`, `metrics_retrain.py`. Base units, label
values from closed sets, no camera label but on a `_top` gauge of the few worst (a fleet's cameras would swamp Prometheus).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector


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


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """A scrape's body and content type: OpenMetrics for who accepts it, as Prometheus does, for exemplars are in that only; else Prometheus' text.

    The library's `choose_encoder` raises on a header with a version that is no number, which strangers may send.
    """
    if openmetrics.CONTENT_TYPE_LATEST.partition(";")[0] in accept:
        return openmetrics.generate_latest(registry), openmetrics.CONTENT_TYPE_LATEST  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


class Sheet(Collector):
    """Gauges that are set anew together: a scrape has all as they were or all as they are. Cleared and set in place, an alert's series would be gone from a
    scrape in between, and the alert would end and begin again.
    """

    def __init__(self, specs: Iterable[Spec], registry: CollectorRegistry) -> None:
        self._specs = tuple(specs)
        self._shown = self.blank()
        registry.register(self)

    def blank(self) -> dict[Spec, Gauge]:
        """The gauges without any series, to be set and then shown."""
        return {spec: Gauge(spec.name, spec.help, spec.labels, registry=None) for spec in self._specs}

    def show(self, gauges: dict[Spec, Gauge]) -> None:
        """What scrapes have from now on."""
        self._shown = gauges

    def collect(self) -> Iterable[Metric]:
        """For the registry."""
        for gauge in self._shown.values():
            yield from gauge.collect()

    def describe(self) -> Iterable[Metric]:
        """For the registry: the names, which nobody else may take."""
        return self.collect()
