"""What the services decided by rule, when and why, as the log tells it: what the monitor judged, and the rows of retrain's ledger, "no" included.

Bounded. What people ordered is kept apart (view.py), so that a busy week of the services does not push it out. Reviews of labels are no decisions: they
have a record of their own. The ledger itself, with its proof, is retrain's: `keepsight audit` reads it.
"""

import threading
from collections import deque
from typing import Any, Final, Literal, NamedTuple

import msgspec

from contracts.events import AnyEvent, Decided, IncidentClosed, IncidentOpened, RetrainRequested

MOST: Final = 5000
"""Some 0.5 kB each."""
UNTOLD: Final = frozenset({"label_reviewed", "review_refused"})
"""Rows of the ledger about labels."""
MOST_REFUSED: Final = 1000
Target = Literal["", "incident", "job", "version"]


class Decision(NamedTuple):
    """A decision at a time (Unix seconds). `target` says what `about` names; `row` is the ledger's, 0 for none."""

    at: float
    who: str
    what: str
    why: str
    event_id: str
    target: Target = ""
    about: str = ""
    row: int = 0


class Decisions:
    """`take` each event of one model once; `all` may be asked from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Decision] = deque(maxlen=MOST)
        self._refused: dict[str, str] = {}

    def take(self, event: AnyEvent) -> None:
        """Keep it, if it is a decision of a service."""
        if (decision := _decision(event)) is not None:
            with self._lock:
                self._kept.append(decision)
                if isinstance(event, Decided) and event.kind == "command_refused":
                    self._refused[str(_facts(event).get("order", ""))] = decision.why
                    if len(self._refused) > MOST_REFUSED:
                        del self._refused[next(iter(self._refused))]

    def all(self) -> list[Decision]:
        """In the order in which they were read."""
        with self._lock:
            return list(self._kept)

    def refused(self, order_id: str) -> str:
        """Why retrain refused an order; "" where it did not."""
        with self._lock:
            return self._refused.get(order_id, "")


def _decision(event: AnyEvent) -> Decision | None:
    at, number = event.occurred_at, event.event_id
    match event:
        case IncidentOpened(incident=one):
            return Decision(at, _who(one.cause), f"opened a {one.severity}", one.headline, number, "incident", one.incident_id)
        case IncidentClosed(incident=one):
            return Decision(at, _who(one.cause), "closed the incident", event.resolution, number, "incident", one.incident_id)
        case RetrainRequested(requested_by="monitor"):
            return Decision(at, "monitor", "asked for a retraining", event.reason, number, "incident", event.incident_id)
        case Decided() if event.kind not in UNTOLD:
            return _of_ledger(event)
    return None


def _who(cause: str) -> str:
    return "retrain" if cause == "job_failed" else "monitor"


def _of_ledger(event: Decided) -> Decision:
    """A row of retrain's ledger: its facts go by names that depend on the kind."""
    said = {name: str(value) for name, value in _facts(event).items() if isinstance(value, str | int | float) and value != ""}
    target: Target = "version" if "version" in said else "job" if "job" in said else ""
    about = said.get(target, "")
    match event.kind:
        case "job_advanced":
            what = f"job {said.get('state', '')}" + (f": waits for {said['hold'].replace('_', ' ')}" if "hold" in said else "")
        case "rollout_advanced":
            what = f"version {about}: {said.get('state', '').replace('_', ' ')}"
        case "command_refused":
            what = f"refused: {said.get('command', 'an order')}, asked by {said.get('by', 'somebody')}"
        case kind:
            what = kind.replace("_", " ")
    return Decision(event.occurred_at, "retrain", what, said.get("why", ""), event.event_id, target, about, event.sequence)


def _facts(event: Decided) -> dict[str, Any]:
    try:
        return msgspec.json.decode(event.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
