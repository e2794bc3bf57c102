"""What a real serving process survives: SIGKILL, a log that is away, altered versions, swaps and its own stop under load."""

import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from contracts import frames as framing
from contracts.events import FRAMES as FRAMES_TOPIC
from contracts.events import FrameScored
from contracts.repository import ModelRepository
from tests.serving_process import Load, ServingProcess, eventually
from tests.small_model import SPEC, photographs, publish_small_version, run_small, set_channels

FRAMES, _ = photographs(16)
CAMERAS = ("line-1", "line-2", "gate")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path)
    publish_small_version(house.repository)
    yield house
    assert house.stop() == 0


def test_sigkill_loses_no_event_that_was_answered(serving: ServingProcess) -> None:
    answered: list[str] = []
    for _ in range(3):
        serving.start()
        with Load(serving, FRAMES, CAMERAS) as load:
            eventually("answers", partial(len, load.answers), lambda count: count > 60)
            serving.kill()
        assert not load.refused
        answered += [answer["frame_id"] for _, answer in load.answers]
    serving.start()
    eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_bytes") == 0)
    logged = [event.frame_id for event in serving.logged(FRAMES_TOPIC, FrameScored)]
    assert len(logged) == len(set(logged))
    assert set(answered) <= set(logged)
    # A kill may come between the journal and the answer: at most one batch for each connection and each life.
    assert len(logged) - len(answered) <= 3 * len(CAMERAS)


def test_while_the_log_is_away_answers_go_on_and_events_wait(serving: ServingProcess) -> None:
    serving.start()
    first = serving.answered(FRAMES[0])
    serving.scored(1)
    log = sqlite3.connect(serving.home / "log" / "log.sqlite3", isolation_level=None, timeout=60)
    log.execute("BEGIN IMMEDIATE")
    try:
        answers = [serving.answered(content, CAMERAS[index % 3]) for index, content in enumerate(FRAMES * 4)]
        assert serving.metric("keepsight_serving_spool_bytes") > 0
        assert serving.get("/readyz").status == 200
    finally:
        log.execute("ROLLBACK")
        log.close()
    events = serving.scored(1 + len(answers))
    for camera in CAMERAS:
        said = [answer["frame_id"] for answer in [first, *answers] if answer["camera"] == camera]
        assert [event.frame_id for event in events if event.camera == camera] == said
    eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_bytes") == 0)
    assert serving.metric("keepsight_serving_events_total", outcome="dropped") == 0


def test_a_log_that_is_away_at_the_start_delays_nothing_and_a_stop_keeps_the_spool(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path, drain_s=0.2)
    publish_small_version(serving.repository)
    (tmp_path / "log").write_text("a file where the log's folder should be")
    serving.start()
    answers = [serving.answered(content) for content in FRAMES]
    assert serving.metric("keepsight_serving_log_up") == 0
    assert serving.stop() == 0
    assert serving.said("serving_stopped")[-1]["spool_drained"] is False
    assert len(serving.said("log_away")) == 1
    (tmp_path / "log").unlink()
    serving.start()
    assert [event.frame_id for event in serving.scored(len(answers))] == [answer["frame_id"] for answer in answers]
    assert serving.stop() == 0


def test_an_altered_version_is_never_swapped_in(serving: ServingProcess) -> None:
    publish_small_version(serving.repository, version="2", seed=1, champion=False)
    publish_small_version(serving.repository, version="3", seed=2, champion=False)
    model = Path(serving.repository, "models", "small", "2", "model.onnx")
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    serving.start()
    set_channels(serving.repository, champion="2", previous="1")
    refused = eventually("version_refused", lambda: serving.said("version_refused"))
    assert "model.onnx was altered" in refused[0]["error"]
    assert refused[0]["serving"] == "1"
    assert serving.answered(FRAMES[0])["version"] == "1"
    assert serving.get("/readyz").status == 200
    set_channels(serving.repository, champion="3")
    eventually("version 3", lambda: serving.answered(FRAMES[0])["version"] == "3")
    assert len(serving.said("version_refused")) == 1
    assert serving.metric("keepsight_serving_version_failures_total") == 1


def test_swaps_under_load_fail_no_frame_and_mix_no_versions(serving: ServingProcess) -> None:
    versions = ["1", "2", "3", "4"]
    for version in versions[1:]:
        reference = (FRAMES, [int(version) % 2, 1] * 8)
        publish_small_version(serving.repository, version=version, reference=reference, seed=int(version), champion=False)
    expected = _expected(serving.repository, versions)
    serving.start()
    with Load(serving, FRAMES, CAMERAS) as load:
        for version in versions[1:]:
            set_channels(serving.repository, champion=version)
            eventually(f"answers of {version} only", partial(_versions_of_the_last, load, 20), {version}.__eq__)
    assert not load.refused
    assert not load.broken
    assert {answer["version"] for _, answer in load.answers} == set(versions)
    for index, answer in load.answers:
        said = dict(zip(answer["prediction"]["labels"], answer["prediction"]["probabilities"], strict=True))
        assert said["china"] == pytest.approx(expected[answer["version"]][index], abs=2e-6)
    events = {event.frame_id: event.version for event in serving.scored(len(load.answers))}
    assert events == {answer["frame_id"]: answer["version"] for _, answer in load.answers}


