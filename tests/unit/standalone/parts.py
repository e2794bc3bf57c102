"""What the tests of `keepsight status` and of its orders share."""

from pathlib import Path

from contracts.events import AnyEvent, encode
from contracts.incidents import Incident
from contracts.ports import Bus
from standalone import __main__ as keepsight

AT = 1_790_000_000.0
INCIDENT = Incident(
    incident_id="0199aaaa-0000-7000-8000-000000000001",
    cause="environment_change",
    severity="page",
    headline="Line 3 sees something else",
    action="Look at the photographs.",
    site="line-3",
    cameras=("cam-1",),
    version="1",
    since=AT,
    opened_at=AT,
)


def tell(bus: Bus, *events: AnyEvent) -> None:
    """Put events on the log."""
    bus.publish([encode(event, "test") for event in events])


def run(house: Path, *arguments: str) -> int:
    """A command of `keepsight`, on a house."""
    return keepsight.main([*arguments, "--settings", str(house)])
