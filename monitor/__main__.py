"""The monitor as a process: reads settings, opens the log, the repository and the state, and judges until it is told to stop."""

import gc
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

from prometheus_client import CollectorRegistry

from contracts import metrics_process
from contracts.errors import KeepsightError
from contracts.events import TOPICS
from contracts.health import HealthServer
from contracts.key_file import KeysFile
from contracts.listener import listen
from contracts.log import open_bus, wait_for_log
from contracts.logs import Logger, log_to_stderr
from contracts.ports import Bus
from contracts.renewal import Renewal
from contracts.repository import ModelRepository
from contracts.settings import exit_with, load
from monitor.camera_detail import camera_detail
from monitor.console.app import Console, console_of
from monitor.console.following import Follower
from monitor.console.shell import PREFIX as CONSOLE
from monitor.console.sight import Sight
from monitor.console.view import View
from monitor.exports import Exports
from monitor.guard import Guard, Local, check_closed
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.overview import overview
from monitor.panel import Panel
from monitor.report.desk import desk_of
from monitor.report.paths import PREFIX
from monitor.service import COLLECT, Service
from monitor.settings import MonitorSettings
from monitor.standard import Standards
from monitor.stores import open_store, wait_for_store

ABOUT = """Watches a deployed model through its events: camera faults, drift, and decay against its benchmark. Opens few and true incidents, and asks for
retraining when labels show harm. State is kept in the folder `state`, saved together with the log's offsets: it may be killed at any time."""
_LOG = Logger("monitor")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the monitor; 0 after SIGTERM or SIGINT, 2 when it cannot start."""
    try:
        settings = load(MonitorSettings, sys.argv[1:] if argv is None else argv, "keepsight-monitor", ABOUT)
        log_to_stderr("monitor", settings.log_level)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        return _run(settings, stop)
    except KeepsightError as error:
        return exit_with(error)


def _run(settings: MonitorSettings, stop: threading.Event) -> int:
    check_closed(settings)
    with ExitStack() as open_things:
        listener = open_things.enter_context(listen(settings.host, settings.port, "monitor"))
        probed = None
        if settings.health_port is not None:
            probed = open_things.enter_context(listen(settings.health_host, settings.health_port, "monitor"))
        bus = open_bus(settings.log, "keepsight-monitor", settings.log_security)
        open_things.callback(bus.close)
        policy = settings.policy()
        standards = Standards(ModelRepository(settings.repository), settings.model, policy)
        memory = Memory()
        judge = Judge(settings.model, policy, memory, standards)
        service: Service | None = None
        registry = CollectorRegistry()
        metrics_process.export(registry, "monitor", settings.model)
        exports = Exports(registry, settings.model, standards.families)
        panel = Panel(
            exports,
            lambda: overview(settings.model, policy, memory, standards),
            lambda name: camera_detail(name, policy, memory, standards),
        )
        reports = desk_of(settings, exports.reported)
        open_things.callback(reports.close)

        def ready() -> str | None:
            return service.ready() if service is not None else "the store of the state has not answered yet"

        guard = _guard(settings, exports, open_things)
        sight = Sight(lambda: panel.overview, panel.camera, reports.shapes)
        console = _console(settings, bus, guard, exports, sight, open_things)
        pages, folders, apps = {"/v1/state": panel.page}, {PREFIX: reports.answer}, {CONSOLE: console.answer, "/": console.answer}
        server = HealthServer(listener, registry, ready, pages, folders, guard, apps)
        open_things.callback(server.close)
        if probed is not None:
            probes = HealthServer(probed, registry, ready)
            open_things.callback(probes.close)
            _LOG.info("health_listens", host=settings.health_host, port=probes.port)
        _LOG.info("started", model=settings.model, port=server.port)
        store = wait_for_store(lambda: open_store(settings), stop)
        if store is not None:
            open_things.callback(store.close)
            service = Service(bus, store, judge, memory, settings.model, settings.merge_wait_s, settings.save_every_s, time.time)

        def beat() -> None:
            assert service is not None
            if not service.active:
                standards.keep_warm(time.monotonic())
            panel.beat(service, time.time())
            reports.keep_up(case.incident for case in memory.cases.values())

        gc.set_threshold(*COLLECT)
        if service is not None and wait_for_log(bus, TOPICS, timeout_s=float("inf"), stop=stop):
            standards.keep_warm(time.monotonic())
            service.run(stop, beat)
        _LOG.info("stopped")
    return 0


def _console(
    settings: MonitorSettings, bus: Bus, guard: Guard | Local | None, exports: Exports, sight: Sight, open_things: ExitStack
) -> Console:
    """The console, which reads the log by itself: also while the state's store is away, and on a monitor that stands by."""
    view = View(settings.model)
    follower = Follower(bus, view)
    open_things.callback(follower.close)
    return console_of(settings, bus, view, guard.key_id if isinstance(guard, Guard) else None, exports.refused, sight)


def _guard(settings: MonitorSettings, exports: Exports, open_things: ExitStack) -> Guard | Local | None:
    """What asks for keys, read again when their file changes, or keeps to this machine; None where everyone may ask."""
    if settings.keys_file is None:
        return None if settings.open else Local(exports.refused)
    keys = KeysFile(settings.keys_file)
    renewal = Renewal([keys.renewed], exports.renewed, _LOG)
    open_things.callback(renewal.stop)
    renewal.start()
    return Guard(lambda: keys.ring, exports.refused, _LOG)


if __name__ == "__main__":
    sys.exit(main())
