"""The casebook: opens, updates and closes cases in memory and says so in events. Which and when, the desks decide."""

from typing import Any

import msgspec

from contracts.events import AnyEvent
from contracts.incidents import Cause, Incident, Severity
from monitor.incidents.cases import Case, Kind, Why, incident_id
from monitor.memory import Memory
from monitor.report.paths import path_of

MOST_EXAMPLES = 12


class Casebook:
    """Writes one model's cases; what is to be said is appended to `out`."""

    def __init__(self, model: str, memory: Memory, out: list[AnyEvent], reports: bool) -> None:
        self.model = model
        self._reports = reports
        self._memory = memory
        self._out = out

    def say(self, event: AnyEvent) -> None:
        """Say something that is no incident's event."""
        self._out.append(event)

    def open(
        self, kind: Kind, cause: Cause, severity: Severity, site: str, version: str, at: float, fault: str = "", **fields: Any
    ) -> Case:
        """Open a case; `fields` are the rest of the Incident's."""
        number = incident_id(at, self.model, site, cause, f"{fault}/{fields['cameras']}")
        report = path_of(number) if self._reports and kind != "fault" else ""
        incident = Incident(
            incident_id=number, cause=cause, severity=severity, site=site, version=version, opened_at=at, report=report, **fields
        )
        case = Case(kind, incident, fault)
        self._memory.cases[number] = case
        self._memory.mark("case", number)
        self._out.append(case.opened(self.model))
        return case

    def update(self, case: Case, at: float, why: Why = "evidence", **changes: Any) -> None:
        """Change what is known of a case. Who had seen a ticket has not yet seen the page that it becomes."""
        if case.incident.severity == "ticket" and changes.get("severity") == "page":
            changes["acknowledged_by"] = ""
        self._out.append(case.updated(self.model, at, msgspec.structs.replace(case.incident, **changes), why))
        self._memory.mark("case", case.incident.incident_id)

    def acknowledge(self, number: str, by: str, at: float) -> None:
        """A person has seen a case: the first one counts, and reminders end."""
        case = self._memory.cases.get(number)
        if case is not None and not case.incident.acknowledged_by:
            self.update(case, at, "acknowledged", acknowledged_by=by)

    def remind(self, at: float, after_s: float) -> None:
        """Tell again of what nobody has seen and nothing was said of for `after_s`."""
        for case in list(self._memory.cases.values()):
            if not case.incident.acknowledged_by and at >= case.said_at + after_s:
                self.update(case, at, "reminder")

    def close(self, case: Case, at: float, resolution: str, false_alarm: bool = False) -> None:
        """It is over. A label alarm's episode ends with its case."""
        self._out.append(case.closed(self.model, at, resolution, false_alarm))
        del self._memory.cases[case.incident.incident_id]
        if case.worst:
            self._memory.keep_mark(case.as_mark(at))
        self._memory.mark("case", case.incident.incident_id)
        self._end_episode(case)

    def hand_over(self, case: Case, version: str) -> Case:
        """The version that took over sees it, too: the case goes on under it, and what labels and blocks told of the old one is put aside."""
        self._end_episode(case)
        kept = msgspec.structs.replace(case.incident, version=version, estimates=(), evidence=(), labels_wanted=0, labels_have=0)
        fresh = self._memory.cases[kept.incident_id] = Case(case.kind, kept, sequence=case.sequence, said_at=case.said_at)
        return fresh

    def _end_episode(self, case: Case) -> None:
        channel = self._memory.labels.get(case.incident.version)
        if case.label_alarm and channel is not None and channel.alarmed_at:
            channel.new_episode()
            self._memory.mark("labels", channel.version)

    def examples(self, cameras: tuple[str, ...]) -> tuple[str, ...]:
        """Where the newest sampled frames of these cameras lie."""
        known = [self._memory.cameras[name] for name in cameras]
        watches = [w for camera in known if (w := self._memory.watches.get((camera.name, camera.version)))]
        scenes = [scene for name in cameras if (scene := self._memory.scenes.get(name))]
        paths = [path for watch in watches for path in watch.examples] + [path for scene in scenes for path in scene.examples]
        return tuple(dict.fromkeys(paths))[-MOST_EXAMPLES:]

    def usual(self, cameras: tuple[str, ...]) -> tuple[str, ...]:
        """Where sampled frames lie that these cameras took before they drifted."""
        watches = [watch for name in cameras for watch in self._memory.watches_of(name)]
        scenes = [scene for name in cameras if (scene := self._memory.scenes.get(name))]
        paths = [path for watch in watches for path in watch.usual] + [path for scene in scenes for path in scene.usual]
        return tuple(dict.fromkeys(paths))[-MOST_EXAMPLES:]
