"""The retrain service as a process: `python -m retrain --settings FILE`. Reads settings and the clock, wires the parts, and stops them in order."""

import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from contracts import metrics_process
from contracts import settings as settings_reader
from contracts.errors import LogAwayError, LogRefusedError, SettingsError, StoreError
from contracts.events import TOPICS
from contracts.frame_store import FrameStore
from contracts.health import HealthServer
from contracts.listener import listen
from contracts.log import open_bus, wait_for_log
from contracts.logs import Logger, log_to_stderr
from contracts.ports import Bus
from contracts.repository import ModelRepository
from retrain.dispatch import Dispatch
from retrain.jobs.figures import Figures
from retrain.jobs.intake import Intake
from retrain.jobs.new_class import NewClasses, champion
from retrain.jobs.orders import JobOrders
from retrain.jobs.supervision import Training, TrainingPlan
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.labels.desk import LabelDesk
from retrain.labels.keeping import Keeping
from retrain.launch.kubernetes import CANDIDATE as IN_IMAGE
from retrain.launch.kubernetes import KubernetesLauncher
from retrain.launch.launcher import Launcher
from retrain.launch.local import CANDIDATE, LocalLauncher
from retrain.metrics import Instruments
from retrain.registry.mirroring import Api, Mirroring
from retrain.registry.mlflow import Mirror
from retrain.registry.patient import PatientRepository
from retrain.request import CandidateRequest
from retrain.rollout.drive import Release, ReleasePlan
from retrain.rollout.telling import finished
from retrain.service import RetrainService
from retrain.settings import RetrainSettings
from retrain.state.connection import State
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.opening import open_state, wait_for_state
from retrain.ticks import Ticks
from retrain.trigger.new_class import Enough

ABOUT = """Turns retrain requests into gated new versions and rolls them out.

It waits for labels, trains in a process of its own, lets the gates judge, then moves the version through shadow,
canary and watch to champion, or back. Everything it decides is an event on the log and a row in its ledger."""


def main(argv: Sequence[str] | None = None, command: Sequence[str] = CANDIDATE) -> int:
    """Run until SIGTERM or SIGINT. `command` is the training process. Returns the exit status."""
    try:
        settings = settings_reader.load(RetrainSettings, sys.argv[1:] if argv is None else argv, "keepsight-retrain", ABOUT)
        listener = listen(settings.host, settings.port, "retrain")
    except SettingsError as error:
        return settings_reader.exit_with(error)
    log_to_stderr("retrain", settings.log_level)
    log = Logger("retrain")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        return _serve(settings, listener, command, stop, log)
    except (LogAwayError, LogRefusedError, StoreError, SettingsError) as error:
        log.error("stopped", why=str(error))
        return settings_reader.exit_with(error)


def _serve(settings: RetrainSettings, listener: socket.socket, command: Sequence[str], stop: threading.Event, log: Logger) -> int:
    source = f"retrain/{socket.gethostname()}"
    registry = CollectorRegistry()
    metrics_process.export(registry, "retrain", settings.model)
    service: RetrainService | None = None
    health = HealthServer(
        listener, registry, lambda: service.ready() if service is not None else "waiting for the log or the state"
    )
    bus = open_bus(settings.log, source, settings.log_security)
    database: Database | None = None
    ticks: Ticks | None = None
    mirroring = _mirroring(settings, registry, log)
    try:
        if not wait_for_log(bus, TOPICS, stop=stop):
            return 0
        state = wait_for_state(lambda: _state(settings), stop, log)
        if state is None:
            return 0
        database = Database(state, source)
        ticks = Ticks(settings.tick_s, settings.calendar)
        service = wired(settings, bus, database, ticks, registry, command, log, mirroring=mirroring)
        log.info("started", port=health.port, model=settings.model, log=settings.log, repository=settings.repository)
        service.run(stop)
        return 0
    finally:
        if service is not None:
            service.close()
        if ticks is not None:
            ticks.close()
        if database is not None:
            database.close()
        if mirroring is not None:
            mirroring.close()
        bus.close()
        health.close()
        log.info("stopped")


def _state(settings: RetrainSettings) -> State:
    path = settings.state / "retrain" / "state.sqlite3"
    return open_state(settings.state_url, settings.state_password, path, settings.model)


def _mirroring(settings: RetrainSettings, registry: CollectorRegistry, log: Logger) -> Mirroring | None:
    """The mirror of ended rollouts, where the settings name an MLflow."""
    if not settings.mlflow_url:
        return None
    repository, model = ModelRepository(settings.repository), settings.model
    api = Api(settings.mlflow_url, settings.mlflow_token)
    return Mirroring(Mirror(api, model, settings.repository, lambda version: repository.manifest(model, version)), registry, log)


