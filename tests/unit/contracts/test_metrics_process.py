"""What a service exports of its process: all that is declared, as declared, and its own numbers."""

import os
import time
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest

from contracts.metrics import counter
from contracts.metrics_monitor import EVENTS
from contracts.metrics_process import ALL, export


def test_what_is_declared_is_exported_of_this_process() -> None:
    registry = CollectorRegistry()
    export(registry, "monitor", "small")
    exposition = generate_latest(registry).decode()
    for spec in ALL:
        assert f"# TYPE {spec.name} {spec.kind}\n" in exposition, spec.name
    assert exposition.count("# TYPE ") == len(ALL)
    value = registry.get_sample_value
    assert value("keepsight_build_info", {"service": "monitor", "model": "small", "release": version("keepsight")}) == 1
    assert 0 < (value("process_open_fds") or 0) <= (value("process_max_fds") or 0)
    assert (value("process_resident_memory_bytes") or 0) > 1 << 20
    assert 0 < (value("process_start_time_seconds") or 0) < time.time()
    assert (value("process_cpu_seconds_total") or 0) >= os.times().user * 0.5


def test_no_series_is_exported_that_nobody_declared() -> None:
    """The client library would add when each counter began."""
    registry = CollectorRegistry()
    counter(EVENTS, registry).labels("keepsight.frames", "judged").inc()
    export(registry, "monitor", "small")
    assert "_created" not in generate_latest(registry).decode()
