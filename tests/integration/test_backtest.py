"""`keepsight backtest` whole: real photographs scored by the small real version, every way of reading them, and the live monitor beside it."""

import gzip
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pyarrow.parquet
import pytest

from contracts import events
from contracts.events import AnyEvent, FrameLabelled, FrameScored, IncidentOpened
from contracts.log import open_bus
from contracts.repository import ModelRepository
from monitor.backtest.__main__ import main
from monitor.judge import Judge
from monitor.policy import Policy
from monitor.service import Service
from monitor.standard import Standards
from monitor.store import Store
from standalone import __main__ as command
from tests.kafka_cluster import cluster
from tests.monitor_line import MODEL, Line, other, smeared, usual

CAMERAS = ("cam-1", "cam-2", "cam-3")
QUICK = {"block_frames": 16, "confirm_blocks": 3, "lone_blocks": 6, "quiet_blocks": 4, "recovered_blocks": 8}


@dataclass(frozen=True)
class Recording:
    """What was recorded: events in order of time, the version's folder, a settings file, and the marked changes."""

    told: list[AnyEvent]
    baseline: Path
    settings: Path
    truth: Path
    smeared_at: float
    replaced_at: float


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Quiet, then a smeared lens for a while, quiet again, then another product with labels that are often wrong."""
    folder = tmp_path_factory.mktemp("recording")
    line = Line(folder, step_s=0.2)
    told: list[AnyEvent] = list(line.pass_by(CAMERAS, 130, usual()))
    smeared_at = line.now
    told += [line.frame(camera, smeared() if camera == "cam-2" else usual()) for _ in range(60) for camera in CAMERAS]
    healed_at = line.now
    told += line.pass_by(CAMERAS, 100, usual())
    replaced_at = line.now
    for number, frame in enumerate(line.pass_by(CAMERAS, 120, other())):
        told += [frame, line.label(frame, right=number % 5 < 2)]
    settings = folder / "settings.toml"
    settings.write_text("[monitor]\n" + "".join(f"{key} = {value}\n" for key, value in QUICK.items()))
    truth = folder / "truth.json"
    changes = [
        {"name": "lens", "at": smeared_at, "until": healed_at, "cameras": ["cam-2"], "cause": "camera_fault"},
        {"name": "product", "at": replaced_at, "cause": "population_change"},
    ]
    truth.write_text(json.dumps(changes))
    return Recording(told, Path(line.url) / "models" / MODEL / "1", settings, truth, smeared_at, replaced_at)


def ndjson(told: Sequence[AnyEvent]) -> bytes:
    return b"".join(events.encode(event, "test").value + b"\n" for event in told)


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


@pytest.fixture
def backtest(recording: Recording, tmp_path: Path) -> Callable[..., tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Run it; what it wrote."""

    def run(*arguments: str, status: int = 0) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        out = tmp_path / "out"
        given = [*arguments, *(["--out", str(out)] if "--out" not in arguments else [])]
        given += ["--baseline", str(recording.baseline)] if "--baseline" not in arguments else []
        assert main([*given, "--settings", str(recording.settings)]) == status
        if status:
            return [], {}
        lines = [json.loads(line) for line in (out / "incidents.ndjson").read_text().splitlines()]
        return lines, json.loads((out / "summary.json").read_text())

    return run


def test_it_tells_faults_and_drift_from_quiet_and_measures_the_delays(
    recording: Recording, backtest: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "events", ndjson(recording.told))
    lines, summary = backtest("--events", path, "--truth", str(recording.truth))
    assert [line["change"] for line in lines if line["at"] == line["opened_at"]] == ["lens", "product"]
    fault, product = lines[0], lines[1]
    assert (fault["cause"], fault["cameras"], fault["kind"]) == ("camera_fault", ["cam-2"], "page")
    assert set(product["cameras"]) == set(CAMERAS)
    assert product["channels"]
    assert product["evidence"][0]["ratio"] >= 1
    assert summary["false_pages_per_camera_month"] == 0
    assert 0 < summary["delay_s"]["lens"] < 60
    assert 0 < summary["delay_s"]["product"] < 120
    assert summary["delay_s"]["product"] == pytest.approx(product["at"] - recording.replaced_at)
    assert summary["events"] == len(recording.told)
    assert summary["cameras"] == 3
    assert summary["broken"] == summary["refused"] == 0
    said = capsys.readouterr().out
    assert "camera_fault" in said
    assert "population_change" in said
    assert "camera-month" in said


