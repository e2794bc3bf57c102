"""What a site's judged minute does to cases: attribution by scope, then the same cases as for any drift.

An alarm that its peers confirm and that lies in the picture is the camera's own: a fault, told at once, since its limit is calibrated for that. Anything
else is drift of the site: weather, light, another scene or other objects. Where half of the cameras stand out from their peers at once, no lens is blamed.
"""

from collections.abc import Sequence

from monitor.camera import Camera
from monitor.incidents.casebook import Casebook
from monitor.incidents.drift_desk import DriftDesk
from monitor.incidents.fault_desk import DIFFERS, FaultDesk
from monitor.incidents.finding import Finding
from monitor.incidents.marks import Marks
from monitor.memory import Memory
from monitor.video.limits import WARMING
from monitor.video.watch import VideoWatch


class VideoDesk:
    """Acts on the judged minutes of one model's video cameras."""

    def __init__(
        self, memory: Memory, video: VideoWatch, book: Casebook, drift: DriftDesk, faults: FaultDesk, marks: Marks
    ) -> None:
        self._memory = memory
        self._book = book
        self._video = video
        self._drift = drift
        self._faults = faults
        self._marks = marks

    def judged(self, site: str, cameras: Sequence[Camera], at: float) -> None:
        """A minute of these cameras of a site was judged."""
        for camera in cameras:
            self._settle(camera, at)
        found = self._drift.findings(cameras, 1)
        own = [f for f in found if is_own(f)]
        blamed = {f.camera for f in own} if 2 * len(own) < len(cameras) else set()
        for finding in own:
            camera = self._memory.cameras[finding.camera]
            if finding.camera in blamed and not camera.fault and not self._known(camera):
                camera.open_fault(DIFFERS, finding.since())
                self._faults.broken(camera, at, tuple(finding.evidence()), self._drift.demoted(camera.name))
        self._join(site, [f for f in found if f.camera not in blamed], at)
        for camera in cameras:
            if self._memory.scenes[camera.name].above:
                self._drift.follow(camera, at)
        if self._memory.cases:
            self._drift.close_what_is_over(at)

    def _settle(self, camera: Camera, at: float) -> None:
        """What a person called a false alarm is over with its alarms; until then what it shows belongs to the mark. A camera's fault ends with them, too."""
        scene = self._memory.scenes[camera.name]
        alarms = scene.alarms
        if camera.muted:
            self._marks.learn(camera.name, self._video.ratios(camera.name))
            camera.muted = camera.muted if alarms else 0
            self._memory.mark("camera", camera.name)
        if camera.fault == DIFFERS and not alarms and scene.history >= WARMING:  # an image that warms says nothing
            self._faults.healthy(camera, at, "all its channels are below their limits for hours")

    def _join(self, site: str, findings: list[Finding], at: float) -> None:
        """The site's drift case opens, is told of cameras that are new to it, or goes over to the version that took over and sees the same."""
        case = next(iter(self._memory.open_cases("drift", site)), None)
        if case is not None and (moved := [f for f in findings if f.version == case.replaced_by]):
            self._drift.widen(self._book.hand_over(case, case.replaced_by), moved, case.incident.cameras, at)
            return
        fresh = [
            f
            for f in findings
            if not self._memory.cameras[f.camera].fault and (case is None or f.camera not in case.incident.cameras)
        ]
        if not fresh:
            return
        version = fresh[0].version if case is None else case.incident.version
        fresh = [f for f in fresh if f.version == version]
        if case is None:
            self._drift.open(site, version, fresh, at)
        elif fresh:
            known = [f for f in findings if f.version == version and f.camera in case.incident.cameras]
            self._drift.widen(case, sorted([*known, *fresh], key=lambda f: f.camera), case.incident.cameras, at)

    def _known(self, camera: Camera) -> bool:
        """Whether the site's drift case has the camera already."""
        return any(camera.name in case.incident.cameras for case in self._memory.open_cases("drift", camera.site))


def is_own(finding: Finding) -> bool:
    """Whether a camera stands out from its peers by how the picture is taken rather than by what it shows."""
    image = finding.ratio("image", "peer")
    return image >= 1 and image >= finding.ratio("embedding", "peer")
