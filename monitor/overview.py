"""The state of the monitor for people: what `/v1/state` shows, what the metrics export, one state word a camera. Read from memory, never the reverse."""

from collections.abc import Callable
from typing import Any

import msgspec

from monitor import health
from monitor.camera import Camera
from monitor.items.replay import Replay
from monitor.items.watch import Watch
from monitor.memory import ACTIVE_S, Memory
from monitor.policy import Policy
from monitor.quality.estimated import estimated
from monitor.quality.view import label_view
from monitor.standard import Standard
from monitor.video.aspect import DAY
from monitor.video.limits import REFERENCE, WARMING
from monitor.video.scene import Scene

STATES = ("warming", "quiet", "suspect", "drifted", "fault", "no_verdict", "away", "audit")


class CameraView(msgspec.Struct):
    """One camera. `ratios`: each channel's score over its limit at the last block; `reason` says why a state is what it is."""

    camera: str
    site: str
    state: str
    version: str
    frames: dict[str, int]
    blocks: int
    last_at: float
    worst: float
    ratios: dict[str, float]
    reason: str = ""
    demoted: str = ""
    """Why its drift is told as tickets only."""
    doubt: str = ""
    """Why its stream kind seems wrong."""
    replay: dict[str, float] = {}
    """Of a video camera: what its own reference raised out of fold."""


class Overview(msgspec.Struct):
    """Everything at one moment, ready to be written as JSON."""

    model: str
    champion: str
    watermark: float
    versions: dict[str, dict[str, Any]]
    cameras: list[CameraView]
    incidents: list[dict[str, Any]]
    marks: list[dict[str, Any]]
    """False alarms that people marked: what raises limits, and by how much."""
    events: dict[str, int]
    role: str = "active"
    """Or `standby`: another replica judges, and its `/v1/state` shows all this."""
    made_at: float = 0.0
    """When the process looked, by its clock. Unix seconds."""
    lag: int = 0
    """Records written to the log and not yet judged."""


def overview(model: str, policy: Policy, memory: Memory, standards: Callable[[str], Standard]) -> Overview:
    """Look at a memory. Cameras in order of name, incidents in order of opening."""
    cameras = [camera_view(memory.cameras[name], policy, memory, standards) for name in sorted(memory.cameras)]
    versions = sorted({camera.version for camera in cameras if camera.version} | set(memory.labels))
    cases = sorted(memory.cases.values(), key=lambda case: case.incident.opened_at)
    return Overview(
        model=model,
        champion=memory.rollout.champion,
        watermark=memory.rollout.watermark,
        versions={version: _version(version, memory, policy, standards) for version in versions},
        cameras=cameras,
        incidents=[msgspec.to_builtins(case.incident) for case in cases],
        marks=[msgspec.to_builtins(mark) for mark in sorted(memory.marks.values(), key=lambda mark: mark.at) if mark.by],
        events=dict(memory.rollout.counts),
    )


def camera_view(camera: Camera, policy: Policy, memory: Memory, standards: Callable[[str], Standard]) -> CameraView:
    """Look at a camera."""
    watch = memory.watches.get((camera.name, camera.version))
    standard = standards(camera.version) if camera.version else None
    reference = standard.reference if standard else None
    ratios: dict[str, float] = {}
    if watch is not None and reference is not None and watch.ratios:
        ratios = {channel.name: round(ratio, 3) for channel, ratio in zip(reference.channels, watch.ratios, strict=True)}
    state, reason = state_of(camera, policy, memory)
    scene = memory.scenes.get(camera.name) if camera.stream == "video" else None
    if scene is not None:
        return CameraView(
            camera.name, camera.site, state, camera.version, msgspec.structs.asdict(camera.counts), scene.minutes, camera.last_at,
            max(scene.ratios.values(), default=0.0), scene.ratios, reason, scene.demoted(policy.pages_per_camera_month), health.doubt(camera),
            _replay(scene.replay, policy.pages_per_camera_month) if scene.replay else {},
        )  # fmt: skip
    return CameraView(
        camera.name, camera.site, state, camera.version, msgspec.structs.asdict(camera.counts), watch.blocks if watch else 0, camera.last_at,
        round(watch.worst, 3) if watch else 0.0, ratios, reason, standard.demoted if standard and watch else "", health.doubt(camera),
    )  # fmt: skip


def state_of(camera: Camera, policy: Policy, memory: Memory) -> tuple[str, str]:
    """The state word, and why."""
    watch = memory.watches.get((camera.name, camera.version))
    if camera.audit:
        return "audit", "an audit camera is counted, never judged"
    if camera.fault:
        return "fault", camera.fault
    if memory.rollout.watermark - camera.last_at > ACTIVE_S:
        return "away", "it sent nothing lately"
    if camera.unjudged:
        return "no_verdict", camera.unjudged
    if camera.stream == "video":
        return _video_state(camera, memory.scenes.get(camera.name))
    if watch is None or not watch.blocks:
        return (
            "warming",
            f"the first block of {policy.block_frames} frames is not full: at least {watch.folded if watch else 0} are there",
        )
    if watch.above >= policy.confirm_blocks:
        return "drifted", f"{watch.above} blocks in a row above a limit" + ("; muted by a person" if camera.muted else "")
    return ("suspect", "above a limit, not yet confirmed") if watch.above else ("quiet", "")


def _video_state(camera: Camera, scene: Scene | None) -> tuple[str, str]:
    days, whole = (scene.history if scene else 0) / DAY, REFERENCE // DAY
    told = f"{days:.1f} of {whole} days of its own history" if days < whole else ""
    if scene is None or scene.history < WARMING:
        return "warming", f"{told}; verdicts begin after {WARMING // DAY}"
    if scene.alarms:
        return "drifted", f"{scene.alarms} of its channels crossed a limit" + ("; muted by a person" if camera.muted else "")
    return "quiet", f"{told}: slow changes are not judged yet" if told else ""


def _version(version: str, memory: Memory, policy: Policy, standards: Callable[[str], Standard]) -> dict[str, Any]:
    standard = standards(version)
    positive = standard.manifest.positive if standard.manifest else None
    labels = label_view(memory.labels.get(version), memory.labelled.get(version, {}), positive, policy.label_arl)
    view: dict[str, Any] = {"unjudged": standard.unjudged, **labels}
    if standard.reference is not None:
        view["scales_blocks"] = list(standard.reference.scales)
        view["estimated"] = estimated(
            standard.reference, [watch for watch in memory.watches.values() if _speaks(watch, version, memory)]
        )
    if standard.replay is not None:
        view["replay"] = _replay(standard.replay, standard.pages_a_month)
        view["demoted"] = standard.demoted
    if standard.manifest is not None and standard.manifest.benchmark is not None:
        benchmark = msgspec.to_builtins(standard.manifest.benchmark)
        view["benchmark"] = {name: metric for name, metric in benchmark.items() if name != "per_class" and metric is not None}
    return view


def _speaks(watch: Watch, version: str, memory: Memory) -> bool:
    """Whether a watch tells of what the version answers now."""
    camera = memory.cameras[watch.camera]
    return watch.version == camera.version == version and not camera.fault and memory.rollout.watermark - camera.last_at <= ACTIVE_S


def _replay(replay: Replay, budget: float) -> dict[str, float]:
    """Expected false alarms per camera-month at these settings, with a 95 % interval, beside the budget."""
    low, high = replay.interval()
    return {
        "value": round(replay.rate, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "alarms": replay.alarms,
        "camera_months": round(replay.camera_months, 3),
        "budget": budget,
    }
