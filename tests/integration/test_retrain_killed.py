"""The retrain service killed at every boundary, over and over, on the way from a request to a stable champion: all ends as if nobody had died.

A life ends before or after something that it changes outside of its memory: a commit, a file or a removal in repository, frame store or the job's folder,
a batch on the log, the start of a training process. The service's threads and connections of that life are dropped as they stand.
"""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from contracts import settings as settings_reader
from contracts.events import AnyEvent, JobAdvanced, ModelPublished, RolloutAdvanced
from contracts.files import Folder
from contracts.log import open_bus
from contracts.logs import Logger
from contracts.manifest import MANIFEST, Manifest
from contracts.ports import Bus
from retrain import __main__ as wiring
from retrain.jobs.table import Jobs
from retrain.launch.launcher import Death, Progress
from retrain.launch.trail import Trail
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, CandidateRequest
from retrain.service import RetrainService
from retrain.settings import RetrainSettings
from retrain.state.database import Database
from retrain.state.ledger import Ledger
from retrain.state.sqlite import SqliteState
from retrain.ticks import Duty
from retrain.trainer import package
from tests.retrain_house import CAMERAS, MODEL, House

OURS = "/retrain/"
BOUNDARIES = 40
"""The least that the course has: one that meets fewer went another way."""
T = TypeVar("T", bound=AnyEvent)


class Killed(BaseException):
    """Nothing gets to finish."""


class Reaper:
    """Ends a life at each boundary that ended fewer than `times` lives: before a change, and right after it. A boundary is where in the code a change is made,
    and how far the course then is, as `stand` has it.
    """

    def __init__(self, times: int, stand: Callable[[], str]) -> None:
        self.times = times
        self.stand = stand
        self.ended: Counter[tuple[str, ...]] = Counter()
        self.awake = False

    def around(self, change: Callable[..., object], when: Callable[..., bool] = lambda *_: True) -> Callable[..., object]:
        def changed(*arguments: object, **named: object) -> object:
            if not (self.awake and when(*arguments)):
                return change(*arguments, **named)
            where = [f"{Path(line.filename).name}:{line.lineno}" for line in traceback.extract_stack() if OURS in line.filename]
            where.append(self.stand())
            self._perhaps("before", *where)
            result = change(*arguments, **named)
            self._perhaps("after", *where)
            return result

        return changed

    def _perhaps(self, *boundary: str) -> None:
        if self.ended[boundary] < self.times:
            self.ended[boundary] += 1
            raise Killed

    @contextmanager
    def resting(self) -> Iterator[None]:
        """What others do ends nobody."""
        awake, self.awake = self.awake, False
        yield
        self.awake = awake


class Done:
    """A training process that packaged a version at once, as its folder tells."""

    def __init__(self, folder: str) -> None:
        self.trail = Trail(Path(folder))

    def ended(self) -> bool:
        return True

    def waits(self) -> str:
        return ""

    def progress(self, read: int) -> Progress:
        return Progress([], read)

    def outcome(self) -> CandidateOutcome | None:
        return self.trail.outcome()

    def death(self) -> Death:
        return Death("failed", "")

    def last_words(self) -> str:
        return ""

    def stop(self, grace_s: float) -> None:
        raise AssertionError("nobody cancelled it")

    def abandon(self, grace_s: float) -> None:
        """It is over."""


class Processes:
    """The launcher. What it started outlives the service, as processes do; each leaves version 2 as it lies in `staging`."""

    def __init__(self, staging: Path, reaper: Reaper) -> None:
        self.place, self.reaper = staging / "models" / MODEL / "2", reaper
        self.started: list[str] = []

    def open(self, folder: str, name: str) -> Done:
        if name not in self.started:
            self.started.append(name)
            with self.reaper.resting():
                self._package(folder)
        return Done(folder)

    def _package(self, folder: str) -> None:
        manifest = msgspec.json.decode((self.place / MANIFEST).read_bytes(), type=Manifest)
        files = {file: (self.place / file).read_bytes() for file in manifest.files}
        lineage = msgspec.structs.replace(manifest.lineage, parent="1")
        _, digests = package.write(Folder(folder), msgspec.structs.replace(manifest, lineage=lineage), files)
        fence = msgspec.json.decode((Path(folder) / REQUEST).read_bytes(), type=CandidateRequest).fence
        outcome = CandidateOutcome(verdict="packaged", reason="all gates passed", package=digests, fence=fence)
        (Path(folder) / OUTCOME).write_bytes(msgspec.json.encode(outcome))

    def find(self, folder: str, name: str) -> Done | None:
        return None


