"""The journal: what is lost is counted, and told once an episode with how much it was."""

from pathlib import Path

import msgspec
import pytest

from contracts.errors import RecordTooLargeError
from contracts.events import FrameLabelled
from contracts.ids import new_id
from contracts.logs import Logger
from contracts.predictions import ClassTruth
from serving.delivery.journal import Journal
from serving.delivery.spool import Spool
from tests.unit.serving.parts import NOW, instruments, value

EVENT = FrameLabelled(
    event_id=new_id(NOW),
    occurred_at=NOW,
    model="small",
    frame_id=new_id(NOW),
    camera="line-1",
    site="hall",
    captured_at=NOW,
    truth=ClassTruth("china"),
    predictions=(),
    labelled_by="eve",
    stored="frame",
    sample="uniform",
)


def test_an_episode_of_a_full_spool_is_told_at_its_start_and_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    spool, found = Spool(tmp_path, 4000), instruments()
    journal = Journal(spool, "serving", found, Logger("test"))
    while journal.write([EVENT]):
        pass
    assert not journal.write([EVENT, EVENT])
    while batch := spool.read(100, 0):
        spool.acknowledge(batch.end)
    assert journal.write([EVENT])
    assert journal.write([EVENT])
    assert [record.message for record in caplog.records] == ["events_dropped", "spool_takes_events_again"]
    assert caplog.records[1].__dict__["fields"] == {"dropped": 3}
    assert value(found, "events_total", outcome="dropped") == 3


def test_an_event_that_no_log_would_take_is_refused_before_anyone_is_answered(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 64 << 20)
    journal = Journal(spool, "serving", instruments(), Logger("test"))
    with pytest.raises(RecordTooLargeError, match="at most 8323072 are allowed"):
        journal.write([EVENT, msgspec.structs.replace(EVENT, labelled_by="x" * (8 << 20))])
    assert spool.read(1, 0) is None
