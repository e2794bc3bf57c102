"""A judge with its memory for the monitor's tests, and everything that it said."""

from collections.abc import Iterable

from contracts.events import Acknowledge, AnyEvent, IncidentClosed, IncidentOpened, IncidentUpdated, MarkFalseAlarm, RolloutAdvanced
from contracts.incidents import Incident
from contracts.repository import ModelRepository
from monitor.identity import derived_id
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.overview import overview
from monitor.policy import Policy
from monitor.standard import Standards
from tests.monitor_line import MODEL, Line

POLICY = Policy(block_frames=16, confirm_blocks=3, lone_blocks=6, quiet_blocks=4, recovered_blocks=8, silence_s=60.0)
CAMERAS = ("cam-1", "cam-2", "cam-3")


class House:
    """A judge with its memory, and everything that it said."""

    def __init__(self, line: Line, policy: Policy = POLICY) -> None:
        self.line = line
        self.policy = policy
        self.memory = Memory()
        self.standards = Standards(ModelRepository(line.url), MODEL, policy)
        self.judge = Judge(MODEL, policy, self.memory, self.standards)
        self.said: list[AnyEvent] = []

    def see(self, events: Iterable[AnyEvent]) -> list[AnyEvent]:
        """Judge events as they come; what was said of them."""
        said = [word for event in events for word in self.judge.apply(event, self.line.now)]
        self.said += said
        return said

    def states(self) -> dict[str, str]:
        """Each camera's state."""
        return {view.camera: view.state for view in overview(MODEL, self.policy, self.memory, self.standards).cameras}

    def advance(self, version: str, state: str, parent: str = "1") -> list[AnyEvent]:
        """The rollout moves."""
        line = self.line
        event = RolloutAdvanced(
            event_id=derived_id(line.now, state, version), occurred_at=line.now, model=MODEL, version=version, parent=parent, state=state, share=1.0, reason="",
        )  # type: ignore[arg-type]  # a RolloutState  # fmt: skip
        return self.see([event])

    def acknowledge(self, number: str, by: str = "Ada") -> list[AnyEvent]:
        """A person has seen an incident."""
        line = self.line
        about = derived_id(line.now, "ack", number, by)
        return self.see([Acknowledge(event_id=about, occurred_at=line.now, model=MODEL, incident_id=number, by=by)])

    def false_alarm(self, number: str, reason: str = "a test piece") -> list[AnyEvent]:
        """A person calls an incident a false alarm."""
        line = self.line
        about = derived_id(line.now, "false", number)
        return self.see(
            [MarkFalseAlarm(event_id=about, occurred_at=line.now, model=MODEL, incident_id=number, by="Ada", reason=reason)]
        )


def incidents(said: list[AnyEvent]) -> list[Incident]:
    """The incidents as they were told, in order."""
    return [word.incident for word in said if isinstance(word, IncidentOpened | IncidentUpdated | IncidentClosed)]


def kinds(said: list[AnyEvent]) -> list[str]:
    return [type(event).__name__ for event in said]
