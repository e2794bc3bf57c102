"""Each check of the doctor both ways, on real files, a real embedded log, real certificates, and a server that answers as the services do."""

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contracts import metrics_process
from contracts.errors import KeepsightError, StoreError
from contracts.events import COMMANDS, FRAMES, SERVING, TOPICS, ServingReported, encode
from contracts.health import HealthServer
from contracts.keys import new_key
from contracts.log import open_bus
from contracts.log_kafka_topics import topic_configs
from contracts.ports import TopicSpec
from standalone.doctor import command, files, log, machine, services, state, stores
from standalone.doctor.finding import Check, Finding, examined, merged
from standalone.doctor.kafka import NEEDS, differing, judged
from standalone.doctor.told import SETTINGS, Told, main
from tests import small_model
from tests.certificates import Authority

ROOT = Path(__file__).resolve().parents[4]
NOW = 1_900_000_000.0
Named = Callable[..., Told]


@pytest.fixture
def told(tmp_path: Path) -> Named:
    """A service's settings, as the doctor was told them: defaults, but for folders below `tmp_path` and what a test says."""

    def made(name: str = "serving", **changed: Any) -> Told:
        from monitor.settings import MonitorSettings
        from retrain.settings import RetrainSettings
        from serving.settings import ServingSettings

        kind = {"serving": ServingSettings, "monitor": MonitorSettings, "retrain": RetrainSettings}[name]
        folders = {
            "log": f"embedded://{tmp_path}/log",
            "repository": f"{tmp_path}/repository",
            "frame_store": f"{tmp_path}/frames",
            "state": tmp_path / "state",
            "model": "photographs",
        }
        settings = kind(**{**folders, **changed})
        return Told(name, settings, settings.model_dump(mode="json"), 2)  # type: ignore[arg-type]  # one of the three

    return made


def only(findings: Iterator[Finding]) -> Finding:
    (found,) = findings
    return found


def test_a_house_is_looked_at_as_a_user_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "keepsight.toml"
    settings.write_text(
        f'state = "{tmp_path}/state"\n[monitor]\nblock_fames = 3\n[retrain]\nmodel = "own"\nstate_password = "secret"\n'
    )
    assert command.run(["--settings", str(settings), "--only", "settings,state", "--json", "--timeout", "60"]) == 1
    said = json.loads(capsys.readouterr().out)
    verdicts = [(one["check"], one["verdict"]) for one in said["findings"]]
    assert verdicts == [
        ("serving settings", "warn"),
        ("monitor settings", "FAIL"),
        ("retrain settings", "ok"),
        ("serving state", "ok"),
        ("retrain state", "ok"),
    ]
    assert (said["ok"], said["failed"], said["warned"]) == (False, 1, 1)
    assert "did you mean 'block_frames'" in said["findings"][1]["said"]
    assert list(tmp_path.iterdir()) == [settings]  # nothing was made


