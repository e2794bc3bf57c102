"""What a cluster says of its topics; genuine brokers: tests/integration/test_doctor_kafka.py."""

import re
from pathlib import Path
from typing import Any

from contracts.events import FRAMES, SERVING, TOPICS
from contracts.log_kafka_topics import topic_configs
from standalone.doctor.kafka import NEEDS, differing, judged
from standalone.doctor.told import SETTINGS
from tests.doctors import only

ROOT = Path(__file__).resolve().parents[4]


def described(copies: int = 3, rights: tuple[str, ...] = ("READ", "WRITE")) -> dict[str, dict[str, Any]]:
    """What a cluster says of topics that are as they should be."""
    partition = {"leader_id": 1, "replica_nodes": list(range(copies))}
    return {
        topic.name: {"error_code": 0, "partitions": [partition] * topic.partitions, "authorized_operations": list(rights)}
        for topic in TOPICS
    }


def test_what_kafka_says_of_the_topics() -> None:
    for service in SETTINGS:
        assert only(judged(service, described())).verdict == "ok"
    assert only(judged("serving", described(copies=1))).said == "a topic has 1 copy"
    assert "Read on keepsight.frames" in only(judged("monitor", described(rights=("WRITE",)))).said
    gone = described()
    gone[SERVING]["error_code"] = 3
    assert "not there, or not to be seen by this user: keepsight.serving" in only(judged("serving", gone)).said
    headless = described()
    headless[FRAMES]["partitions"] = [{"leader_id": -1, "replica_nodes": [1, 2, 3]}] * 12
    assert only(judged("retrain", headless)).verdict == "FAIL"
    narrow = described()
    narrow[FRAMES]["partitions"] = narrow[FRAMES]["partitions"][:3]
    assert "keepsight.frames (3 of 12)" in only(judged("retrain", narrow)).said


def test_how_topics_are_kept() -> None:
    for topic in TOPICS:
        assert differing(topic, topic_configs(topic)) == []
    assert differing(TOPICS[0], {**topic_configs(TOPICS[0]), "retention.ms": "1"}) == ["retention.ms=1 (604800000)"]


def test_the_rights_are_those_of_the_page() -> None:
    rows = re.findall(
        r"^\| (\w+) \| (Read|Write) \| topic \| `(keepsight\.\w+)`", (ROOT / "docs" / "kafka.md").read_text(), re.MULTILINE
    )
    assert sorted(rows) == sorted(
        (name, operation.title(), topic) for name, needs in NEEDS.items() for operation, topics in needs.items() for topic in topics
    )
