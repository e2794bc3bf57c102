"""The registry: what is swapped in, what never is, and when it is tried again."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from contracts.channels import Channels
from contracts.errors import StoreError, VersionError
from contracts.logs import Logger
from contracts.repository import ModelRepository, Version
from serving.models.providers import Choice
from serving.models.registry import Lineup, Registry, without
from serving.models.runners import BoundRunner
from serving.models.runtime import How, Opened, Runtime, session_options
from serving.models.served import Served, open_served
from serving.telemetry.instruments import Instruments
from tests.small_model import publish_small_version, set_channels
from tests.unit.serving import parts

Load = Callable[[Version], Served]


class Loader(Executor):
    """Runs what it is given at once; while it is `slow`, when the test says so."""

    def __init__(self) -> None:
        self.slow = False
        self._waiting: list[Callable[[], None]] = []

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(work(*arguments, **more))
            except Exception as error:
                future.set_exception(error)

        self._waiting.append(run)
        if not self.slow:
            self.go()
        return future

    def go(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()


class House:
    """A registry on a real repository; `broken` versions fail to load with its error; `now` is its clock."""

    def __init__(self, folder: Path, shadow: bool = True) -> None:
        self.loader = Loader()
        self.url = str(folder)
        self.broken: dict[str, Exception] = {}
        self.loaded: list[str] = []
        self.now = 0.0
        self.instruments: Instruments = parts.instruments()
        self.registry = Registry(
            ModelRepository(self.url),
            "small",
            self._load,
            self.instruments,
            Logger("test"),
            shadow=shadow,
            clock=lambda: self.now,
            loader=self.loader,
        )

    def _load(self, version: Version) -> Served:
        name = version.manifest.version
        if name in self.broken:
            raise self.broken[name]
        self.loaded.append(name)
        return open_served(version, Runtime(How("cpu", 2)))

    def publish(self, *versions: str) -> None:
        for version in versions:
            publish_small_version(self.url, version=version, seed=int(version), champion=False)

    def serving(self) -> Channels | None:
        self.registry.poll()
        return self.registry.lineup.channels if self.registry.lineup else None


@pytest.fixture
def house(tmp_path: Path) -> House:
    found = House(tmp_path)
    found.publish("1", "2", "3")
    return found


def roles(house: House) -> tuple[int, dict[str, str]]:
    sequence, versions = house.registry.standing()
    assert all(one.digest == ModelRepository(house.url).read("small", one.version).digest for one in versions)
    return sequence, {one.version: one.role for one in versions}


def test_what_stands_in_service_is_told_with_its_roles(house: House) -> None:
    assert house.registry.standing() == (0, ())
    set_channels(house.url, champion="1")
    house.serving()
    set_channels(house.url, candidate="2", share=0.5, shadow="2", previous="3")
    house.serving()
    assert roles(house) == (2, {"1": "champion", "2": "candidate"})  # what was never loaded is no way back yet
    set_channels(house.url, champion="2", candidate=None, share=0.0, shadow="1", previous="1")
    house.serving()
    assert roles(house) == (3, {"2": "champion", "1": "shadow"})
    set_channels(house.url, shadow=None)
    house.serving()
    assert roles(house) == (4, {"2": "champion", "1": "previous"})
    house.broken["3"] = VersionError("altered")
    set_channels(house.url, champion="3", previous="2")
    house.serving()
    assert roles(house) == (4, {"2": "champion", "1": "previous"})  # refused: it stands where it stood


def test_the_counts_of_a_version_are_told_and_begin_anew_with_each_load(house: House) -> None:
    set_channels(house.url, champion="1", candidate="2", share=0.5)
    house.serving()
    lineup = house.registry.lineup
    assert lineup
    lineup.versions["2"].fared.count(answered=3, failed=2, invalid=1)
    _, (champion, candidate) = house.registry.standing()
    assert (champion.answered, champion.failed, champion.invalid) == (0, 0, 0)
    assert (candidate.answered, candidate.failed, candidate.invalid) == (3, 2, 1)
    set_channels(house.url, candidate=None, share=0.0)
    house.serving()
    set_channels(house.url, candidate="2", share=0.5)
    house.serving()
    assert house.registry.standing()[1][1].answered == 0


def test_each_look_at_the_channels_is_reported(house: House) -> None:
    told: list[int] = []
    seen = threading.Event()

    def report(sequence: int, _: object) -> None:
        told.append(sequence)
        if sequence == 1 and len(told) > 2:
            seen.set()

    house.registry = Registry(
        ModelRepository(house.url), "small", house._load, house.instruments, Logger("test"), report=report, loader=house.loader
    )
    house.registry.start(0.01)
    set_channels(house.url, champion="1")
    assert seen.wait(60)
    house.registry.stop()
    assert told == sorted(told)


def test_without_channels_it_says_why_and_looks_again(house: House) -> None:
    assert house.serving() is None
    assert "import or bootstrap it first" in house.registry.trouble
    set_channels(house.url, champion="1")
    assert house.serving() is not None
    assert house.loaded == ["1"]


def test_a_swap_loads_what_is_new_and_drops_what_is_gone(house: House) -> None:
    set_channels(house.url, champion="1")
    house.serving()
    before = house.registry.lineup
    set_channels(house.url, candidate="2", share=0.1, shadow="3")
    house.serving()
    lineup = house.registry.lineup
    assert before
    assert lineup
    assert set(lineup.versions) == {"1", "2", "3"}
    assert lineup.versions["1"] is before.versions["1"]
    assert lineup.shadow is lineup.versions["3"]
    assert lineup.champion.version == "1"
    set_channels(house.url, champion="2", candidate=None, share=0.0, shadow=None, previous="1")
    house.serving()
    assert house.registry.lineup
    assert set(house.registry.lineup.versions) == {"2"}
    assert house.loaded == ["1", "2", "3"]
    info = {"model": "small", "variant": "champion", "provider": "CPUExecutionProvider"}
    assert parts.value(house.instruments, "model_info", version="2", digest=house.registry.lineup.champion.digest, **info) == 1
    assert parts.value(house.instruments, "swaps_total") == 3


def test_a_rollback_loads_nothing(house: House) -> None:
    set_channels(house.url, champion="1")
    house.serving()
    set_channels(house.url, champion="2", previous="1")
    house.serving()
    assert parts.value(
        house.instruments,
        "model_info",
        model="small",
        version="1",
        variant="standby",
        digest=ModelRepository(house.url).read("small", "1").digest,
        provider="CPUExecutionProvider",
    )
    house.broken["1"] = StoreError("the bucket does not answer")
    set_channels(house.url, champion="1", previous=None)
    assert house.serving().champion == "1"  # type: ignore[union-attr]
    set_channels(house.url, champion="2")
    house.serving()
    assert house.loaded == ["1", "2", "2"]  # what is not named is let go


def test_nothing_waits_for_a_slow_load_that_it_does_not_need(house: House) -> None:
    set_channels(house.url, champion="1")
    house.serving()
    set_channels(house.url, champion="2", previous="1")
    house.serving()
    house.loader.slow = True
    set_channels(house.url, candidate="3", share=0.5)
    serving = house.serving()
    assert serving
    assert (serving.champion, serving.candidate, serving.share) == ("2", None, 0.0)
    set_channels(house.url, champion="1", candidate=None, share=0.0, previous="2")  # the way back, while version 3 loads
    assert house.serving().champion == "1"  # type: ignore[union-attr]
    set_channels(house.url, shadow="3")
    assert house.serving().shadow is None  # type: ignore[union-attr]
    house.loader.go()
    assert house.serving().shadow == "3"  # type: ignore[union-attr]
    assert house.loaded == ["1", "2", "3"]


def test_memory_is_given_back_when_a_version_was_let_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    given_back = threading.Event()
    monkeypatch.setattr("serving.models.registry.give_back", given_back.set)
    set_channels(house.url, champion="1")
    house.serving()
    set_channels(house.url, champion="2", previous="1")
    house.serving()
    house.registry.start(0.01)
    assert not given_back.wait(0.1)  # version 1 is held for a rollback
    set_channels(house.url, previous=None)
    assert given_back.wait(60)
    house.registry.stop()


def test_the_first_lineup_is_whole(house: House) -> None:
    house.loader.slow = True
    set_channels(house.url, champion="1", candidate="2", share=0.5)
    assert house.serving() is None
    house.loader.go()  # version 1
    assert house.serving() is None
    house.loader.go()
    assert house.serving() == ModelRepository(house.url).channels("small")


def test_a_champion_that_fails_leaves_everything_as_it_is(house: House) -> None:
    set_channels(house.url, champion="1", candidate="3", share=0.2)
    standing = house.serving()
    house.broken["2"] = VersionError("model.onnx was altered")
    set_channels(house.url, champion="2")
    for _ in range(5):
        assert house.serving() == standing
    assert parts.value(house.instruments, "version_failures_total") == 1


def test_a_candidate_or_shadow_that_fails_leaves_the_champion_alone(house: House) -> None:
    house.broken["2"] = VersionError("altered")
    set_channels(house.url, champion="1", candidate="2", share=0.5, shadow="3")
    serving = house.serving()
    assert serving
    assert (serving.champion, serving.candidate, serving.share, serving.shadow) == ("1", None, 0.0, "3")
    assert {serving.answering(f"camera-{number}") for number in range(50)} == {("1", "champion")}


def test_a_failed_version_is_tried_again_when_the_channels_change(house: House) -> None:
    set_channels(house.url, champion="1")
    house.serving()
    house.broken["2"] = VersionError("altered")
    set_channels(house.url, champion="2")
    house.serving()
    house.broken.clear()
    house.now = 1000.0
    assert house.serving().champion == "1"  # type: ignore[union-attr]
    set_channels(house.url, champion="2", share=0.0)
    assert house.serving().champion == "2"  # type: ignore[union-attr]


def test_a_store_that_failed_is_asked_again_soon(house: House) -> None:
    set_channels(house.url, champion="1")
    house.serving()
    house.broken["2"] = StoreError("the bucket does not answer")
    set_channels(house.url, champion="2")
    house.serving()
    house.broken.clear()
    assert house.serving().champion == "1"  # type: ignore[union-attr]
    house.now = 10.0
    assert house.serving().champion == "2"  # type: ignore[union-attr]


def test_while_nothing_serves_a_failed_champion_is_tried_again(house: House) -> None:
    house.broken["1"] = VersionError("half-written")
    set_channels(house.url, champion="1")
    assert house.serving() is None
    assert house.registry.trouble == "half-written"
    house.broken.clear()
    assert house.serving() is None
    house.now = 10.0
    assert house.serving() is not None


def test_unreadable_channels_change_nothing(house: House) -> None:
    set_channels(house.url, champion="1")
    standing = house.serving()
    Path(house.url, "models", "small", "channels.json").write_text("{half")
    assert house.serving() == standing


def test_shadow_can_be_switched_off(tmp_path: Path) -> None:
    house = House(tmp_path, shadow=False)
    house.publish("1", "2")
    set_channels(house.url, champion="1", shadow="2")
    house.serving()
    assert house.loaded == ["1"]


def test_a_trouble_is_said_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        house.serving()
    assert len([record for record in caplog.records if record.message == "channels_not_readable"]) == 1


def test_without() -> None:
    channels = Channels(champion="1", candidate="2", share=0.5, shadow="3")
    assert without(channels, set()) == channels
    assert without(channels, {"1"}) is None
    assert without(channels, {"2", "3"}) == Channels(champion="1")


def test_frames_run_one_by_one_only_where_no_version_gains_from_batches(tmp_path: Path) -> None:
    alone = parts.served(tmp_path)
    version = ModelRepository(str(tmp_path)).read("small", "1")
    session = ort.InferenceSession(version.model, session_options(), providers=["CPUExecutionProvider"])
    runner = BoundRunner(session, version.manifest, (1, 2, 4), "cpu")
    batched = Served(version, Opened((runner,), Choice("cpu"), "full"), (2,))
    assert Lineup(Channels(champion="1"), {"1": alone}).one_by_one
    assert not Lineup(Channels(champion="1"), {"1": batched}).one_by_one
    assert not Lineup(Channels(champion="1", candidate="2", share=0.5), {"1": alone, "2": batched}).one_by_one
