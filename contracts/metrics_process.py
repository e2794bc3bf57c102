"""What each service exports of its own process: which release runs where and for which model, and what it takes of the machine (Linux only)."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics

from contracts.metrics import Spec, gauge

BUILD_INFO: Final = Spec(
    "keepsight_build_info",
    "gauge",
    "1 for each process, with its service (serving, monitor, retrain), its model and the installed release of Keepsight.",
    ("service", "model", "release"),
)
CPU: Final = Spec("process_cpu_seconds_total", "counter", "Processor time of the process, user and system.")
MEMORY: Final = Spec("process_resident_memory_bytes", "gauge", "Resident memory of the process.")
VIRTUAL: Final = Spec("process_virtual_memory_bytes", "gauge", "Address space of the process; mapped models and logs count.")
STARTED: Final = Spec("process_start_time_seconds", "gauge", "When the process started (Unix seconds).")
OPEN_FDS: Final = Spec("process_open_fds", "gauge", "Open file descriptors of the process.")
MAX_FDS: Final = Spec("process_max_fds", "gauge", "File descriptors that the process may open.")

ALL: Final[tuple[Spec, ...]] = (BUILD_INFO, CPU, MEMORY, VIRTUAL, STARTED, OPEN_FDS, MAX_FDS)


def export(registry: CollectorRegistry, service: str, model: str) -> None:
    """Put them all on a service's registry; read from /proc at each scrape."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the process's second series beside each counter answers no question
    try:
        release = version("keepsight")
    except PackageNotFoundError:
        release = "unknown"
    gauge(BUILD_INFO, registry).labels(service, model, release).set(1)
    ProcessCollector(registry=registry)
