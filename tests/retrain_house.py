"""A house around the retrain service for its integration tests: a real embedded log, a real repository, the service as a real process.

The test plays serving and the labeller: it answers frames by the channels as they stand and publishes what serving would. The training process is a
script that packages a real small version, so that a test can stop it where it likes.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from contracts.events import (
    INCIDENTS,
    RETRAIN,
    TOPICS,
    AnyEvent,
    FrameLabelled,
    FrameScored,
    IncidentOpened,
    RetrainRequested,
    ServingReported,
    VersionServed,
    decode,
    encode,
)
from contracts.frame_store import frame_path
from contracts.ids import new_id
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.manifest import digest
from contracts.predictions import Classification, ClassTruth, Variant
from contracts.repository import ModelRepository
from tests.scored_frames import frame_scored
from tests.small_model import publish_small_version

DEADLINE_S = 60.0
MODEL = "small"
CAMERAS = ("line-1", "line-2", "line-3")
LABELS_OF = ("china", "flower")
FAST = {
    "port": "0",
    "tick_s": "0.05",
    "lease_s": "1",
    "retry_delay_s": "0",
    "stop_grace_s": "5",
    "labels_wanted": "20",
    "labels_more": "5",
    "shadow_frames": "60",
    "shadow_s": "0",
    "canary_shares": "0.01,0.5,1.0",
    "canary_frames": "20",
    "canary_s": "0",
    "watch_frames": "30",
    "watch_s": "0",
    "camera_live_s": "60",
    "guard_limit_frames": "30",
}
SERVICE = "import sys; from retrain.__main__ import main; sys.exit(main(sys.argv[2:], sys.argv[1].split('|')))"
CANDIDATE = '''
"""Stands in for training: says its steps, waits where the test wants it to, packages the staged version, answers."""
import json, os, sys, time
from pathlib import Path
import msgspec
from contracts.files import Folder
from contracts.manifest import Manifest
from retrain.trainer.package import write

staging, gates, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
request = json.loads((folder / "request.json").read_text())
with (gates / "starts").open("a") as file:
    file.write(request["job_id"] + "\\n")
print("a library speaks", flush=True)
for step in ("data", "train"):
    print(json.dumps({"step": step, "progress": 0.5, "detail": f"{len(request['labels'])} labels", "metrics": {"loss": 0.25}}), flush=True)
while (gates / "wait").exists():
    time.sleep(0.02)
if (gates / "die").exists():
    print("no more memory", file=sys.stderr)
    os.kill(os.getpid(), 9)
verdict = json.loads((gates / "verdict").read_text()) if (gates / "verdict").exists() else {"verdict": "packaged", "reason": "all gates passed"}
if verdict["verdict"] == "packaged":
    place = Path(staging) / "models" / request["model"] / "2"
    manifest = msgspec.json.decode((place / "manifest.json").read_bytes(), type=Manifest)
    lineage = msgspec.structs.replace(manifest.lineage, parent=request["parent"])
    files = {name: (place / name).read_bytes() for name in manifest.files}
    if (gates / "heavy").exists():
        files["weights.safetensors"] = bytes(8 << 20)
    _, verdict["package"] = write(Folder(str(folder)), msgspec.structs.replace(manifest, version="0", lineage=lineage), files)
verdict["fence"] = request["fence"]
print(json.dumps({"step": "package", "progress": 1.0}), flush=True)
unfinished = folder / ".outcome"
unfinished.write_text(json.dumps(verdict))
unfinished.rename(folder / "outcome.json")
'''


class House:
    """One site with three cameras. `pump` sends a frame of each; `until` pumps until a condition holds."""

    def __init__(self, folder: Path, log: str = "", **settings: str) -> None:
        self.folder = folder
        self.gates = folder / "gates"
        self.gates.mkdir()
        self.repository = ModelRepository(str(folder / "repository"))
        self.furnish()
        url = log or f"embedded://{folder / 'log'}"
        shared = {"log": url, "repository": self.repository.url, "frame_store": str(folder / "frames"), "model": MODEL}
        shared["state"] = str(folder / "state")
        lines = [f"{key} = {json.dumps(value)}" for key, value in shared.items()]
        lines += ["[retrain]", *(f"{key} = {json.dumps(value)}" for key, value in {**FAST, **settings}.items())]
        (folder / "keepsight.toml").write_text("\n".join(lines))
        self.bus = open_bus(url, "test")
        self.bus.ensure_topics(TOPICS)
        self._reader = self.bus.reader(None, [RETRAIN, INCIDENTS])
        self.events: list[AnyEvent] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.confidence = 0.9
        self.agree = True
        self.fails_on = 0.0
        """Share of the frames on which version 2 fails: they leave no event, and are counted in the report."""
        self.servers = ["hall:1"]
        """Those that follow the channels and report."""
        self._counts: dict[str, list[int]] = {}
        self.started_at = time.time()

    def furnish(self) -> None:
        """Publish the champion, and stage the version that the training process packages."""
        publish_small_version(self.repository.url, MODEL, "1")
        publish_small_version(str(self.folder / "staging"), MODEL, "2", seed=1, champion=False)
        (self.folder / "candidate.py").write_text(CANDIDATE)

    @property
    def training(self) -> tuple[str, ...]:
        """The command of the training process."""
        return (sys.executable, str(self.folder / "candidate.py"), str(self.folder / "staging"), str(self.gates))

    def start(self) -> None:
        """Start the service's process."""
        self.process = self.another("service.log")

    def another(self, log: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process of the service, with its log beside the others and more settings from its command line."""
        with (self.folder / log).open("ab") as errors:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    SERVICE,
                    "|".join(self.training),
                    "--settings",
                    str(self.folder / "keepsight.toml"),
                    *arguments,
                ],
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )

    def kill(self) -> None:
        """SIGKILL: nothing gets to finish."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def close(self) -> None:
        """Leave nothing running."""
        (self.gates / "wait").unlink(missing_ok=True)
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self._reader.close()
        self.bus.close()

    def publish(self, *events: AnyEvent) -> None:
        """Put events on the log as another service would."""
        self.bus.publish([encode(event, "test") for event in events])

    def request(self, since: float, key: str = "episode", **fields: object) -> RetrainRequested:
        """What the monitor asks, with evidence left out."""
        now = time.time()
        given = {"version": "1", "reason": "realised accuracy broke the benchmark", "cameras": CAMERAS, **fields}
        return RetrainRequested(event_id=new_id(now), occurred_at=now, model=MODEL, request_key=key, since=since, **given)  # type: ignore[arg-type]

    def label(self, captured_at: float, camera: str = "line-1", **fields: object) -> FrameLabelled:
        """A truth for a stored frame."""
        frame = new_id(captured_at)
        given = {"stored": frame_path(MODEL, frame, "jpg"), "sample": "uniform", "predictions": (), **fields}
        return FrameLabelled(  # type: ignore[call-arg]
            event_id=new_id(time.time()),
            occurred_at=time.time(),
            model=MODEL,
            frame_id=frame,
            camera=camera,
            site="hall",
            captured_at=captured_at,
            truth=ClassTruth("china"),
            **given,  # type: ignore[arg-type]
        )

    def fault(self, camera: str, since: float) -> IncidentOpened:
        """The monitor found a camera at fault."""
        now = time.time()
        incident = Incident(
            incident_id=new_id(now),
            cause="camera_fault",
            severity="ticket",
            headline=f"{camera} is out of focus",
            action="clean the lens",
            site="hall",
            cameras=(camera,),
            version="1",
            since=since,
            opened_at=now,
        )
        return IncidentOpened(event_id=new_id(now), occurred_at=now, model=MODEL, incident=incident)

    def pump(self) -> None:
        """Each camera sends a frame; serving answers by the channels, shadows and reports. Then read what retrain said."""
        channels = self.repository.channels(MODEL)
        frames: list[AnyEvent] = []
        for camera in CAMERAS:
            frame, answering = new_id(time.time()), channels.answering(camera)
            frames += self._given(frame, camera, *answering)
            if channels.shadow is not None and channels.shadow != answering[0]:
                frames += self._given(frame, camera, channels.shadow, "shadow")
        self.publish(*frames, *(self.report(server) for server in self.servers))
        self.read()

    def report(self, server: str, leaving: bool = False) -> ServingReported:
        """What a server says that stands on the channels; the first one has counted all frames."""
        now, channels = time.time(), self.repository.channels(MODEL)
        roles = {channels.shadow: "shadow", channels.candidate: "candidate", channels.champion: "champion"}
        versions = tuple(
            VersionServed(
                version,
                digest(self.repository.manifest(MODEL, version)),
                role,  # type: ignore[arg-type]  # one of Role
                "CPUExecutionProvider",
                *(self._counts.get(version, (0, 0)) if server == self.servers[0] else (0, 0)),
            )
            for version, role in roles.items()
            if version is not None
        )
        return ServingReported(
            event_id=new_id(now),
            occurred_at=now,
            model=MODEL,
            replica=server,
            sequence=channels.sequence,
            versions=versions,
            started_at=self.started_at,
            leaving=leaving,
        )

    def given(self, version: str) -> int:
        """How many frames a version was given."""
        return sum(self._counts.get(version, ()))

    def read(self) -> None:
        """Take what is new on the log."""
        self.events += [decode(record) for record in self._reader.poll(0.02)]

    def until(self, condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Send frames until the condition holds; fails with the service's log after the deadline."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < deadline, f"never saw {what}\n{self.said()}"
            assert self.process is None or self.process.poll() is None, f"the service died\n{self.said()}"
            self.pump()

    def said(self) -> str:
        """The service's log."""
        return (self.folder / "service.log").read_text()[-6000:]

    def metrics(self) -> str:
        """What /metrics answers."""
        return self.asked("/metrics")

    @property
    def address(self) -> str:
        """Where the service that started last listens; empty before."""
        lines = (self.folder / "service.log").read_text().splitlines()
        return next((f"127.0.0.1:{json.loads(line)['port']}" for line in reversed(lines) if '"started"' in line), "")

    def asked(self, path: str) -> str:
        """What the service answers, whatever the status."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def _given(self, frame: str, camera: str, version: str, variant: Variant) -> list[FrameScored]:
        """The event of a frame that a version was given; none when it fails on it."""
        counts = self._counts.setdefault(version, [0, 0])
        fails = version == "2" and sum(counts) * self.fails_on % 1 + self.fails_on >= 1
        counts[fails] += 1
        return [] if fails else [self._scored(frame, camera, version, variant)]

    def _scored(self, frame: str, camera: str, version: str, variant: Variant) -> FrameScored:
        now = time.time()
        best = LABELS_OF[0] if self.agree or version == "1" else LABELS_OF[1]
        other = LABELS_OF[1 - LABELS_OF.index(best)]
        confidence = self.confidence if version == "2" and variant != "shadow" else 0.9
        prediction = Classification((best, other), (confidence, round(1 - confidence, 6)))
        return frame_scored(frame, camera, version, variant, prediction, now, event_id=new_id(now))
