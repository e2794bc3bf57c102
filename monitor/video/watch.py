"""The watch over a model's video cameras: frames into minutes, and a site's cameras judged together when event time has passed a minute's end.

A minute is judged LATE_S after its end by the newest frame of any camera; frames that come for a judged minute are counted as late and judge nothing.
A camera that comes back after a gap goes on from where it was. A new version warms anew, but goes on with the image where it sees the same pixels.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np

from contracts.events import FrameScored
from monitor.camera import Camera
from monitor.detectors.ewma import Floats
from monitor.incidents.finding import Finding
from monitor.memory import Memory
from monitor.policy import Policy
from monitor.standard import Standard
from monitor.video import bank, limits
from monitor.video.aspect import Aspect
from monitor.video.bank import State
from monitor.video.finding import finding, ratios
from monitor.video.plan import IMAGE, SHARES, Judged, Plan, plan
from monitor.video.scene import EXAMPLES, Almanac, Block, Scene, Track

MINUTE_S: Final = 60.0
LATE_S: Final = 5.0
"""What frames of one camera may be apart by at the same moment: the log's partitions are merged in order of time already."""
PLANS_KEPT: Final = 8


class Look(NamedTuple):
    """One aspect of some cameras in one minute: its source (plan.py), their names, the means [K, F], and their records [K]."""

    judged: Judged
    source: str
    cameras: list[str]
    means: Floats
    state: State


