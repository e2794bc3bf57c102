"""Camera faults as cases: one a site and symptom, cameras join and leave it. A camera with an open fault is out of drift judging and of training."""

from typing import Any

from contracts.incidents import Cause, Evidence
from monitor import health
from monitor.camera import Camera
from monitor.incidents import drift_type, severity, wording
from monitor.incidents.casebook import Casebook
from monitor.incidents.cases import Case
from monitor.incidents.drift_type import Told
from monitor.memory import Memory

DIFFERS = "differs"
"""The one fault that blocks find, not frames: the camera alone has left its reference, led by how the picture is taken. Its watch goes on."""


class FaultDesk:
    """Opens and closes the faults of one model's cameras."""

    def __init__(self, memory: Memory, book: Casebook) -> None:
        self._memory = memory
        self._book = book

    def broken(self, camera: Camera, at: float, evidence: tuple[Evidence, ...], demoted: str = "") -> None:
        """A fault was confirmed (camera.fault is set): open a case or join the site's case of that fault. Its drift watches begin anew.

        `demoted`: why it may not page, where it was found by calibrated limits.
        """
        if camera.fault != DIFFERS:
            self._restart(camera)
        if camera.fault == "wrong_picture":
            health.accept_picture(camera)
        self._memory.mark("camera", camera.name)
        case = next((c for c in self._memory.open_cases("fault", camera.site) if c.fault == camera.fault), None)
        cameras = tuple(dict.fromkeys((*(case.incident.cameras if case else ()), camera.name)))
        since = min(case.incident.since, camera.fault_since) if case else camera.fault_since
        active = self._memory.active(camera.site, at)
        everyone = {c.name for c in active}
        whole_site = len(everyone) > 1 and everyone <= set(cameras)
        peers = any(c.name not in cameras and not c.fault for c in active)
        page = not demoted and severity.of_fault(camera.fault, whole_site, peers) == "page"
        cause: Cause = "pipeline_change" if whole_site and camera.fault == "wrong_picture" else "camera_fault"
        action = wording.fault_action(cause, camera.fault, whole_site)
        fields: dict[str, Any] = {
            "cause": cause,
            "severity": "page" if page or (case and case.incident.severity == "page") else "ticket",
            "cameras": cameras,
            "since": since,
            "headline": wording.fault_headline(cameras, camera.fault, since, camera.site),
            "action": " ".join((action, *wording.demotion({camera.name: demoted} if demoted else {}))),
            "evidence": (*(case.incident.evidence if case else ()), *evidence)[-16:],
            "examples": self._book.examples(cameras),
            "reference_examples": self._book.usual(cameras),
        }
        if case:
            self._book.update(case, at, **fields)
        else:
            self._book.open("fault", site=camera.site, version=camera.version, at=at, fault=camera.fault, **fields)

    def came(self, case: Case, told: Told | None, at: float) -> None:
        """How the camera came to differ from its peers is known now, or is known better."""
        if told is None or told.drift_type == case.incident.drift_type:
            return
        said = tuple(e for e in case.incident.evidence if e.channel != "drift type")
        back = case.incident.version if told.drift_type == "recurring" else ""
        evidence = (*said, *drift_type.evidence(told))[-16:]
        self._book.update(case, at, drift_type=told.drift_type, recurs=back, evidence=evidence)

    def healthy(self, camera: Camera, at: float, evidence: str) -> None:
        """A fault is over: its case closes with its last camera, or goes on without this one."""
        kind, since = camera.fault, camera.fault_since
        camera.close_fault(at)
        self._memory.mark("camera", camera.name)
        for case in [
            c for c in self._memory.open_cases("fault", camera.site) if c.fault == kind and camera.name in c.incident.cameras
        ]:
            left = tuple(name for name in case.incident.cameras if name != camera.name)
            if left:
                headline = wording.fault_headline(left, kind, case.incident.since, camera.site)
                self._book.update(case, at, cameras=left, headline=headline)
            else:
                lasted = f"{camera.name} is healthy again since {wording.at_clock(at)}, after {at - since:.0f} s"
                self._book.close(case, at, f"{lasted}: {evidence}")

    def _restart(self, camera: Camera) -> None:
        """What a faulty camera showed is no evidence of drift, also in the blocks before the fault was confirmed."""
        for watch in self._memory.watches_of(camera.name):
            watch.restart()
            self._memory.mark("watch", f"{watch.camera}\x1f{watch.version}")
        if camera.name in self._memory.scenes:
            self._memory.scene(camera.name).blocks = []