def test_every_form_and_every_split_gives_the_same_to_the_byte(
    recording: Recording, backtest: Callable[..., Any], tmp_path: Path
) -> None:
    told = recording.told
    frames = [event for event in told if isinstance(event, FrameScored)]
    labels = [event for event in told if isinstance(event, FrameLabelled)]
    rows = [msgspec.to_builtins(event) for event in frames]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "f.parquet")
    frames_file, labels_file = write(tmp_path / "f", ndjson(frames)), write(tmp_path / "l.gz", gzip.compress(ndjson(labels)))
    halves = [write(tmp_path / f"half-{n}", ndjson(told[n::2])) for n in range(2)]
    cameras = [write(tmp_path / camera, gzip.compress(ndjson([e for e in told if e.camera == camera]))) for camera in CAMERAS]  # type: ignore[union-attr]  # frames and labels
    whole, first = backtest("--events", write(tmp_path / "all", ndjson(told)))
    assert whole
    for arguments in (
        ("--events", frames_file, "--labels", labels_file),
        ("--events", str(tmp_path / "f.parquet"), "--labels", labels_file),
        ("--events", *halves),
        ("--events", *reversed(cameras)),
        ("--events", write(tmp_path / "back", ndjson(told[::-1]))),
    ):
        lines, summary = backtest(*arguments)
        assert lines == whole, arguments
        assert summary["budgets"] == first["budgets"]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of either kind, empty."""
    if request.param == "embedded":
        return f"embedded://{tmp_path}/log"
    return f"kafka://{','.join(cluster().servers)}/{uuid.uuid4().hex[:8]}"


def test_it_says_what_the_live_monitor_said(recording: Recording, backtest: Callable[..., Any], tmp_path: Path, log: str) -> None:
    bus = open_bus(log)
    bus.ensure_topics(events.TOPICS)
    bus.publish([events.encode(event, "test") for event in recording.told])
    policy = Policy(**QUICK)  # type: ignore[arg-type]  # whole numbers
    store = Store(tmp_path / "state.sqlite", "test")
    memory = store.load()
    judge = Judge(MODEL, policy, memory, Standards(ModelRepository(str(recording.baseline.parents[2])), MODEL, policy))
    service = Service(bus, store, judge, memory, MODEL, 0.0, 1.0, time.time)
    stop = threading.Event()
    service.run(stop, lambda: stop.set() if sum(service.taken.values()) == len(recording.told) else None)
    store.close()
    reader = bus.reader(None, [events.INCIDENTS])
    opened = {}
    while (records := reader.poll(0.5)) or sum(reader.lag().values()):
        for event in map(events.decode, records):
            if isinstance(event, IncidentOpened):
                opened[event.incident.incident_id] = event.incident
    reader.close()
    bus.close()
    assert len(opened) >= 2
    for arguments in (("--log", log), ("--events", write(tmp_path / "events", ndjson(recording.told)))):
        lines, summary = backtest(*arguments)
        first = {line["incident_id"]: line for line in reversed(lines)}
        assert list(first) == list(reversed(opened))
        for number, incident in opened.items():
            assert first[number]["told"]["headline"] == incident.headline
            assert first[number]["opened_at"] == incident.opened_at
        asked = (
            summary["budgets"][0]["retrain_requests"] if arguments[0] == "--log" else 0
        )  # the live monitor's own stand on the log, too
        assert summary["events"] == len(recording.told) + asked


def test_a_part_of_the_log(recording: Recording, backtest: Callable[..., Any], log: str) -> None:
    bus = open_bus(log)
    bus.ensure_topics(events.TOPICS)
    bus.publish([events.encode(event, "test") for event in recording.told[:300]])
    bus.close()
    _, summary = backtest("--log", log, "--since", "2026-01-01", "--until", "2200-01-01T00:00:00Z")
    assert summary["events"] == 300
    assert backtest("--log", log, "--until", "2001-01-01", status=2) == ([], {})


def test_budgets_in_one_pass_are_as_in_several(recording: Recording, backtest: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "events", ndjson(recording.told))
    together, summary = backtest("--events", path, "--budget", "0.25,1000")
    assert [one["budget"] for one in summary["budgets"]] == [0.25, 1000]
    alone = [line for budget in ("0.25", "1000") for line in backtest("--events", path, "--budget", budget)[0]]
    assert together == alone
    assert summary["policy"]["block_frames"] == 16
    assert summary["false_pages_per_camera_month"] > 0  # nothing is marked: an upper bound


def test_settings_may_be_tried_on_the_command_line(recording: Recording, backtest: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "events", ndjson(recording.told))
    _, summary = backtest("--events", path, "--fault-frames", "16", "--confirm-blocks=5")
    assert (summary["policy"]["fault_frames"], summary["policy"]["confirm_blocks"], summary["policy"]["block_frames"]) == (
        16,
        5,
        16,
    )


def test_versions_without_a_baseline_are_judged_by_health_alone_and_said(
    recording: Recording, backtest: Callable[..., Any], tmp_path: Path
) -> None:
    told = [msgspec.structs.replace(e, version="7") if isinstance(e, FrameScored) else e for e in recording.told]
    path = write(tmp_path / "events", ndjson([event for event in told if isinstance(event, FrameScored)]))
    lines, summary = backtest("--events", path)
    assert {line["cause"] for line in lines} == {"camera_fault"}
    assert "7" in summary["unjudged"]
    assert any("frames of version 7 were judged for camera health only" in note for note in summary["notes"])


def test_a_loose_copy_of_the_version_will_do(recording: Recording, backtest: Callable[..., Any], tmp_path: Path) -> None:
    path = write(tmp_path / "events", ndjson(recording.told))
    loose = tmp_path / "baseline-of-october"
    loose.mkdir()
    for name in ("manifest.json", "baseline.npz"):
        (loose / name).write_bytes((recording.baseline / name).read_bytes())
    assert backtest("--events", path, "--baseline", str(loose))[0] == backtest("--events", path)[0]
    (loose / "baseline.npz").write_bytes(b"altered")
    lines, summary = backtest("--events", path, "--baseline", str(loose))
    assert "half-written or altered" in summary["unjudged"]["1"]
    assert {line["cause"] for line in lines} == {"camera_fault"}


def test_broken_lines_never_stop_it(recording: Recording, backtest: Callable[..., Any], tmp_path: Path) -> None:
    lines = ndjson(recording.told).splitlines()
    lines[100:100] = [b"{", b"spam", lines[100].replace(b'"event_id":"', b'"event_id":"no-')]
    found, summary = backtest("--events", write(tmp_path / "events", b"\n".join(lines)))
    assert found == backtest("--events", write(tmp_path / "events", ndjson(recording.told)))[0]
    assert (summary["broken"], summary["refused"]) == (2, 1)
    assert [reason.split(": ")[0] for reason in summary["broken_reasons"]] == [f"{tmp_path}/events:{n}" for n in (101, 102, 103)]
    assert "expected a UUIDv7" in summary["broken_reasons"][2]


def test_a_file_cut_off_is_replayed_as_far_as_it_goes_and_told_by_status_1(
    recording: Recording, backtest: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = gzip.compress(ndjson(recording.told))
    path = write(tmp_path / "events.gz", whole[: len(whole) // 2])
    backtest("--events", path, status=1)
    assert 0 < json.loads((tmp_path / "out" / "summary.json").read_text())["events"] < len(recording.told)
    assert f"keepsight: {path} ends after line " in capsys.readouterr().err


def test_a_folder_that_takes_no_results_is_told_before_the_work(
    recording: Recording,
    backtest: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "events", ndjson(recording.told[:5]))
    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    backtest("--events", path, status=2)
    assert capsys.readouterr().err == f"keepsight: nothing can be written to --out {tmp_path}/out: Permission denied\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "name what to replay"),
        (("--events", "nowhere.ndjson"), "nowhere.ndjson cannot be read"),
        (("--events", "{empty}"), "there is no event to replay"),
        (("--events", "{folder}"), "Is a directory; name the files in it"),
        (("--events", "{cut}"), "cut ends after line 0: Compressed file ended before"),
        (("--events", "{events}", "--baseline", "nowhere"), "are the folders REPOSITORY/models/MODEL/VERSION"),
        (("--events", "{events}", "--baseline", "{repository}"), "it is no folder of a version; below it are {baseline}"),
        (("--events", "{events}", "--baseline", "{baseline}/manifest.json"), "name the folder that it lies in: {baseline}"),
        (("--events", "{events}", "--baseline", ""), "--baseline is empty"),
        (("--events", "{events}", "--confirm-block", "6"), "there is no option --confirm-block; did you mean --confirm-blocks?"),
        (("--event", "{events}"), "did you mean --events?"),
        (("--events", "{events}", "--budget", "1", "more.ndjson"), "'more.ndjson' belongs to no option"),
        (("--events", "{events}", "--window-h", "day"), "'day' is no number above 0"),
        (("--events", "{events}", "--budget", "-1"), "--budget is '-1'; give pages per camera-month above 0"),
        (("--events", "{events}", "--since", "2026-10-01"), "--since and --until go with --log"),
        (("--events", "{events}", "--out", "{events}"), "is no folder that can be made"),
        (("--log", "embedded:///nowhere"), "/nowhere holds no embedded log"),
        (("--log", "embedded:///nowhere", "--since", "2026-11-01", "--until", "2026-10-01"), "does not lie before --until"),
        (("--events", "{other}"), "the baseline is of model 'small', the events are of large"),
        (("--events", "{events}", "--budget", "1,0"), "--budget is '1,0'"),
        (("--events", "{events}", "--budget", "1,1"), "each once"),
        (("--events", "{events}", "--truth", "nowhere"), "nowhere cannot be read"),
        (("--events", "{events}", "--block-frames", "17"), "must be a multiple of"),
        (("--events", "{events}", "--log", "embedded:///nowhere"), "leave --events and --labels out"),
        (("--log", "sqlite://x"), "the scheme 'sqlite' is none of"),
        (("--log", "embedded:///nowhere", "--since", "Monday"), "--since is 'Monday'"),
    ],
)
def test_what_cannot_be_done_is_said_with_status_2(
    arguments: tuple[str, ...],
    why: str,
    recording: Recording,
    backtest: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    large = [msgspec.structs.replace(event, model="large") for event in recording.told[:5]]
    known = {
        "empty": write(tmp_path / "empty", b""),
        "cut": write(tmp_path / "cut", gzip.compress(b"spam")[:12]),
        "folder": str(tmp_path),
        "baseline": str(recording.baseline),
        "repository": str(recording.baseline.parents[1]),
        "events": write(tmp_path / "events", ndjson(recording.told[:5])),
        "other": write(tmp_path / "other", ndjson(large)),
    }
    backtest(*(argument.format(**known) for argument in arguments), status=2)
    said = capsys.readouterr().err
    assert why.format(**known) in said
    assert said.startswith("keepsight: ")
    assert "Traceback" not in said


def test_the_command_hands_over_and_reads_standard_input(recording: Recording, tmp_path: Path) -> None:
    arguments = ["backtest", "--events", "-", "--baseline", str(recording.baseline), "--settings", str(recording.settings)]
    done = subprocess.run(
        [sys.executable, "-m", "standalone", *arguments, "--out", str(tmp_path / "out")],
        input=gzip.compress(ndjson(recording.told)),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"cam-2 is out of focus" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"incidents.ndjson", "summary.json"}


def test_help_is_the_replays_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert command.main(["backtest", "--help"]) == 0
    assert "--baseline VERSION_DIR" in capfd.readouterr().out


@pytest.mark.slow
def test_memory_is_flat_however_long_the_events_are(recording: Recording, tmp_path: Path) -> None:
    """Resident memory of a child process for 40,000 and for 160,000 frames, the sort window filled in both."""
    line = Line(tmp_path / "house", step_s=0.2)
    pattern = [msgspec.structs.replace(f, stored=None, sample=None) for f in line.pass_by(CAMERAS, 200, usual())]

    def peak_kb(frames: int) -> int:
        path = tmp_path / f"{frames}.ndjson"
        with path.open("wb") as file:
            for number in range(frames):
                one, at = pattern[number % len(pattern)], 1_750_000_000 + number * 0.2
                number_id = f"{int(at * 1000):012x}"
                event_id = f"{number_id[:8]}-{number_id[8:]}-7000-8000-{number:012x}"
                frame = msgspec.structs.replace(one, event_id=event_id, occurred_at=at, captured_at=at, received_at=at)
                file.write(events.encode(frame, "test").value + b"\n")
        code = (
            "import resource, sys; from monitor.backtest.__main__ import main; status = main(sys.argv[1:]); "
            "sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)); sys.exit(status)"
        )
        given = ["--events", str(path), "--baseline", str(recording.baseline), "--out", str(tmp_path / "out")]
        done = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, check=True, timeout=170)
        return int(done.stderr.split()[-1])

    short, long = peak_kb(40_000), peak_kb(160_000)
    assert long < short + 20_000
