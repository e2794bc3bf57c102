"""The ledger: from what the judge says to one entry an incident, whatever is said of it and how often."""

import msgspec

from contracts.events import IncidentClosed, IncidentOpened, IncidentUpdated, RetrainRequested
from contracts.incidents import Incident
from monitor.backtest.ledger import Ledger

INCIDENT = Incident(
    incident_id="i-1", cause="environment_change", severity="ticket", headline="opened", action="", site="hall", cameras=("cam-1",), version="1",
    since=90.0, opened_at=100.0,
)  # fmt: skip
PAGE = msgspec.structs.replace(
    INCIDENT, severity="page", cameras=("cam-1", "cam-2"), headline="worse", cause="new_class", drift_type="gradual"
)


def said(at: float) -> dict[str, object]:
    return {"event_id": f"e-{at}", "occurred_at": at, "model": "small"}


def test_a_life_is_one_entry_and_two_lines() -> None:
    ledger = Ledger()
    for event in (
        IncidentOpened(**said(100.0), incident=INCIDENT),  # type: ignore[arg-type]
        IncidentUpdated(**said(130.0), incident=PAGE),  # type: ignore[arg-type]
        IncidentUpdated(**said(140.0), incident=PAGE),  # type: ignore[arg-type]
        IncidentUpdated(**said(150.0), incident=PAGE, why="reminder"),  # type: ignore[arg-type]
        RetrainRequested(**said(160.0), request_key="k", version="1", reason="", incident_id="i-1"),  # type: ignore[arg-type]
        RetrainRequested(**said(165.0), request_key="j", version="1", reason="", incident_id="unknown"),  # type: ignore[arg-type]
        IncidentClosed(**said(170.0), incident=PAGE, resolution="inputs returned"),  # type: ignore[arg-type]
        IncidentClosed(**said(500.0), incident=PAGE, resolution="ann marked it", false_alarm=True),  # type: ignore[arg-type]
    ):
        ledger.hear(event)
    opening, page = ledger.lines(2.0)
    assert (opening.at, opening.kind, page.at, page.kind) == (100.0, "ticket", 130.0, "page")
    assert (opening.told.cause, opening.told.cameras, page.told.cause) == ("environment_change", ("cam-1",), "new_class")
    for line in (opening, page):
        assert (line.cause, line.type, line.cameras) == ("new_class", "gradual", ("cam-1", "cam-2"))
        assert (line.opened_at, line.paged_at, line.closed_at, line.reminders) == (100.0, 130.0, 170.0, 1)
        assert (line.resolution, line.false_alarm, line.retrain_requested_at, line.budget) == ("inputs returned", True, 160.0, 2.0)
    assert ledger.retrain_requests == 2


def test_lines_stand_in_order_of_time() -> None:
    ledger = Ledger()
    later = msgspec.structs.replace(INCIDENT, incident_id="i-2", opened_at=110.0)
    for event in (
        IncidentOpened(**said(100.0), incident=INCIDENT),  # type: ignore[arg-type]
        IncidentOpened(**said(110.0), incident=later),  # type: ignore[arg-type]
        IncidentUpdated(**said(130.0), incident=PAGE),  # type: ignore[arg-type]
    ):
        ledger.hear(event)
    assert [(line.at, line.incident_id) for line in ledger.lines(1.0)] == [(100.0, "i-1"), (110.0, "i-2"), (130.0, "i-1")]