def wired(
    settings: RetrainSettings,
    bus: Bus,
    database: Database,
    ticks: Ticks,
    registry: CollectorRegistry,
    command: Sequence[str],
    log: Logger,
    clock: Callable[[], float] = time.time,
    mirroring: Mirroring | None = None,
) -> RetrainService:
    """The service's parts on their adapters."""
    instruments = Instruments(registry)
    repository = PatientRepository(settings.repository)
    jobs, labels, journal = Jobs(database), Labels(database), Journal(database, settings.model, log)
    broken = journal.ledger.broken_at()
    instruments.ledger_intact.set(broken is None)
    if broken is not None:
        log.error(
            "ledger_broken", row=broken, why="this row or one before it was altered or removed; the rows before it still hold"
        )
    plan = training_plan(settings)
    training = Training(plan, jobs, labels, journal, repository, launcher(settings, command), instruments, log)
    releasing = ReleasePlan(
        model=settings.model,
        steps=settings.plan(),
        limits=settings.guards(),
        approval=settings.approval,
        camera_live_s=settings.camera_live_s,
        server_silent_s=settings.server_silent_s,
        server_gone_s=settings.server_gone_s,
    )
    mirror = (lambda rollout: mirroring.tell(finished(rollout))) if mirroring is not None else (lambda _: None)
    release = Release(releasing, database, jobs.mark_rolled_back, labels, journal, repository, instruments, mirror)
    enough = Enough(settings.new_class_labels, settings.new_class_recordings)
    new_classes = NewClasses(
        settings.model, settings.new_classes, enough, database, labels, lambda: champion(repository, settings.model)
    )
    window_s, wanted = settings.operator_window_s, settings.labels_wanted
    intake = Intake(settings.model, jobs, labels, journal, window_s, wanted, new_classes, training.champion)
    keeping = Keeping(labels, FrameStore(settings.frame_store), settings.model, log, time.monotonic)
    desk = LabelDesk(settings.model, labels, keeping, journal, jobs.waiting)
    poll_s = min(0.25, settings.tick_s)
    return RetrainService(
        settings.model,
        bus,
        database,
        intake,
        Dispatch(settings.model, database, intake, JobOrders(jobs, journal, training.end), labels, desk, release, instruments, log),
        labels,
        desk,
        training,
        release,
        ticks,
        Figures(jobs, settings.limits(), instruments),
        instruments,
        log,
        clock,
        poll_s,
    )


def training_plan(settings: RetrainSettings) -> TrainingPlan:
    """What jobs/supervision.py needs of the settings. A service's name in leases is new with each start: a dead one's lease must run out."""
    return TrainingPlan(
        model=settings.model,
        folder=str(settings.jobs_folder),
        owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        request=training_request(settings),
        limits=settings.limits(),
        attempts=settings.attempts,
        retry_delay_s=settings.retry_delay_s,
        job_timeout_s=settings.job_timeout_s,
        lease_s=settings.lease_s,
        stop_grace_s=settings.stop_grace_s,
    )


def launcher(settings: RetrainSettings, command: Sequence[str]) -> Launcher:
    """Where training processes run: `command` on this host, or as Jobs of a cluster, in whose image it goes by a name of its own."""
    if settings.launcher == "local":
        return LocalLauncher(command, settings.threads, settings.devices)
    cluster = settings.cluster(settings.job_timeout_s, settings.threads, settings.devices)
    return KubernetesLauncher(cluster, IN_IMAGE if command is CANDIDATE else command)


def training_request(settings: RetrainSettings) -> CandidateRequest:
    """What the settings say of every training request; what is the job's own is empty."""
    return CandidateRequest(
        job_id="",
        request_key="",
        model=settings.model,
        parent="",
        repository=settings.repository,
        frame_store=settings.frame_store,
        since=0.0,
        labels=(),
        seed=settings.seed,
        threads=settings.threads,
        min_train_per_class=settings.min_train_per_class,
        min_gate=settings.min_gate,
        replay_share=settings.replay_share,
        techniques=settings.techniques,
        recipe=settings.recipe,
        recipe_weights=settings.recipe_weights and str(Path(settings.recipe_weights).absolute()),
        device=settings.device,
        budget_s=settings.training_budget_s,
        augment=settings.augmentation(),
        devices=settings.devices,
        ask=settings.approval != "auto",
        policy=settings.gates,
    )


if __name__ == "__main__":
    sys.exit(main())
