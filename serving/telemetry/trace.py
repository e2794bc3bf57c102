"""What is known of a request that is traced: when each of its stages was, and under whose trace it stands (W3C Trace Context).

OpenTelemetry itself is imported when the settings name a collector, and not otherwise.
"""

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from starlette.types import Scope

from contracts.errors import SettingsError
from contracts.logs import Logger
from serving.telemetry.instruments import Instruments

if TYPE_CHECKING:
    from serving.telemetry.tracing import Tracing

_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_TRACE: Final = "keepsight.trace"
Headers = Iterable[tuple[bytes, bytes]]


class Parent(NamedTuple):
    """A camera's own span, as its `traceparent` names it; `sampled` is whether it is kept."""

    trace_id: int
    span_id: int
    sampled: bool


class Stage(NamedTuple):
    """Times are on the performance counter (seconds)."""

    name: str
    start: float
    end: float


@dataclass(slots=True)
class Trace:
    """A request that is traced. Any thread may add stages to it until its answer is sent."""

    parent: Parent | None
    stages: list[Stage] = field(default_factory=list)
    about: dict[str, str | list[str]] = field(default_factory=dict)
    """What it was about: attributes of its span."""


class Traced(Protocol):
    """What may stand under a trace."""

    @property
    def trace(self) -> Trace | None:
        """The request's trace, if it has one."""


def note(those: Iterable[Traced], stage: str, start: float, end: float) -> None:
    """Add a stage that they had together to the traces that there are."""
    for one in those:
        if one.trace is not None:
            one.trace.stages.append(Stage(stage, start, end))


def of(scope: Scope) -> Trace | None:
    """The trace of a request, None when it is not traced."""
    return scope.get(_TRACE)


End = Callable[[Trace, str, str, int, float, float], str]
"""Takes a trace whose request has ended: its method, route and status (0: its client left), its start and end on the performance counter. Gives its id."""


class Traces:
    """Which requests are traced: those whose camera traces them, and `share` of those that say nothing. `draw` gives numbers in [0, 1)."""

    def __init__(self, share: float, end: End, draw: Callable[[], float] = random.random) -> None:
        self._share, self._draw = share, draw
        self.end = end

    def begin(self, scope: Scope) -> Trace | None:
        """The trace of a request that begins, put into its scope; None when it is not traced."""
        parent = parent_of(scope["headers"])
        if not (parent.sampled if parent else self._draw() < self._share):
            return None
        trace = scope[_TRACE] = Trace(parent)
        return trace


def parent_of(headers: Headers) -> Parent | None:
    """The span named in the header `traceparent` (W3C Trace Context, section 3.2); None without one, or when it is none, or there are several."""
    said: Sequence[bytes] = [value for name, value in headers if name == b"traceparent"]
    if len(said) != 1 or (found := _TRACEPARENT.fullmatch(said[0])) is None:
        return None
    if said[0][:2] == b"00" and len(said[0]) != 55:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return Parent(trace_id, span_id, bool(flags & 1))


def tracing_to(endpoint: str, instruments: Instruments, log: Logger) -> "Tracing | None":
    """What sends traces to the collector at `endpoint`; None where none is named. Raises SettingsError."""
    if not endpoint:
        return None
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(f"[serving] trace_endpoint is {endpoint!r}; expected a URL such as http://collector:4318/v1/traces")
    try:
        from serving.telemetry.tracing import Tracing
    except ImportError as error:
        raise SettingsError(
            f"[serving] trace_endpoint needs keepsight[tracing]: {error}; install it, or take the setting away"
        ) from error
    return Tracing(endpoint, instruments, log)
