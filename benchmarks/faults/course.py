"""The run: load begins, faults come and go in their turns, the load stops, everything drains, and the witnesses are heard."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.faults import held, reconcile
from benchmarks.faults.faults import Fault, World
from benchmarks.faults.house import MODEL, SERVERS
from benchmarks.faults.schedule import Turn
from benchmarks.faults.service import Series, Service, total
from benchmarks.faults.spans import Span
from benchmarks.faults.vitals import Vitals
from contracts.events import FRAMES, LABELS

PATIENCE_S: Final = 60.0
"""For everything to be well after a fault."""
DRAINS_S: Final = 120.0
"""For everything to be consumed after the load."""
_LOOK_S: Final = 0.25
_TELL_S: Final = 10.0
_READ_S: Final = 5.0
_UNDER_WAY_BYTES: Final = 200_000
"""That wait in a spool under load anyway: a second's events of all cameras, twice."""
_LAG: Final = 300
"""Records that the monitor may be behind and be called well: some seconds of the load."""


class Course:
    """One run. `say` takes a line for the terminal."""

    def __init__(self, world: World, say: Callable[[str], None]) -> None:
        self._world, self._say = world, say
        self._began = self._told_at = self._read_at = 0.0
        self._told_frames = 0
        self._now = "warming up"
        self.vitals = Vitals()
        self.spans: list[Span] = []
        self.began_at = 0.0
        """When the load began, Unix seconds."""
        self.ended_at = 0.0

    def run(self, faults: Sequence[Fault], turns: Sequence[Turn], seconds: float) -> reconcile.Found:
        """All of it. Raises NotAsItShouldError when a service cannot be started or stopped."""
        world = self._world
        world.house.start()
        world.fleet.start()
        try:
            self._began, self.began_at = time.monotonic(), time.time()
            for fault, turn in zip(faults, turns, strict=True):
                self._now = "no fault"
                self._wait_until(turn.at_s)
                self._inject(fault, turn.hold_s)
            self._now = "no fault"
            self._wait_until(seconds)
        finally:
            world.fleet.stop()
            self.ended_at = time.time()
        return self._found()

    def _inject(self, fault: Fault, hold_s: float) -> None:
        self._now, began, services = fault.name, time.time(), self._world.house.services.values()
        begun = {service.name: service.log_bytes() for service in services}
        self._say(f"{self._passed_s():5.0f} s  {fault.name}: {fault.about}")
        with fault.inject(self._world):
            until = time.monotonic() + hold_s
            self._wait(lambda: time.monotonic() >= until)
        healed = time.time()
        self._now = f"getting well after: {fault.name}"
        deadline = time.monotonic() + PATIENCE_S
        self._wait(lambda: self._well() or time.monotonic() > deadline)
        recovered = time.time() if time.monotonic() <= deadline else float("inf")
        said = tuple(f"{service.name}: {event}" for service in services for event in service.warned_since(begun[service.name]))
        self._say(f"{self._passed_s():5.0f} s  {fault.name}: well {recovered - healed:.1f} s after it was healed")
        self.spans.append(
            Span(fault.name, began, healed, recovered, fault.cuts, fault.cuts or fault.log_fails, fault.blames(self._world), said)
        )

    def _passed_s(self) -> float:
        return time.monotonic() - self._began

    def _wait_until(self, at_s: float) -> None:
        self._wait(lambda: self._passed_s() >= at_s)

    def _wait(self, done: Callable[[], bool]) -> None:
        """Until `done`, with an eye on everything meanwhile."""
        while not done():
            time.sleep(_LOOK_S)
            self._look()

    def _look(self) -> None:
        world, now = self._world, time.monotonic()
        for service in world.house.services.values():
            service.look()
        if now - self._read_at >= _READ_S:
            self._read_at = now
            self.vitals.read(world.house.services.values())
        if now - self._told_at >= _TELL_S:
            self._tell(now)

    def _tell(self, now: float) -> None:
        frames = self._world.fleet.book.frames
        news = [sent for sent in frames[self._told_frames :] if sent.attempts]
        fates = Counter(sent.fate for sent in news if sent.kind == "photograph")
        rate = fates["accepted"] / max(1.0, now - self._told_at) if self._told_at else 0.0
        self._say(
            f"{self._passed_s():5.0f} s  {rate:5.1f} frames/s answered, {fates['refused']} refused, {fates['unknown']} without an answer, "
            f"{sum(sent.kind != 'photograph' for sent in news)} garbage; {self._now}"
        )
        self._told_at, self._told_frames = now, len(frames)

    def _well(self) -> bool:
        """Ready, nothing waits in a spool, nobody is behind, no frame is refused or cut."""
        services = self._world.house.services
        if not all(service.ready() for service in services.values()):
            return False
        series = {name: service.scrape() for name, service in services.items()}
        return (
            all(total(series[name], "keepsight_serving_spool_bytes") < _UNDER_WAY_BYTES for name in SERVERS)
            and len(series["monitor"]) > 0
            and total(series["monitor"], "keepsight_monitor_lag_records") <= _LAG
            and total(series["monitor"], "keepsight_monitor_lag_seconds") <= PATIENCE_S
            and total(series["retrain"], "keepsight_retrain_lag_seconds") <= PATIENCE_S
        )

    def _found(self) -> reconcile.Found:
        house, world = self._world.house, self._world
        self._now = "draining"
        self._say(f"{self._passed_s():5.0f} s  the load has ended; what is under way goes to its end")
        deadline = time.monotonic() + DRAINS_S
        logged = held.Logged()
        self._wait(lambda: self._drained() or time.monotonic() > deadline)
        unready = [service.name for service in house.services.values() if not service.ready()]
        scraped = {service.name: service.scrape() for service in house.services.values()}
        lives = {server.name: server.life for server in house.servers}
        exits = house.stop()
        bus = house.bus()
        try:
            held.read_log(bus, logged)
        finally:
            bus.close()
        return reconcile.Found(
            book=world.fleet.book,
            logged=logged,
            watched=held.read_monitor(house.disks["monitor"].folder, MODEL),
            learned=held.read_retrain(house.disks["retrain"].folder),
            spans=self.spans,
            dropped=sum(_dropped(server) for server in house.servers),
            duplicated=world.duplicated,
            poisoned=world.poisoned,
            unstored=sum(not Path(house.frames, path).exists() for path in logged.stored),
            counters={name: _counted(scraped[name]) for name in SERVERS},
            lives=lives,
            crashes=[death for service in house.services.values() for death in service.deaths]
            + [world.fleet.failed] * bool(world.fleet.failed),
            unready=unready,
            exits=exits,
            champion_moved=house.repository.channels(MODEL) != house.channels,
            series={name: sum(map(len, series.values())) for name, series in scraped.items()},
        )

    def _drained(self) -> bool:
        """Spools empty, and monitor and retrain have saved that they came to the end of frames and labels."""
        house = self._world.house
        if not all(service.ready() for service in house.services.values()):
            return False
        if any(total(server.scrape(), "keepsight_serving_spool_bytes") for server in house.servers):
            return False
        bus = house.bus()
        ends = held.ends(bus, (FRAMES, LABELS))
        bus.close()
        saved = (
            held.read_monitor(house.disks["monitor"].folder, MODEL).offsets,
            held.read_retrain(house.disks["retrain"].folder).offsets,
        )
        return all(offsets.get(place, 0) == end for offsets in saved for place, end in ends.items())


def _dropped(server: Service) -> int:
    """Events that a server said it dropped, in all its lives: it says how many with the first one that it takes again."""
    return sum(int(str(line["dropped"])) for line in server.said("spool_takes_events_again"))


def _counted(series: Series) -> Counter[str]:
    """Frame requests as a server counted them: `answered`, and refusals by problem."""
    counted = Counter({"answered": int(total(series, "keepsight_serving_frames_total", outcome="answered"))})
    for labels, value in series.get("keepsight_serving_refusals_total", []):
        if value:
            counted[labels["problem"]] += int(value)
    return counted
