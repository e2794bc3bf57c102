"""The faults: each is injected when its context is entered, lasts while the body runs, and is healed when it is left."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from benchmarks.faults import faults_log
from benchmarks.faults.away import Away
from benchmarks.faults.fleet import Fleet
from benchmarks.faults.garbage import CAMERA as GARBAGE
from benchmarks.faults.house import SERVERS, House
from benchmarks.faults.schedule import LEAST_S
from benchmarks.faults.service import NotAsItShouldError

SKEW_S: Final = 3600.0
STOPPING: Final = (*SERVERS, "monitor", "retrain")
"""In this order nothing is lost."""
_FELT_S: Final = 14.0
"""Writers wait ten seconds for the embedded log's lock before they call it away."""
_BURST: Final = 20.0
"""Requests of garbage a second, beside one a second all the time."""
_SKEWED: Final = 3
"""Cameras ahead, and as many behind."""


@dataclass
class World:
    """What faults are done to, and what they did that the reconciliation must know."""

    house: House
    fleet: Fleet
    away: Away
    duplicated: int = 0
    poisoned: int = 0
    notes: list[str] = field(default_factory=list)


Inject = Callable[[World], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """`hold_s` is how long it lasts in a run of ten minutes. `cuts`: it ends connections of cameras. `blames`: who may be told as a camera at fault."""

    name: str
    about: str
    hold_s: float
    inject: Inject
    least_s: float = LEAST_S
    """How long it must last to be felt."""
    cuts: bool = False
    blames: Callable[[World], frozenset[str]] = lambda _: frozenset()
    log_fails: bool = False
    """Publishes fail, and are done again."""
    mounts: bool = False
    """It needs a filesystem of its own."""
    log: Literal["", "embedded", "kafka"] = ""
    """The only log with which it can be."""


@contextmanager
def _killed(name: str, world: World) -> Iterator[None]:
    world.house.services[name].kill()
    try:
        yield
    finally:
        world.house.services[name].start()


@contextmanager
def _frozen(name: str, world: World) -> Iterator[None]:
    world.house.services[name].freeze()
    try:
        yield
    finally:
        world.house.services[name].thaw()


@contextmanager
def _full(name: str, world: World) -> Iterator[None]:
    with world.house.disks[name].full():
        yield


@contextmanager
def _full_and_killed(name: str, world: World) -> Iterator[None]:
    """A file that has its room already is written for long: the service is killed and must begin anew there."""
    with world.house.disks[name].full():
        with _killed(name, world):
            pass
        yield


@contextmanager
def _rolling(world: World) -> Iterator[None]:
    """SIGTERM to one server after the other, each when the one before answers again."""
    for server in world.house.servers:
        _stopped(world, server.name)
        server.start()
        server.wait_ready()
    yield


def _stopped(world: World, name: str) -> None:
    if status := world.house.services[name].stop():
        raise NotAsItShouldError(f"{name} ended with status {status} at SIGTERM")


@contextmanager
def _garbage(world: World) -> Iterator[None]:
    before, world.fleet.garbage_rate = world.fleet.garbage_rate, _BURST
    try:
        yield
    finally:
        world.fleet.garbage_rate = before


@contextmanager
def _skewed_cameras(world: World) -> Iterator[None]:
    cameras = sorted(_skewed(world))
    world.fleet.skews = {camera: SKEW_S * (-1) ** number for number, camera in enumerate(cameras)}
    try:
        yield
    finally:
        world.fleet.skews = {}


def _skewed(world: World) -> frozenset[str]:
    return frozenset(world.house.cameras[-2 * _SKEWED :])


def _another_time(*names: str) -> Inject:
    """These services, started again, live SKEW_S ahead; started once more they live now."""

    @contextmanager
    def skewed(world: World) -> Iterator[None]:
        _again(world, names, SKEW_S)
        for name in names:
            world.house.services[name].wait_ready()
        try:
            yield
        finally:
            _again(world, names, 0.0)

    return skewed


def _again(world: World, names: Sequence[str], ahead_s: float) -> None:
    for name in names:
        _stopped(world, name)
    for name in names:
        world.house.services[name].start(ahead_s)


@contextmanager
def _log_away(world: World) -> Iterator[None]:
    with world.away.gone():
        yield


@contextmanager
def _duplicates(world: World) -> Iterator[None]:
    world.duplicated += faults_log.published_again(world.house.bus())
    yield


@contextmanager
def _poison(world: World) -> Iterator[None]:
    world.poisoned += faults_log.poisoned(world.house.bus(), world.house.cameras[0])
    yield


def _of_second(world: World) -> frozenset[str]:
    """Every camera may have turned to it for a frame or two, but a fault takes a dozen."""
    return frozenset([*(camera for camera in world.house.cameras if world.fleet.home(camera) == SERVERS[1]), GARBAGE])


def _all(world: World) -> frozenset[str]:
    return frozenset([*world.house.cameras, GARBAGE])


FAULTS: Final = (
    Fault("serving killed", "SIGKILL to the first server, started again when healed", 8, partial(_killed, SERVERS[0]), cuts=True),
    Fault("monitor killed", "SIGKILL, started again when healed", 10, partial(_killed, "monitor")),
    Fault("retrain killed", "SIGKILL, started again when healed", 10, partial(_killed, "retrain")),
    Fault("monitor frozen", "SIGSTOP, SIGCONT when healed", 20, partial(_frozen, "monitor")),
    Fault("rolling restart", "SIGTERM to one server after the other under load", 0, _rolling, cuts=True),
    Fault("log away", "see below: by the log's kind", 30, _log_away, least_s=_FELT_S, log_fails=True),
    Fault(
        "log's disk full",
        "not one byte more for the embedded log",
        20,
        partial(_full, "log"),
        log_fails=True,
        mounts=True,
        log="embedded",
    ),
    Fault("spool's disk full", "not one byte more for the second server's spool", 12, partial(_full, SERVERS[1]), mounts=True),
    Fault(
        "monitor's disk full",
        "not one byte more for the monitor's state; killed and started on it",
        20,
        partial(_full_and_killed, "monitor"),
        mounts=True,
    ),
    Fault(
        "retrain's disk full",
        "not one byte more for retrain's state; killed and started on it",
        20,
        partial(_full_and_killed, "retrain"),
        mounts=True,
    ),
    Fault("frame store's disk full", "not one byte more for sampled frames", 15, partial(_full, "frames"), mounts=True),
    Fault("clocks of cameras", "three an hour ahead, three an hour behind", 20, _skewed_cameras, blames=_skewed),
    Fault(
        "clock of a server",
        "the second server lives an hour ahead, and then again as the others",
        20,
        _another_time(SERVERS[1]),
        cuts=True,
        blames=_of_second,
        log="kafka",
    ),
    Fault(
        "clock of the machine",
        "all services live an hour ahead of the cameras, and then again as they",
        20,
        _another_time(*STOPPING),
        cuts=True,
        blames=_all,
        log="embedded",
    ),
    Fault("garbage", "twenty requests a second that are no frames", 20, _garbage, blames=lambda _: frozenset({GARBAGE})),
    Fault("poison", "records that are no event, on frames and labels", 3, _poison),
    Fault("duplicates", "records of frames and labels published again, new ones and the oldest", 3, _duplicates),
)
