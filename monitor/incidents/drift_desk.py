"""Input drift as cases: one a site, confirmed by blocks in a row and by peers, told again as cameras join and evidence grows, closed on quiet.

A case is told when it opens, when a camera joins, when it becomes a page, and at every doubling of its blocks above a limit. Input drift alone never asks
for retraining: inputs may change without harm, and labels tell.
"""

from collections.abc import Callable, Iterable

from monitor.camera import Camera
from monitor.incidents import account, burst_desk, drift_type, regimes, severity, triage, wording
from monitor.incidents.account import MOST_EVIDENCE, Account
from monitor.incidents.casebook import Casebook
from monitor.incidents.cases import Case
from monitor.incidents.fault_desk import DIFFERS, FaultDesk
from monitor.incidents.finding import Finding
from monitor.incidents.mark import grow
from monitor.incidents.marks import Marks, by_channel
from monitor.incidents.regimes import Regime
from monitor.items.reference import Reference
from monitor.items.watch import Watch
from monitor.memory import ACTIVE_S, Memory
from monitor.policy import Policy
from monitor.standard import Standard
from monitor.video import bank
from monitor.video.scene import Scene
from monitor.video.watch import VideoWatch


class DriftDesk:
    """Opens, widens and closes the drift cases of one model."""

    def __init__(
        self,
        policy: Policy,
        memory: Memory,
        standards: Callable[[str], Standard],
        book: Casebook,
        faults: FaultDesk,
        marks: Marks,
        video: VideoWatch,
    ) -> None:
        self._policy = policy
        self._memory = memory
        self._standards = standards
        self._book = book
        self._faults = faults
        self._marks = marks
        self._video = video
        self._account = Account(policy, memory, standards, book)

    def block(self, camera: Camera, at: float) -> None:
        """A camera closed a block under its version."""
        watch = self._memory.watches[(camera.name, camera.version)]
        if camera.muted:
            seen = self._seen(camera)
            self._marks.learn(camera.name, seen)
            quiet_again = max(map(max, seen.values()), default=0.0) < 1
            camera.muted = 0 if quiet_again else camera.muted - 1
        if camera.fault == DIFFERS and watch.quiet >= self._policy.quiet_blocks:
            quiet = f"{watch.quiet} quiet blocks in a row, the highest at {watch.quiet_worst:.2f} of its limit"
            self._faults.healthy(camera, at, quiet)
        if watch.above >= self._policy.confirm_blocks and not camera.muted:
            self._drifted(camera, watch.above, at)
        if watch.above:
            self.follow(camera, at)
        if watch.quiet:
            self.close_what_is_over(at)

    def findings(self, cameras: Iterable[Camera], blocks: int) -> list[Finding]:
        """Of these cameras, in order of name, those that are above a limit for at least `blocks` blocks in a row; on video, those with an open alarm."""
        found = []
        for camera in sorted(cameras, key=lambda c: c.name):
            if camera.muted or camera.fault not in ("", DIFFERS):
                continue
            scene = self._memory.scenes.get(camera.name)
            if camera.stream == "video" and scene is not None and scene.alarms:
                found.append(self._video.finding(camera.name))
            watch = self._memory.watches.get((camera.name, camera.version))
            if camera.stream == "video" or watch is None or watch.above < blocks:
                continue
            reference = self._standards(camera.version).reference
            if reference is not None:
                found.append(watch.finding(self._marks.reference(camera, reference)))
        return found

    def open(self, site: str, version: str, findings: list[Finding], at: float) -> Case:
        """Open the site's drift case; a label case that the same version has on these cameras becomes it."""
        for camera in (self._memory.cameras[f.camera] for f in findings):
            if camera.fault == DIFFERS:
                self._faults.healthy(camera, at, "its peers differ from the reference, too: see the site's drift incident")
        labelled = next((c for c in self._memory.open_cases("labels") if c.incident.version == version), None)
        fields = self._account.fields(site, version, findings, (), (), at)
        if labelled is None:
            fields |= burst_desk.asked(None, findings, self._wanted(version), fields["headline"], fields["action"])
            case = self._book.open("drift", site=site, version=version, at=at, **fields)
            case.place, case.departure = account.place(findings), account.departure(findings)
            self._note(case, findings, at)
            return case
        labelled.kind = "drift"
        self.widen(labelled, findings, (), at)
        return labelled

    def widen(self, case: Case, findings: list[Finding], joined: tuple[str, ...], at: float) -> None:
        """Tell the case of what is known now: the cameras that `joined` before and these, with the newest evidence."""
        old = case.incident
        case.place = account.place(findings) or case.place
        case.departure = account.farther(case.departure, account.departure(findings))
        self._note(case, findings, at)
        told = [e for e in old.estimates if e.kind == "labels"]
        fields = self._account.fields(old.site, old.version, findings, joined, told, at)
        said = tuple(e for e in old.evidence if e.channel == "labels")
        fields["evidence"] = (*said, *fields["evidence"])[:MOST_EVIDENCE]
        fields["since"] = min(old.since, fields["since"])
        fields |= burst_desk.asked(case, findings, self._wanted(old.version), fields["headline"], fields["action"])
        if case.label_alarm:
            fields |= {"severity": "page", "action": wording.RETRAINING}
        elif old.severity == "page" or severity.pages(case.crossed):
            fields["severity"] = "page"
        self._book.update(case, at, **fields)

    def hand_over(self, case: Case, findings: list[Finding], at: float) -> Case:
        """The version that took over sees the drift, too: the case goes on under it."""
        fresh = self._book.hand_over(case, case.replaced_by)
        self.widen(fresh, [f for f in findings if f.version == fresh.incident.version], case.incident.cameras, at)
        return fresh

    def close_what_is_over(self, at: float) -> None:
        """Close the drift and label cases whose cameras are quiet again."""
        for case in [c for c in self._memory.cases.values() if c.kind != "fault"]:
            resolution = self._resolution(case, at)
            if resolution:
                self._keep(case, at)
                self._book.close(case, at, resolution)

    def replaced(self, before: str, version: str, at: float) -> None:
        """Another champion serves than `before`: cases of other versions wait for quiet on its reference, and what the old one served is remembered."""
        reference = self._standards(before).reference if before else None
        if reference is not None:
            self._remember(regimes.usual(reference, at), reference)
        for case in [c for c in self._memory.cases.values() if c.kind != "fault"]:
            back = case.incident.version == version
            case.replaced_by, case.replaced_at = ("", 0.0) if back else (version, at)
            self._memory.mark("case", case.incident.incident_id)

    def _keep(self, case: Case, at: float) -> None:
        """A case is over: where its frames lay is a regime, and the version that saw it go, or took over, is the one that served it."""
        reference = self._standards(case.incident.version).reference
        served = case.replaced_by or case.incident.version
        if case.departure:
            far = account.floats(case.departure)
            self._memory.regimes.remember_departure(regimes.departed(far, reference, served, at), far, reference)
            self._memory.mark("regimes", "")
        elif case.place and reference is not None:
            self._remember(regimes.seen(account.floats(case.place), reference, served, at), reference)

    def _remember(self, regime: Regime, reference: Reference) -> None:
        self._memory.regimes.remember(regime, reference)
        self._memory.mark("regimes", "")

    def _drifted(self, camera: Camera, blocks: int, at: float) -> None:
        case = next(iter(self._memory.open_cases("drift", camera.site)), None)
        joins = case is not None and case.incident.version == camera.version and camera.name not in case.incident.cameras
        if case is not None and case.replaced_by != camera.version and not (joins and not camera.fault):
            return  # before anybody's findings are made: a site may have thousands of cameras
        members = [c for c in self._memory.active(camera.site, at) if c.version == camera.version]
        found = self.findings(members, self._policy.confirm_blocks)
        if case is not None:
            if case.replaced_by == camera.version:
                self.hand_over(case, found, at)
            else:
                self.widen(case, found, case.incident.cameras, at)
            return
        peers = [c for c in members if c.name != camera.name and not c.unjudged and c.fault in ("", DIFFERS)]
        if len(found) > 1 or not peers or (blocks >= self._policy.lone_blocks and not triage.looks_like_the_camera(found)):
            self.open(camera.site, camera.version, found, at)
        elif blocks >= self._policy.lone_blocks and not camera.fault:
            camera.open_fault(DIFFERS, found[0].since())
            self._faults.broken(camera, at, tuple(found[0].evidence()), self._account.demoted(camera.name))

    def _wanted(self, version: str) -> int:
        """Labels that a burst asks for; 0 where there is no benchmark to judge them by."""
        manifest = self._standards(version).manifest
        return self._policy.burst_labels if manifest is not None and manifest.benchmark is not None else 0

    def demoted(self, camera: str) -> str:
        """Why a camera's drift is told as tickets only; "" when it may page."""
        return self._account.demoted(camera)

    def _watched(self, camera: Camera) -> Watch | Scene | None:
        """What counts a camera's quiet blocks: of frames, or of minutes."""
        if camera.stream == "video":
            return self._memory.scenes.get(camera.name)
        return self._memory.watches.get((camera.name, camera.version))

    def follow(self, camera: Camera, at: float) -> None:
        """A camera closed a block above a limit: its case knows, and is told anew when that is due."""
        case = next((c for c in self._memory.cases.values() if c.kind != "labels" and self._is_about(c, camera)), None)
        if case is None:
            return
        self._note(case, self.findings([camera], 1), at)
        case.blocks += 1
        pages = case.kind == "drift" and severity.pages(case.crossed) and case.incident.severity != "page"
        if case.blocks >= case.tell_at or pages:
            while case.tell_at <= case.blocks:
                case.tell_at *= 2
            members = [self._memory.cameras[name] for name in case.incident.cameras]
            found = self.findings([c for c in members if c.version == camera.version], 1)
            if found and case.kind == "drift":
                self.widen(case, found, case.incident.cameras, at)
            elif found:
                self._faults.came(case, drift_type.of([f.course for f in found if f.course is not None]), at)

    def _is_about(self, case: Case, camera: Camera) -> bool:
        """Whether a case is of what blocks show of this camera."""
        incident = case.incident
        by_blocks = case.kind == "drift" or case.fault == DIFFERS
        return by_blocks and camera.name in incident.cameras and camera.version == incident.version and not camera.muted

    def _note(self, case: Case, findings: Iterable[Finding], at: float) -> None:
        """Remember which channels crossed their limits, and how far they went."""
        for finding in findings:
            grow(case.worst, self._seen(self._memory.cameras[finding.camera]))
            if not self._account.demoted(finding.camera):
                case.crossed.update(severity.crossed([finding], at))
        self._memory.mark("case", case.incident.incident_id)

    def _seen(self, camera: Camera) -> dict[str, list[float]]:
        """A camera's ratios now, by channel and scale (on video: scope), over the limits as calibrated."""
        if camera.stream == "video":
            return self._video.ratios(camera.name)
        reference = self._standards(camera.version).reference
        watch = self._memory.watches[(camera.name, camera.version)]
        return by_channel(reference, watch.bank_of(reference)) if reference is not None else {}

    def _resolution(self, case: Case, at: float) -> str:
        """Why a drift or label case is over; "" while it is not."""
        version = case.replaced_by or case.incident.version
        needed = self._policy.quiet_blocks if case.replaced_by else self._policy.recovered_blocks
        channel = self._memory.labels.get(version)
        if (channel is not None and channel.alarmed_at) or (case.label_alarm and not case.replaced_by):
            return ""  # labels said that it is harm: only another version, without an alarm of its own, ends it
        cameras = [self._memory.cameras[name] for name in case.incident.cameras]
        judged = [c for c in cameras if not c.fault and not c.unjudged and at - c.last_at <= ACTIVE_S]
        watches = [self._watched(c) for c in judged if c.version == version]
        quiet = [w for w in watches if w is not None and w.quiet >= (bank.CLOSE if isinstance(w, Scene) else needed)]
        if not quiet or len(quiet) < len(judged):
            return ""
        how = (
            f"version {version} replaced {case.incident.version} at {wording.at_clock(case.replaced_at)}"
            if case.replaced_by
            else "inputs returned"
        )
        accuracy = channel.tally.accuracy() if channel and case.replaced_by else None
        return wording.resolution(
            how, [w.camera for w in quiet], min(w.quiet for w in quiet), max(w.quiet_worst for w in quiet), accuracy
        )