class VideoWatch:
    """Watches the video cameras of one model; state is in its memory."""

    def __init__(self, policy: Policy, memory: Memory, standards: Callable[[str], Standard]) -> None:
        self._budget = policy.pages_per_camera_month
        self._memory = memory
        self._standards = standards
        self._plans: dict[str, Plan] = {}

    def plan(self, version: str) -> Plan:
        """How a version's frames are watched."""
        known = self._plans.get(version)
        if known is None:
            known = self._plans[version] = plan(self._standards(version), self._budget)
            while len(self._plans) > PLANS_KEPT:
                del self._plans[next(iter(self._plans))]
        return known

    def take(self, frame: FrameScored, camera: Camera, at: float) -> None:
        """Take a frame into its minute. Raises IncompleteFrameError."""
        minute = int(at // MINUTE_S)
        if minute <= self._memory.rollout.minute:
            camera.counts.late += 1
            return
        its = self.plan(frame.version)
        row = its.row(frame)
        scene = self._memory.scene(camera.name)
        if frame.stored:
            scene.examples = [*scene.examples, frame.stored][-EXAMPLES:]
        camera.counts.judged += 1
        scene.block(minute, frame.version).take(row, its)

    def due(self, watermark: float) -> list[tuple[str, list[Camera]]]:
        """Judge the minutes that event time has passed, oldest first; each site that was judged with its cameras, in order of name."""
        last = int((watermark - LATE_S) // MINUTE_S) - 1
        if last <= self._memory.rollout.minute:
            return []
        waiting: dict[tuple[int, str], list[Scene]] = {}
        for scene in self._memory.scenes.values():
            site = self._memory.cameras[scene.camera].site
            for minute in dict.fromkeys(block.minute for block in scene.blocks if block.minute <= last):
                waiting.setdefault((minute, site), []).append(scene)
        judged = []
        for minute, site in sorted(waiting):
            scenes = sorted(waiting[minute, site], key=lambda scene: scene.camera)
            self._judge(minute, scenes)
            judged.append((site, [self._memory.cameras[scene.camera] for scene in scenes]))
        self._memory.rollout.minute = last
        return judged

    def _judge(self, minute: int, scenes: list[Scene]) -> None:
        looks = self._looks(minute, scenes)
        alarmed = _alarmed(looks)
        forgiven = {
            name for name, since in alarmed.items() if self._memory.cameras[name].muted or minute - since >= limits.ACCEPTED
        }
        told: dict[str, dict[str, float]] = {scene.camera: {} for scene in scenes}
        alarms, fresh = dict.fromkeys(told, 0), dict.fromkeys(told, 0)
        for look in looks:
            aspect, live = look.judged.aspect, look.state.live
            frozen = np.array([name in alarmed and name not in forgiven for name in look.cameras])
            excused = np.array([name in forgiven for name in look.cameras])
            before = live[["slot", "heard"]].copy()
            above = bank.step(aspect, look.state, look.means, minute, look.judged.tail, frozen, excused)
            for k, name in enumerate(look.cameras):
                told[name] |= {channel.name: round(float(above[k, c].max()), 3) for c, channel in enumerate(aspect.channels)}
                alarms[name] += int((live[k]["opened"] > 0).sum())
                fresh[name] += int((live[k]["opened"] == minute).sum())
                self._memory.keep(Track(name, aspect.name, look.source, live[k].tobytes()))
                if live[k]["slot"] != before[k]["slot"]:
                    self._memory.keep(Almanac(name, aspect.name, look.source, look.state.almanac[k].tobytes()))
                if aspect is IMAGE:
                    self._memory.scenes[name].history = int(look.state.almanac[k]["history"])
                    _note(self._memory.scenes[name], minute, aspect, before[k], live[k], look.state.almanac[k])
        for scene in scenes:
            version = max((b for b in scene.blocks if b.minute == minute), key=lambda b: b.n).version
            self._close(scene, minute, version, self.plan(version).pixels)
            scene.judged(minute, version, told[scene.camera], alarms[scene.camera])
            if limits.WARMING <= scene.history < limits.REFERENCE:
                scene.rehearsed, scene.raised = scene.rehearsed + 1, scene.raised + fresh[scene.camera]
            self._memory.mark("scene", scene.camera)

    def _close(self, scene: Scene, minute: int, version: str, pixels: str) -> None:
        """Let go of a judged minute's blocks, and of the records of versions that have not answered for long."""
        scene.blocks = [b for b in scene.blocks if b.minute > minute]
        away, gone = scene.answered_by(version, pixels, minute)
        for name in SHARES:
            for each in away:
                self._memory.drop("track", scene.camera, name, each)
            for each in gone:
                self._memory.drop("almanac", scene.camera, name, each)

    def _looks(self, minute: int, scenes: list[Scene]) -> list[Look]:
        """What these cameras' blocks of a minute are judged by, cameras of one source together."""
        means: dict[tuple[str, str], dict[str, Floats]] = {}
        kinds: dict[tuple[str, str], Judged] = {}
        for scene in scenes:
            blocks = [block for block in scene.blocks if block.minute == minute]
            for source, judged, mean in self._means(blocks):
                key = (judged.aspect.name, source)
                kinds[key] = judged
                means.setdefault(key, {})[scene.camera] = mean
        return [
            Look(kinds[key], key[1], list(of), np.stack(list(of.values())), self._state(kinds[key], key[1], of))
            for key, of in means.items()
        ]

    def _means(self, blocks: list[Block]) -> Iterable[tuple[str, Judged, Floats]]:
        """Each aspect's source and means: of the version that answered most frames of the minute, and the image over all frames of the same pixels."""
        plans = [self.plan(block.version) for block in blocks]
        every = [block.mean(its) for block, its in zip(blocks, plans, strict=True)]
        weights = np.array([block.n for block in blocks])
        most = int(weights.argmax())
        its = plans[most]
        image, *rest = its.judged
        alike = [k for k, other in enumerate(plans) if other.pixels == its.pixels]
        seen = [every[k][image.columns] for k in alike]
        yield its.pixels, image, seen[0] if len(seen) == 1 else _pooled(seen, weights[alike])
        for judged in rest:
            yield blocks[most].version, judged, every[most][judged.columns]

    def _state(self, judged: Judged, source: str, cameras: Iterable[str]) -> State:
        """The records of these cameras, zeros where there are none yet."""
        aspect = judged.aspect
        keys = [(name, aspect.name, source) for name in cameras]
        live, almanac = np.zeros(len(keys), aspect.live), np.zeros(len(keys), aspect.almanac)
        for k, key in enumerate(keys):
            if key in self._memory.tracks:
                live[k] = np.frombuffer(self._memory.tracks[key].record, aspect.live)[0]
            if key in self._memory.almanacs:
                almanac[k] = np.frombuffer(self._memory.almanacs[key].record, aspect.almanac)[0]
        return State(live, almanac)

    def finding(self, camera: str) -> Finding:
        """What the minute judged last says of a camera."""
        scene = self._memory.scenes[camera]
        return finding(scene, self.states(camera, scene.version), self.plan(scene.version).accuracy)

    def ratios(self, camera: str) -> dict[str, list[float]]:
        """A camera's newest ratios by channel, each by scope; empty before its first minute."""
        scene = self._memory.scenes.get(camera)
        return ratios(self.states(camera, scene.version)) if scene is not None and scene.minutes else {}

    def states(self, camera: str, version: str) -> list[tuple[Judged, State]]:
        """The records [1] of each aspect of a camera under a version."""
        its = self.plan(version)
        return [(j, self._state(j, its.source(j.aspect, version), [camera])) for j in its.judged]


def _note(scene: Scene, minute: int, aspect: Aspect, before: np.void, live: np.void, almanac: np.void) -> None:
    """A minute of the image goes into its hours, in each scope that heard it and knows its unit. The shortest mean of the bank is the minute's residual."""
    for p, scope in enumerate(aspect.scopes):
        heard = live["heard"][p] != (before["heard"][p] if live["slot"] == before["slot"] else 0)
        if heard and almanac["samples"][p]:
            scene.past(scope).take(minute, live["bank"][p, 0].astype(float))


def _alarmed(looks: list[Look]) -> dict[str, int]:
    """Cameras with an open alarm, and the minute in which their oldest opened."""
    found: dict[str, int] = {}
    for look in looks:
        for name, record in zip(look.cameras, look.state.live, strict=True):
            opened = record["opened"][record["opened"] > 0]
            if opened.size:
                found[name] = min(int(opened.min()), found.get(name, int(opened.min())))
    return found


def _pooled(means: list[Floats], weights: Floats) -> Floats:
    """The mean over blocks that have frames; NaN when none has."""
    some = [(mean, weight) for mean, weight in zip(means, weights, strict=True) if weight]
    total = sum(weight for _, weight in some)
    return np.asarray(sum(mean * weight for mean, weight in some) / total if total else means[0])
