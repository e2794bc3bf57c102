"""Sends traces of requests to an OpenTelemetry collector: one span a request, its stages below. The extra `tracing`, imported only when asked for.

Spans wait in a bounded queue and leave on a thread of OpenTelemetry's own; a collector that is away costs the spans, never a frame.
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from contracts.logs import Logger
from serving.telemetry.instruments import Instruments
from serving.telemetry.trace import Parent, Trace

_EXPORT_S: Final = 5.0
_QUEUE: Final = 4096
"""Spans that wait; more are dropped. About 2 MB."""


class Tracing:
    """Spans to the collector at `endpoint`."""

    def __init__(self, endpoint: str, instruments: Instruments, log: Logger) -> None:
        logging.getLogger("opentelemetry").setLevel(
            logging.CRITICAL
        )  # it would tell of every batch; the exporter below tells of an outage
        self._exporter = _Told(OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_S), endpoint, instruments, log)
        self._provider = TracerProvider(ALWAYS_ON, Resource.create({SERVICE_NAME: "keepsight-serving"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter, max_queue_size=_QUEUE))
        self._tracer = self._provider.get_tracer("keepsight.serving")
        self._zero_ns = time.time_ns() - time.perf_counter_ns()

    def end(self, trace: Trace, method: str, route: str, status: int, start: float, end: float) -> str:
        """Make a request's spans; see trace.End."""
        about = {"http.request.method": method, "http.route": route, **trace.about}
        span = self._tracer.start_span(
            f"{method} {route}",
            _context(trace.parent),
            SpanKind.SERVER,
            {**about, **({"http.response.status_code": status} if status else {})},
            start_time=self._unix_ns(start),
        )
        if status >= 500:
            span.set_status(StatusCode.ERROR)
        below = otel.set_span_in_context(span)
        for stage in trace.stages:
            self._tracer.start_span(stage.name, below, start_time=self._unix_ns(stage.start)).end(self._unix_ns(stage.end))
        span.end(self._unix_ns(end))
        return otel.format_trace_id(span.get_span_context().trace_id)

    def close(self, timeout_s: float = 2.0) -> None:
        """Send what waits, for up to `timeout_s`."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-closes", daemon=True)
        closing.start()
        closing.join(timeout_s)

    def _unix_ns(self, seconds: float) -> int:
        return self._zero_ns + int(seconds * 1e9)


def _context(parent: Parent | None) -> Context | None:
    if parent is None:
        return None
    context = SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return otel.set_span_in_context(NonRecordingSpan(context))


class _Told(SpanExporter):
    """An exporter that counts, and says once an outage."""

    def __init__(self, exporter: SpanExporter, endpoint: str, instruments: Instruments, log: Logger) -> None:
        self._exporter, self._endpoint, self._instruments, self._log = exporter, endpoint, instruments, log
        self._away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result = self._exporter.export(spans)
        taken = result is SpanExportResult.SUCCESS
        self._instruments.spans.labels("taken" if taken else "lost").inc(len(spans))
        if taken and self._away:
            self._log.info("traces_taken_again", endpoint=self._endpoint)
        elif not taken and not self._away:
            cause = "see that a collector takes OTLP over HTTP there; frames and events go on"
            self._log.warning("traces_lost", endpoint=self._endpoint, cause=cause)
        self._away = not taken
        return result

    def shutdown(self) -> None:
        """End a try that is under way."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return self._exporter.force_flush(timeout_millis)
