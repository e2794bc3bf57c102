"""A real serving process on a bad day: garbage, stalled and vanishing clients, a swap and a log that goes away, all under load.

Every frame that was taken is answered, every answer's event reaches the log once in effect, memory stays bounded.
"""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from contracts.events import FRAMES as FRAMES_TOPIC
from contracts.events import AnyEvent, FrameScored, decode
from contracts.log import open_bus
from tests.crowd import Leavers, Stallers, resident_bytes
from tests.kafka_cluster import cluster
from tests.mutations import mutated
from tests.serving_process import Load, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version, set_channels

FRAMES, _ = photographs(16)
GARBAGE = list(mutated(300, seed=5))
HONEST = ("line-1", "line-2", "gate")
CAMERAS = {name: {"site": "hall"} for name in (*HONEST, "garbage", "staller", "leaver")}
NO_LOG = "kafka://127.0.0.1:9"
MOST_GROWTH = 64 << 20
Away = Callable[[], AbstractContextManager[None]]


@contextmanager
def _locked(serving: ServingProcess) -> Iterator[None]:
    """The embedded log takes nothing."""
    log = sqlite3.connect(serving.home / "log" / "log.sqlite3", isolation_level=None, timeout=60)
    log.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        log.execute("ROLLBACK")
        log.close()


@contextmanager
def _killed() -> Iterator[None]:
    """The broker is killed, and started again."""
    cluster().command("kill", 1)
    try:
        yield
    finally:
        cluster().command("start", 1)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path, cameras=CAMERAS, body_timeout_s=0.5, drain_s=0.2)
    publish_small_version(house.repository)
    publish_small_version(house.repository, version="2", reference=(FRAMES, [0, 1] * 8), seed=2, champion=False)
    yield house
    assert house.stop() == 0


def test_a_bad_day_on_the_embedded_log(serving: ServingProcess) -> None:
    _bad_day(serving, partial(_locked, serving))


@pytest.mark.slow
@pytest.mark.kafka
def test_a_bad_day_on_kafka(serving: ServingProcess) -> None:
    serving.log = f"kafka://{cluster().servers[0]}/{uuid.uuid4().hex}"
    _bad_day(serving, _killed)


def _bad_day(serving: ServingProcess, away: Away) -> None:
    serving.start()
    with (
        Load(serving, FRAMES, HONEST) as honest,
        Load(serving, GARBAGE, ("garbage",)) as garbage,
        Stallers(serving, FRAMES[0], "staller") as stallers,
        Leavers(serving, FRAMES[0], "leaver") as leavers,
    ):
        eventually("answers", lambda: len(honest.answers) > 60)
        assert serving.metric("keepsight_serving_connections") > len(HONEST)
        before = resident_bytes(serving.pid)
        with away():
            eventually("waiting events", lambda: serving.metric("keepsight_serving_spool_bytes") > 100_000)
            set_channels(serving.repository, champion="2", previous="1")
            eventually("the swap", lambda: honest.answers[-1][1]["version"] == "2")
            eventually("visitors", lambda: stallers.count > 2 and leavers.count > 30)
            spooled = serving.metric("keepsight_serving_events_total", outcome="spooled")
        eventually("what waited", lambda: serving.metric("keepsight_serving_events_total", outcome="published") > spooled)
        grown = resident_bytes(serving.pid) - before
    assert not honest.refused
    assert not honest.broken
    assert not garbage.broken
    assert {reply.status for reply in garbage.refused} <= {400, 413, 415, 422}
    answers = [answer for load in (honest, garbage) for _, answer in load.answers]
    _reconcile(serving, answered=len(answers), refused=len(garbage.refused), stalled=stallers.count, left=leavers.count)
    assert grown < MOST_GROWTH
    log, serving.log = serving.log, NO_LOG
    answers += _stopped_under_load(serving)
    serving.log = log
    serving.start()
    eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_bytes") == 0)
    events = {event.frame_id: event for event in _logged(log) if event.camera != "leaver"}
    assert events.keys() == {answer["frame_id"] for answer in answers}
    assert all(events[answer["frame_id"]].version == answer["version"] for answer in answers)


def _logged(log: str) -> list[FrameScored]:
    """What the log holds, each event once."""
    bus = open_bus(log)
    reader = bus.reader(None, [FRAMES_TOPIC])
    found: dict[str, AnyEvent] = {}
    try:
        while (records := reader.poll(1.0)) or not reader.places() or any(reader.lag().values()):
            found |= {record.headers["ce_id"]: decode(record) for record in records}
    finally:
        reader.close()
        bus.close()
    return [event for event in found.values() if isinstance(event, FrameScored)]


def _reconcile(serving: ServingProcess, answered: int, refused: int, stalled: int, left: int) -> None:
    """What the server counted is what its clients saw."""

    def requests(outcome: str) -> float:
        return serving.metric("keepsight_serving_requests_total", route="/v1/frames", outcome=outcome)

    eventually(
        "all requests' ends",
        lambda: sum(map(requests, ("answered", "refused", "overloaded", "failed", "gone"))) >= answered + refused + stalled,
    )
    left_and_answered = requests("answered") - answered
    assert 0 <= left_and_answered <= left
    assert requests("refused") == refused + stalled
    assert requests("failed") == requests("overloaded") == 0
    assert serving.metric("keepsight_serving_camera_problems_top", camera="staller", problem="body-timeout") > 0
    eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_bytes") == 0)
    outcomes = {one: serving.metric("keepsight_serving_events_total", outcome=one) for one in ("spooled", "published", "dropped")}
    assert outcomes["spooled"] >= answered
    assert outcomes == {"spooled": outcomes["spooled"], "published": outcomes["spooled"], "dropped": 0}


def _stopped_under_load(serving: ServingProcess) -> list[dict[str, object]]:
    """A second life without a log, ended by SIGTERM under load: what it answered."""
    assert serving.stop() == 0
    serving.write_settings()
    serving.start()
    with Load(serving, FRAMES, HONEST) as load:
        eventually("answers", lambda: len(load.answers) > 60)
        serving.signal()
        assert serving.ended() == 0
    assert not load.refused
    assert len(serving.said("log_away")) >= 1
    stopped = serving.said("serving_stopped")[-1]
    assert serving.said_by("uvicorn.error") == []
    assert (stopped["workers_still_running"], stopped["spool_drained"]) == (0, False)
    assert stopped["spool_bytes"] > 0
    return [answer for _, answer in load.answers]
