"""The replay itself: each event is decoded once and judged once a budget, by the production judge on a memory of its own."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from contracts.errors import StoreError
from contracts.events import AnyEvent, Dead, FrameScored, IncidentClosed, IncidentOpened, IncidentUpdated, Stream
from contracts.repository import ModelRepository
from monitor.backtest.ledger import Ledger
from monitor.backtest.recorded import MOST_REASONS, Recorded
from monitor.judge import Judge
from monitor.memory import ACTIVE_S, Memory
from monitor.overview import state_of
from monitor.policy import Policy
from monitor.standard import Standards

EVERY: Final = 4096
"""Events between two looks at the progress; marks of what changed are dropped then, since nothing is saved."""
UNREAD: Final = (IncidentOpened, IncidentUpdated, IncidentClosed, Dead)
"""What stands on topics that the monitor writes and does not read."""


class Trial:
    """The production pipeline under one policy, and what it said."""

    def __init__(self, model: str, policy: Policy, repository: ModelRepository) -> None:
        self.budget = policy.pages_per_camera_month
        self.memory = Memory()
        self.standards = Standards(repository, model, policy)
        self.ledger = Ledger()
        self._policy = policy
        self._judge = Judge(model, policy, self.memory, self.standards)

    def unready(self) -> dict[str, str]:
        """The cameras that drift is not, or not fully, judged on in the end, with the reason."""
        states = ((camera.name, *state_of(camera, self._policy, self.memory)) for camera in self.memory.cameras.values())
        return {name: why for name, state, why in sorted(states) if why and state in ("warming", "no_verdict", "quiet")}

    def take(self, event: AnyEvent, at: float) -> None:
        """Judge one event. Raises what the judge raises."""
        for said in self._judge.apply(event, at):
            self.ledger.hear(said)


class Watched(msgspec.Struct):
    """How long a camera was watched: the gaps between its frames, each at most ACTIVE_S, summed. Seconds."""

    last_at: float
    stream: Stream = "items"
    frames: int = 0
    seconds: float = 0.0

    def see(self, at: float) -> None:
        """Another frame."""
        self.seconds += min(ACTIVE_S, max(0.0, at - self.last_at))
        self.last_at = max(self.last_at, at)
        self.frames += 1


class Seen(msgspec.Struct):
    """What the events were."""

    events: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    models: dict[str, int] = {}
    versions: dict[str, int] = {}
    """Frames by the version that scored them, of the model that is judged."""
    cameras: dict[str, Watched] = {}
    unused: dict[str, int] = {}
    """Events by type that the monitor does not read: what it said itself, and dead letters."""
    refused: int = 0
    """Events that the judge could not use; the live monitor sends them to the dead letters."""
    reasons: list[str] = []


def replay(
    stream: Iterable[Recorded], model: str, trials: list[Trial], place: Callable[[Recorded], str], progress: Callable[[int], None]
) -> Seen:
    """Judge a stream to its end. `place` says where an event came from, `progress` hears how many events were taken. Raises StoreError."""
    seen = Seen()
    for number, one in enumerate(stream, 1):
        if isinstance(one.event, UNREAD):
            kind = type(one.event).__name__
            seen.unused[kind] = seen.unused.get(kind, 0) + 1
            continue
        _see(seen, one, model)
        try:
            for trial in trials:
                trial.take(one.event, one.at)
        except StoreError:
            raise
        except Exception as error:  # as in the live monitor: one event's failure must not stop the stream
            seen.refused += 1
            if len(seen.reasons) < MOST_REASONS:
                seen.reasons.append(f"{place(one)}: {type(error).__name__}: {error}")
        if number % EVERY == 0:
            progress(number)
            for trial in trials:
                trial.memory.dirty.clear()
    return seen


def _see(seen: Seen, one: Recorded, model: str) -> None:
    event = one.event
    seen.events += 1
    seen.models[event.model] = seen.models.get(event.model, 0) + 1
    seen.first_at = min(seen.first_at or one.at, one.at)
    seen.last_at = max(seen.last_at, one.at)
    if not isinstance(event, FrameScored) or event.model != model or event.audit or event.variant == "shadow":
        return
    seen.versions[event.version] = seen.versions.get(event.version, 0) + 1
    watched = seen.cameras.get(event.camera)
    if watched is None:
        watched = seen.cameras[event.camera] = Watched(one.at, event.stream)
    watched.see(one.at)
