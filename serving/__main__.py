"""`keepsight-serving`: reads the settings, wires the parts, and stops them in the order in which frames pass through them."""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial

import uvicorn
from prometheus_client import CollectorRegistry

from contracts import metrics_process
from contracts.errors import KeepsightError, SettingsError
from contracts.frame_store import FrameStore
from contracts.health import HealthServer
from contracts.listener import listen
from contracts.log import open_bus
from contracts.logs import Logger, log_to_stderr
from contracts.ports import Bus
from contracts.renewal import Renewal
from contracts.repository import ModelRepository
from contracts.settings import exit_with, load
from serving.app import Edge, application
from serving.delivery.journal import Journal
from serving.delivery.publisher import Publisher
from serving.delivery.report import Reporter
from serving.delivery.spool import Spool
from serving.edge.frames import FrameEdge, Limits
from serving.edge.labels import Labels
from serving.models.registry import Lineup, Registry
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from serving.oip.edge import OipEdge
from serving.oip.infer import Inference
from serving.oip.stats import Statistics
from serving.queueing.frame import Deliver, deliver_on
from serving.queueing.queue import FrameQueue
from serving.responses import count
from serving.scoring.keeper import Keeper
from serving.scoring.sampling import Sampler
from serving.scoring.seen import Eye
from serving.scoring.worker import Desk, Worker
from serving.settings import ServingSettings
from serving.telemetry.instruments import Instruments
from serving.telemetry.trace import Traces, tracing_to
from serving.transport.connection import Bounds
from serving.transport.gate import Gate
from serving.transport.rate import Rates
from serving.transport.server import allow_connections, serve, server_for

ABOUT = "Answers cameras' frames with predictions, and streams every prediction with the frame's statistics to the log."
_WORKERS_END_S = 60.0
_KEEPER_ENDS_S = 10.0