def test_sigterm_under_load_cuts_nothing_and_exits_0(serving: ServingProcess) -> None:
    serving.start()
    with Load(serving, FRAMES, CAMERAS) as load:
        eventually("answers", lambda: len(load.answers), lambda count: count > 60)
        serving.signal()
        assert serving.ended() == 0
    assert not load.refused
    # A connection may end before its request is taken (the client sends it again elsewhere); none that was taken ends without its answer.
    assert {event.frame_id for event in serving.logged(FRAMES_TOPIC, FrameScored)} == {a["frame_id"] for _, a in load.answers}
    assert serving.said("serving_stopped")[-1]["spool_drained"] is True
    assert serving.said_by("uvicorn.error") == []  # it tells of connections that had to be cut off


def test_a_frame_that_is_half_sent_at_sigterm_is_answered(serving: ServingProcess) -> None:
    serving.start()
    head = f"POST /v1/frames?camera=gate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(FRAMES[0])}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", serving.port), 60) as slow, serving.connected() as idle:
        slow.sendall(head + FRAMES[0][:500])
        assert serving.ask("GET", "/livez", on=idle).status == 200
        serving.signal()
        eventually("the listener is closed", partial(_refuses, serving.port))
        slow.sendall(FRAMES[0][500:])
        answer = b""
        while chunk := slow.recv(65_536):
            answer += chunk
    assert serving.ended() == 0
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in answer
    (event,) = serving.logged(FRAMES_TOPIC, FrameScored)
    assert event.frame_id.encode() in answer
    assert serving.said_by("uvicorn.error") == []


def test_a_full_spool_loses_what_comes_last_and_says_how_much(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path, spool_max_bytes=1 << 20)
    publish_small_version(serving.repository)
    serving.start()
    answers = [serving.answered(FRAMES[0])]
    eventually("the first event", lambda: serving.metric("keepsight_serving_events_total", outcome="published") == 1)
    log = sqlite3.connect(tmp_path / "log" / "log.sqlite3", isolation_level=None, timeout=60)
    log.execute("BEGIN IMMEDIATE")
    with serving.connected() as connection:
        while not serving.said("events_dropped"):
            answers += [serving.answered(content, on=connection) for content in FRAMES * 8]
        answers += [serving.answered(content, on=connection) for content in FRAMES]
        lost = serving.metric("keepsight_serving_events_total", outcome="dropped")
        assert lost >= len(FRAMES)
        log.close()
        eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_bytes") == 0)
        answers.append(serving.answered(FRAMES[0], on=connection))
    assert serving.stop() == 0
    # An event that is a few bytes shorter than the one before it may still find room: one episode, or very few.
    told = serving.said("spool_takes_events_again")
    assert len(told) == len(serving.said("events_dropped")) < 5
    assert sum(line["dropped"] for line in told) == lost
    logged = [event.frame_id for event in serving.logged(FRAMES_TOPIC, FrameScored)]
    assert len(logged) == len(answers) - lost
    kept = set(logged)
    assert [answer["frame_id"] for answer in answers if answer["frame_id"] in kept] == logged
    assert logged[-1] == answers[-1]["frame_id"]


def test_under_load_every_answer_is_shadowed(serving: ServingProcess) -> None:
    publish_small_version(serving.repository, version="2", seed=3, champion=False)
    set_channels(serving.repository, shadow="2")
    serving.start()
    with Load(serving, FRAMES, CAMERAS) as load:
        eventually("answers", partial(len, load.answers), lambda count: count > 600)
    assert serving.stop() == 0  # the shadows that wait are scored before the end
    seen = Counter(event.variant for event in serving.logged(FRAMES_TOPIC, FrameScored))
    assert seen == {"champion": len(load.answers), "shadow": len(load.answers)}


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def _versions_of_the_last(load: Load, count: int) -> set[str]:
    return {answer["version"] for _, answer in load.answers[-count:]}


def _expected(repository: str, versions: list[str]) -> dict[str, list[float]]:
    """The probability of the first label by version and frame, computed one frame at a time."""
    images = [framing.prepare(framing.decode(content), SPEC) for content in FRAMES]
    found = {}
    for version in versions:
        model = ModelRepository(repository).read("small", version).model
        logits = [run_small(model, image[None])[0][0].astype(np.float64) for image in images]
        found[version] = [float(1 / (1 + np.exp(row[1] - row[0]))) for row in logits]
    return found
