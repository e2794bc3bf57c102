"""The log of one machine, from not there to damaged, and its clock."""

import time
from pathlib import Path

import pytest

from contracts.errors import KeepsightError
from contracts.events import COMMANDS, TOPICS, ServingReported, encode
from contracts.log import open_bus
from contracts.ports import TopicSpec
from standalone.doctor import log
from tests.doctors import NOW, Settings, only


def test_an_embedded_log(told: Settings, tmp_path: Path) -> None:
    assert "is not there yet" in only(log.log(told())).said
    assert not (tmp_path / "log").exists()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "monitor-photographs.sqlite").touch()  # a house that ran, and lost its log's disk
    lost = only(log.log(told()))
    assert (lost.verdict, "mount its disk" in lost.fix) == ("FAIL", True)
    (tmp_path / "state" / "monitor-photographs.sqlite").unlink()
    bus = open_bus(told().shared.log)
    bus.ensure_topics(TOPICS[:2])
    assert only(log.log(told())).said.startswith("topics are missing: keepsight.incidents")
    bus.ensure_topics([TopicSpec(COMMANDS, 3), *TOPICS])
    assert only(log.log(told())).said == "keepsight.commands stand otherwise than this release makes them"
    bus.close()
    good = told(log=f"embedded://{tmp_path}/good")
    bus = open_bus(good.shared.log)
    bus.ensure_topics(TOPICS)
    assert only(log.log(good)).verdict == "ok"
    bus.close()
    assert only(log.log(good)).verdict == "ok"
    (tmp_path / "good" / "log.sqlite3").write_bytes(b"x" * 4096)
    with pytest.raises(KeepsightError, match="restore it from a copy"):
        list(log.log(good))


def test_the_clock_of_the_log(told: Settings) -> None:
    assert list(log.log_clock(told(), NOW)) == []
    bus = open_bus(told().shared.log)
    bus.ensure_topics(TOPICS[:2])
    assert list(log.log_clock(told(), NOW)) == []  # of an older release: `log` tells
    bus.ensure_topics(TOPICS)
    assert only(log.log_clock(told(), NOW)).said.startswith("no server has reported")
    report = ServingReported(
        event_id="01890000-0000-7000-8000-000000000000",
        occurred_at=NOW,
        model="photographs",
        replica="a",
        sequence=1,
        versions=(),
        started_at=NOW,
    )
    bus.publish([encode(report, "keepsight/serving")])
    bus.close()
    now = time.time()
    assert only(log.log_clock(told(), now)).verdict == "ok"
    assert only(log.log_clock(told(), now - 60.0)).verdict == "FAIL"