class Service:
    """The parts of one serving process; its reports name it `replica`.

    The spool is locked and the log's URL checked here, so that what is wrong is said at once.
    """

    def __init__(self, settings: ServingSettings, replica: str, log: Logger) -> None:
        self._settings, self._log = settings, log
        self.leaving = threading.Event()
        self.instruments = Instruments(CollectorRegistry())
        metrics_process.export(self.instruments.registry, "serving", settings.model)
        if settings.v2_camera and settings.v2_camera not in settings.cameras:
            raise SettingsError(
                f"[serving] v2_camera is {settings.v2_camera!r}, which is no camera: add [serving.cameras.{settings.v2_camera}], or name one of them"
            )
        self._bus: Bus = open_bus(settings.log, "serving", settings.log_security)
        self._spool = Spool(settings.state / "serving" / "spool", settings.spool_max_bytes)
        self._publisher = Publisher(self._spool, self._bus, self.instruments, log)
        self._journal = Journal(self._spool, "serving", self.instruments, log)
        self._reporter = Reporter(self._spool, settings.model, replica, settings.report_interval_s)
        store = FrameStore(settings.frame_store)
        self._keeper = Keeper(
            store, settings.model, settings.frame_store_max_bytes, settings.frame_store_max_days, self.instruments, log
        )
        self._registry = Registry(
            ModelRepository(settings.repository),
            settings.model,
            partial(open_served, runtime=Runtime(_how(settings))),
            self.instruments,
            log,
            report=self._reporter.say,
            shadow=settings.shadow,
            max_bytes=settings.max_model_bytes,
        )
        self._queue = FrameQueue(
            settings.queue_limit,
            settings.shadow_queue_limit,
            settings.workers,
            settings.max_batch,
            settings.max_wait_s,
            settings.newest_wins_of,
            one_by_one=lambda: self._registry.lineup is not None and self._registry.lineup.one_by_one,
        )
        self._workers: list[Worker] = []
        self._tracing = tracing_to(settings.trace_endpoint, self.instruments, log)
        self._watch()

    def start(self, deliver: Deliver) -> None:
        """Start every thread; what an earlier process left in the spool goes to the log first."""
        if self._spool.torn_bytes:
            self._log.warning(
                "spool_torn", bytes=self._spool.torn_bytes, meaning="a kill cut an event that nobody was answered for"
            )
        settings = self._settings
        desk = Desk(
            model=settings.model,
            queue=self._queue,
            lineup=lambda: self._registry.lineup,
            eye=Eye(),
            sampler=Sampler(settings.sample_share, settings.uncertain_share, settings.model),
            keeper=self._keeper,
            journal=self._journal,
            deliver=deliver,
            instruments=self.instruments,
            log=self._log,
        )
        self._workers = [Worker(number, desk) for number in range(settings.workers)]
        self._publisher.start()
        self._keeper.start()
        self._registry.start(settings.poll_interval_s)
        for worker in self._workers:
            worker.start()

    def edge(self) -> Edge:
        """What the routes stand on."""
        settings = self._settings
        limits = Limits(settings.max_body_bytes, settings.max_pixels, settings.body_timeout_s, settings.default_deadline_s)
        rates = Rates(settings.cameras, settings.camera_rate, settings.camera_burst)
        frames = FrameEdge(settings.model, settings.cameras, self._queue, limits, self._no_lineup, self.instruments, rates=rates)
        labels = Labels(
            self._keeper, self._journal, self._known_classes, settings.frame_store_max_days, self.instruments, time.time
        )
        oip = self._oip(frames, limits)
        return Edge(frames, oip, labels, limits, self.not_ready, self.leaving.is_set, self.instruments, self._traces())

    def _traces(self) -> Traces | None:
        return Traces(self._settings.trace_share, self._tracing.end) if self._tracing else None

    def _oip(self, frames: FrameEdge, limits: Limits) -> OipEdge:
        settings, statistics = self._settings, Statistics()

        def lineup() -> Lineup | None:
            return self._registry.lineup

        most = min(settings.max_batch, (settings.queue_limit + 1) // 2)  # what a camera's share of the queue has room for
        inference = Inference(settings.model, frames, limits, most, settings.v2_camera, lineup, statistics)
        return OipEdge(settings.model, inference, statistics, lineup, self.not_ready, limits.body_timeout_s, self.instruments)

    def stop(self) -> None:
        """Finish what was taken: frames and shadows, stored frames, and the spool as far as the log takes it in time."""
        self._queue.close()
        still_running = [worker for worker in self._workers if not worker.join(_WORKERS_END_S)]
        self._registry.stop()
        self._reporter.leave(*self._registry.standing())
        unstored = self._keeper.stop(_KEEPER_ENDS_S)
        drained = self._publisher.stop(self._settings.drain_s)
        left = self._spool.pending_bytes
        self._spool.close()
        self._bus.close()
        if self._tracing:
            self._tracing.close()
        self._log.info(
            "serving_stopped",
            workers_still_running=len(still_running),
            frames_not_stored=unstored,
            spool_drained=drained,
            spool_bytes=left,
        )

    def _no_lineup(self) -> str | None:
        return None if self._registry.lineup else self._registry.trouble

    def not_ready(self) -> str | None:
        """Why frames are not answered; None when they are."""
        return "the server is stopping" if self.leaving.is_set() else self._no_lineup()

    def _known_classes(self) -> tuple[str, ...]:
        """Of the versions in service, and those that a new one shall learn."""
        lineup = self._registry.lineup
        served = [label for one in lineup.versions.values() for label in one.manifest.labels] if lineup else []
        return tuple(dict.fromkeys([*served, *self._settings.new_classes]))

    def _watch(self) -> None:
        """Gauges that are read when they are scraped."""
        instruments = self.instruments
        instruments.queue_depth.set_function(lambda: self._queue.depth)
        instruments.spool_bytes.set_function(lambda: self._spool.pending_bytes)
        instruments.spool_oldest_s.set_function(lambda: self._spool.oldest_age_s)
        instruments.ready.set_function(lambda: self.not_ready() is None)
        instruments.queue_limit.set(self._settings.queue_limit)
        instruments.spool_limit_bytes.set(self._settings.spool_max_bytes)
        instruments.connections_limit.set(self._settings.max_connections)


def _how(settings: ServingSettings) -> How:
    return How(
        settings.provider,
        settings.max_batch,
        settings.cpu_fallback,
        settings.devices,
        settings.precision,
        settings.cuda_graphs,
        settings.gpu_memory_bytes,
        settings.state / "serving" / "engines",
        settings.max_model_bytes,
    )


async def _run(settings: ServingSettings, service: Service, server: uvicorn.Server, listener: socket.socket, log: Logger) -> None:
    service.start(deliver_on(asyncio.get_running_loop()))
    host, port = listener.getsockname()[:2]
    log.info("serving_listens", host=host, port=port, model=settings.model, cameras=len(settings.cameras), workers=settings.workers)
    await serve(server, listener, service.leaving.set, settings.stop_delay_s)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 0, or 2 when it cannot start."""
    try:
        settings = load(ServingSettings, sys.argv[1:] if argv is None else argv, "keepsight-serving", ABOUT)
        log_to_stderr("serving", settings.log_level)
        log = Logger("serving")
        gate = Gate(settings)
        allow_connections(settings.max_connections)
        listener = listen(settings.host, settings.port, "serving")
        health = None if settings.health_port is None else listen(settings.health_host, settings.health_port, "serving")
        service = Service(settings, f"{socket.gethostname()}:{listener.getsockname()[1]}", log)
    except KeepsightError as error:
        return exit_with(error)
    bounds = Bounds(
        settings.max_connections,
        settings.head_timeout_s,
        settings.body_timeout_s,
        settings.keep_alive_s,
        lambda problem: count(problem, service.instruments),
    )
    server = server_for(application(service.edge(), gate.ring), bounds, gate.tls_context)
    service.instruments.connections.set_function(lambda: len(server.server_state.connections))
    service.instruments.certificate_expiry.set_function(gate.certificate_expiry)
    renewal = Renewal(gate.files, lambda what, outcome: service.instruments.renewals.labels(what, outcome).inc(), log)
    renewal.start()
    probed = None if health is None else HealthServer(health, service.instruments.registry, service.not_ready)
    if probed is not None:
        log.info("health_listens", host=settings.health_host, port=probed.port)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(_run(settings, service, server, listener, log))
    renewal.stop()
    service.stop()
    if probed is not None:
        probed.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