class Always:
    """Every turn is a tick."""

    def due(self) -> set[Duty]:
        return {"advance"}

    def close(self) -> None:
        """Nothing to stop."""


class Site:
    """A house whose service lives in this process, one life after the other."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.house = House(
            folder, lease_s="0.01"
        )  # each life is another owner, and is shorter than a lease that is kept in production
        self.settings = settings_reader.load(RetrainSettings, ["--settings", str(folder / "keepsight.toml")], "test", "")
        self.reaper = Reaper(times, self.stand)
        self.processes = Processes(folder / "staging", self.reaper)
        monkeypatch.setattr(wiring, "launcher", lambda *_: self.processes)
        for owner, name in ((Folder, "write"), (Folder, "create"), (Folder, "remove"), (Processes, "open")):
            monkeypatch.setattr(owner, name, self.reaper.around(getattr(owner, name)))
        commits = self.reaper.around(SqliteState.execute, lambda _, sql, *__: sql == "COMMIT")
        monkeypatch.setattr(SqliteState, "execute", commits)
        self.bus: Bus = open_bus(self.settings.log, "retrain/test")
        monkeypatch.setattr(self.bus, "publish", self.reaper.around(self.bus.publish))

    def life(self) -> bool:
        """A life of the service. Returns whether it ended because all is over."""
        database: Database | None = None
        service: RetrainService | None = None
        self.reaper.awake = True
        try:
            state = SqliteState(self.settings.state / "retrain" / "state.sqlite3", MODEL)
            database = Database(state, "retrain/test")
            service = wiring.wired(
                self.settings,
                self.bus,
                database,
                Always(),
                CollectorRegistry(),
                (),
                Logger("test"),  # type: ignore[arg-type]
            )
            while not self.over():
                service.step()
            return True
        except Killed:
            return False
        finally:
            self.reaper.awake = False
            if service is not None:
                service._reader.close()
            if database is not None:
                database.close()

    def stand(self) -> str:
        """The state that the log told last, of the job or of the rollout."""
        told = [event.state for event in self.house.events if isinstance(event, JobAdvanced | RolloutAdvanced)]
        return told[-1] if told else ""

    def close(self) -> None:
        self.bus.close()
        self.house.close()

    def over(self) -> bool:
        """Whether the champion is stable, after a frame of each camera. Serving goes on whoever is dead."""
        with self.reaper.resting():
            self.house.pump()
        return any(isinstance(event, RolloutAdvanced) and event.state == "stable" for event in self.house.events)


def told(site: Site, kind: type[T]) -> list[T]:
    """The events of a kind on the log: one that was published twice is one."""
    return list({event.event_id: event for event in site.house.events if isinstance(event, kind)}.values())


@pytest.fixture(
    params=[pytest.param(1, id="once"), pytest.param(8, id="often", marks=(pytest.mark.slow, pytest.mark.timeout(900)))]
)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Site]:
    site = Site(tmp_path, monkeypatch, request.param)
    yield site
    site.close()


def test_killed_at_every_boundary_it_ends_as_if_nobody_had_died(site: Site) -> None:
    """Before and after each, so many times."""
    since = time.time()
    labels = (site.house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(20))
    site.house.publish(site.house.request(since), *labels)
    while not site.life():
        pass
    assert len(site.reaper.ended) >= BOUNDARIES
    assert site.house.repository.versions(MODEL) == ["1", "2"]
    assert [event.version for event in told(site, ModelPublished)] == ["2"]
    assert len(site.processes.started) == 1
    jobs = told(site, JobAdvanced)
    assert ([event.state for event in jobs if event.state not in ("queued", "held")], {event.attempt for event in jobs}) == (
        ["running", "succeeded"],
        {1},
    )
    steps = [(event.state, event.share) for event in told(site, RolloutAdvanced)]
    assert list(dict.fromkeys(state for state, _ in steps)) == ["shadow", "canary", "champion", "watch", "stable"]
    assert len(set(steps)) == len(steps)
    history = site.house.repository.history(MODEL)
    assert [one.sequence for one in history] == list(range(1, len(history) + 1))
    assert (history[-1].champion, history[-1].previous, history[-1].candidate) == ("2", "1", None)
    database = Database(SqliteState(site.settings.state / "retrain" / "state.sqlite3", MODEL), "test")
    ledger = Ledger(database)
    assert ledger.broken_at() is None
    assert sum(row.kind == "channels" for row in ledger.rows()) == len(history)
    assert (Jobs(database).ending(), Jobs(database).unfinished()) == ([], ())
    database.close()