def test_settings_are_told_as_the_service_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "keepsight.toml"
    settings.write_text('model = "doors"\n[retrain]\nmodel = "own"\nstate_password = "secret"\n')
    assert main(["retrain", "--settings", str(settings)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["settings"]["model"], said["settings"]["state_password"], said["state_format"]) == ("own", "secret", 2)
    assert main(["monitor", "--settings", str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--only", "weather"], ["--at", "serving:8080"], ["--service", "camera"]])
def test_a_wrong_command_line_is_told(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.run(wrong)
    assert "keepsight doctor: error" in capsys.readouterr().err


def test_checks_are_bounded_and_none_hides_another() -> None:
    def breaks() -> Iterator[Finding]:
        raise ValueError("x")

    def refuses() -> Iterator[Finding]:
        raise KeepsightError("the log said no")

    def hangs() -> Iterator[Finding]:
        listener.accept()
        yield Finding("ok", "hangs", "")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        checks = [
            Check("one", breaks),
            Check("two", refuses),
            Check("three", hangs),
            Check("four", lambda: [Finding("ok", "four", "")]),
        ]
        found = list(examined(checks, 0.2))
        socket.create_connection(listener.getsockname()).close()
    assert [one.verdict for one in found] == ["FAIL", "FAIL", "FAIL", "ok"]
    assert [one.said for one in found[:3]] == [
        "the check itself broke: ValueError('x')",
        "the log said no",
        "no answer within 0.2 s",
    ]


def test_what_is_the_same_of_several_services_is_said_once() -> None:
    same = [Finding("ok", f"{name} log", "there") for name in ("serving", "monitor")]
    other = [replace(same[0], check="retrain log", said="away"), replace(same[0], check="retrain state", said="away")]
    store = [Finding("ok", f"{name} frame store", "there") for name in SETTINGS]
    assert only(merged(store)).check == "serving, monitor, retrain frame store"
    assert [one.check for one in merged([*same, *other])] == ["serving, monitor log", "retrain log", "retrain state"]


def test_an_embedded_log(told: Named, tmp_path: Path) -> None:
    assert "is not there yet" in only(log.log(told())).said
    assert not (tmp_path / "log").exists()
    bus = open_bus(told().shared.log)
    bus.ensure_topics(TOPICS[:2])
    assert only(log.log(told())).said.startswith("topics are missing: keepsight.incidents")
    bus.ensure_topics([TopicSpec(COMMANDS, 3), *TOPICS])
    assert only(log.log(told())).said == "keepsight.commands stand otherwise than this release makes them"
    bus.close()
    good = told(log=f"embedded://{tmp_path}/good")
    bus = open_bus(good.shared.log)
    bus.ensure_topics(TOPICS)
    assert only(log.log(good)).verdict == "ok"
    bus.close()
    assert only(log.log(good)).verdict == "ok"
    (tmp_path / "good" / "log.sqlite3").write_bytes(b"x" * 4096)
    with pytest.raises(KeepsightError, match="restore it from a copy"):
        list(log.log(good))


def test_folders_that_may_not_be_written(told: Named, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may do everything
    assert [only(look(told())).verdict for look in (log.log, stores.frames, state.state)] == ["FAIL"] * 3


def test_the_repository_and_a_champion_that_was_altered(told: Named, tmp_path: Path) -> None:
    assert only(stores.repository(told())).said.endswith("is not there")
    (tmp_path / "repository").mkdir()
    assert "has no channels" in only(stores.repository(told())).said
    small_model.publish_small_version(told().shared.repository, "photographs")
    assert "is whole" in only(stores.repository(told())).said
    model = next((tmp_path / "repository").rglob("model.onnx"))
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(KeepsightError, match="half-written or altered"):
        list(stores.repository(told()))
    (model.parent / "manifest.json").unlink()
    assert only(stores.repository(told())).said == "the champion, version 1, is not there"


def test_the_frame_store_and_its_clock(told: Named, tmp_path: Path) -> None:
    assert only(stores.frames(told())).verdict == "ok"
    assert list(stores.file_clock(told(), NOW)) == []
    hour = tmp_path / "frames" / "frames" / "photographs" / "20300317" / "17"
    hour.mkdir(parents=True)
    for ahead, verdict in ((-3600.0, "ok"), (5.0, "FAIL")):
        os.utime(hour, (NOW + ahead, NOW + ahead))
        assert only(stores.file_clock(told(), NOW)).verdict == verdict
    with pytest.raises(StoreError, match="is no folder we can open"):
        list(stores.frames(told(frame_store="nowhere://bucket")))


def test_the_clock_of_the_log(told: Named) -> None:
    assert list(log.log_clock(told(), NOW)) == []
    bus = open_bus(told().shared.log)
    bus.ensure_topics(TOPICS)
    assert only(log.log_clock(told(), NOW)).said.startswith("no server has reported")
    report = ServingReported(
        event_id="01890000-0000-7000-8000-000000000000",
        occurred_at=NOW,
        model="photographs",
        replica="a",
        sequence=1,
        versions=(),
        started_at=NOW,
    )
    bus.publish([encode(report, "keepsight/serving")])
    bus.close()
    now = time.time()
    assert only(log.log_clock(told(), now)).verdict == "ok"
    assert only(log.log_clock(told(), now - 60.0)).verdict == "FAIL"


def test_state_in_files(told: Named, tmp_path: Path) -> None:
    assert [only(state.state(told(name))).verdict for name in SETTINGS] == ["ok"] * 3
    from monitor.store import Store
    from retrain.state.sqlite import SqliteState

    Store(tmp_path / "state" / "monitor-photographs.sqlite", "block_frames=64").close()
    SqliteState(tmp_path / "state" / "retrain" / "state.sqlite3", "photographs").close()
    assert only(state.state(told("monitor"))).verdict == "ok"
    assert only(state.state(told("monitor", block_frames=32))).fix.startswith("set block_frames back")
    assert only(state.state(told("retrain"))).verdict == "ok"
    assert "brings it to 3" in only(state.state(replace(told("retrain"), state_format=3))).said
    assert only(state.state(replace(told("retrain"), state_format=1))).verdict == "FAIL"
    (tmp_path / "state" / "retrain" / "state.sqlite3").write_bytes(b"x" * 4096)
    with pytest.raises(KeepsightError, match="restore it"):
        list(state.state(told("retrain")))


def test_state_in_postgres(told: Named, tmp_path: Path) -> None:
    from tests import postgres_server

    server = postgres_server.server()
    from monitor.store_postgres import PostgresStore
    from retrain.state.postgres import PostgresState, schema_of

    place = {"state_url": server.url(server.database()), "state_password": postgres_server.PASSWORD}
    monitor, retrain = told("monitor", **place), replace(told("retrain", **place), state_schema=schema_of("photographs"))
    assert next(state.state(monitor)).said.startswith("none yet")
    PostgresStore(*place.values(), "photographs", "block_frames=64").close()
    PostgresState(*place.values(), "photographs").close()
    assert [one.verdict for look in (monitor, retrain) for one in state.state(look)] == ["ok"] * 4
    assert [one.verdict for one in state.state(retrain, lambda: time.time() + 60.0)] == ["ok", "FAIL"]
    assert [one.verdict for one in state.state(replace(retrain, state_format=3))] == ["FAIL", "ok"]
    with pytest.raises(KeepsightError, match="password authentication failed"):
        list(state.state(told("monitor", state_url=place["state_url"], state_password="wrong")))


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    servers: list[HealthServer] = []

    def start(service: str = "monitor", ready: str | None = None) -> str:
        registry = CollectorRegistry()
        metrics_process.export(registry, service, "photographs")
        listener = socket.create_server(("127.0.0.1", 0))
        servers.append(HealthServer(listener, registry, lambda: ready))
        return f"http://127.0.0.1:{servers[-1].port}"

    yield start
    for one in servers:
        one.close()


def looked(told: Told, where: str, release: str, clock: Callable[[], float] = time.time) -> dict[str, Finding]:
    return {one.check: one for one in services.service(told, where, "", release, clock)}


def test_services(told: Named, answering: Callable[..., str]) -> None:
    from importlib.metadata import version

    release = version("keepsight")
    well = looked(told("monitor"), answering(), release)
    assert {name: one.verdict for name, one in well.items()} == {
        "monitor service": "ok",
        "clock monitor": "ok",
        "monitor release": "ok",
    }
    waiting = looked(told("monitor"), answering(ready="the log is away"), "9.9")
    assert "the log is away" in waiting["monitor service"].said
    assert waiting["monitor release"].verdict == "warn"
    assert looked(told("monitor"), answering("retrain"), release)["monitor release"].said.endswith("is no monitor of Keepsight")
    foreign = services.service(told("monitor", model="doors"), answering(), "", release)
    assert [one.said for one in foreign if one.verdict == "FAIL"] == ["it runs for model 'photographs', not 'doors'"]
    assert looked(told("monitor"), answering(), release, lambda: time.time() - 10.0)["clock monitor"].verdict == "FAIL"
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert looked(told("monitor"), nobody, release)["monitor service"].said.startswith("no answer on")


def test_where_a_service_is_asked(told: Named) -> None:
    assert services.address(told(host="0.0.0.0", open=True)) == "http://127.0.0.1:8080"
    assert services.address(told(health_port=9000, health_host="10.0.0.5")) == "http://10.0.0.5:9000"
    assert services.address(told(tls_cert_file="a", tls_key_file="b")) == "https://127.0.0.1:8080"


def test_certificates(told: Named, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = Authority(tmp_path)
    seen = {}
    for days in (1, 30):
        certificate, key = authority.sign(f"server-{days}", ends=now + timedelta(days=days))
        seen[days] = only(files.certificates(told(tls_cert_file=certificate, tls_key_file=key), now.timestamp()))
    later = told(kafka_ca_file=certificate)
    assert [seen[1].verdict, seen[30].verdict] == ["warn", "ok"]
    assert only(files.certificates(later, now.timestamp() + 40 * files.DAY_S)).verdict == "FAIL"
    certificate.write_text("nothing\n")
    assert "there is no certificate in it" in only(files.certificates(later, NOW)).said
    assert list(files.certificates(told(), NOW)) == []


def test_keys(told: Named, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(new_key("belt", ["camera:belt-*"])[1])
    assert only(files.keys(told(keys_file=path))).said.startswith("1 in ")
    path.chmod(0o666)
    with pytest.raises(KeepsightError, match="chmod o-w"):
        list(files.keys(told(keys_file=path)))
    assert only(files.keys(told(open=True))).verdict == "warn"
    assert list(files.keys(told())) == []


@pytest.mark.parametrize(
    ("total_gib", "free_gib", "verdict"),
    [(100, 50, "ok"), (100, 9, "warn"), (100, 0.5, "FAIL"), (5000, 30, "ok"), (5000, 19, "warn"), (1, 0.2, "warn")],
)
def test_room(told: Named, total_gib: float, free_gib: float, verdict: str) -> None:
    usage = int(total_gib * 2**30), 0, int(free_gib * 2**30)
    assert only(files.disks([told()], lambda _path: usage)).verdict == verdict


@pytest.mark.parametrize(
    ("provider", "fallback", "has", "driver", "verdict"),
    [
        ("auto", False, ["CPUExecutionProvider"], False, "ok"),
        ("auto", False, ["CPUExecutionProvider"], True, "warn"),
        ("cuda", False, ["CPUExecutionProvider"], True, "FAIL"),
        ("cuda", True, ["CPUExecutionProvider"], True, "warn"),
        ("cuda", False, ["CUDAExecutionProvider"], False, "FAIL"),
        ("cuda", False, ["CUDAExecutionProvider"], True, "ok"),
        ("cpu", False, None, False, "FAIL"),
    ],
)
def test_gpu(provider: str, fallback: bool, has: list[str] | None, driver: bool, verdict: str) -> None:
    assert machine.judged_gpu(provider, fallback, has, driver).verdict == verdict


def test_cores_and_memory(told: Named, tmp_path: Path) -> None:
    both = [told(workers=4), told("retrain", threads=4)]
    assert [one.verdict for one in machine.judged_threads(both, 2.0, 1 << 29, {"OMP_NUM_THREADS": "8"})] == ["warn"] * 4
    assert [one.verdict for one in machine.judged_threads(both, 4.0, 1 << 33, {})] == ["ok"]
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text("1048576\n")
    assert (machine.cores(tmp_path), machine.memory(tmp_path)) == (0.5, 1 << 20)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores(tmp_path) == len(os.sched_getaffinity(0))


def described(copies: int = 3, rights: tuple[str, ...] = ("READ", "WRITE")) -> dict[str, dict[str, Any]]:
    """What a cluster says of topics that are as they should be."""
    partition = {"leader_id": 1, "replica_nodes": list(range(copies))}
    return {
        topic.name: {"error_code": 0, "partitions": [partition] * topic.partitions, "authorized_operations": list(rights)}
        for topic in TOPICS
    }


def test_what_kafka_says_of_the_topics() -> None:
    for service in SETTINGS:
        assert only(judged(service, described())).verdict == "ok"
    assert only(judged("serving", described(copies=1))).said == "a topic has 1 copy"
    assert "Read on keepsight.frames" in only(judged("monitor", described(rights=("WRITE",)))).said
    gone = described()
    gone[SERVING]["error_code"] = 3
    assert "not there, or not to be seen by this user: keepsight.serving" in only(judged("serving", gone)).said
    headless = described()
    headless[FRAMES]["partitions"] = [{"leader_id": -1, "replica_nodes": [1, 2, 3]}] * 12
    assert only(judged("retrain", headless)).verdict == "FAIL"
    narrow = described()
    narrow[FRAMES]["partitions"] = narrow[FRAMES]["partitions"][:3]
    assert "keepsight.frames (3 of 12)" in only(judged("retrain", narrow)).said


def test_how_topics_are_kept() -> None:
    for topic in TOPICS:
        assert differing(topic, topic_configs(topic)) == []
    assert differing(TOPICS[0], {**topic_configs(TOPICS[0]), "retention.ms": "1"}) == ["retention.ms=1 (604800000)"]


def test_the_rights_are_those_of_the_page() -> None:
    rows = re.findall(
        r"^\| (\w+) \| (Read|Write) \| topic \| `(keepsight\.\w+)`", (ROOT / "docs" / "kafka.md").read_text(), re.MULTILINE
    )
    assert sorted(rows) == sorted(
        (name, operation.title(), topic) for name, needs in NEEDS.items() for operation, topics in needs.items() for topic in topics
    )
