"""How topics stand on a genuine broker: retention, compaction, size and partitions as the TopicSpec says."""

import time
import uuid
from typing import Any

import pytest

from contracts.log_kafka import KafkaBus
from contracts.log_kafka_client import KafkaAdminClient
from contracts.ports import Outgoing, Place, TopicSpec
from tests.kafka_cluster import cluster
from tests.serving_process import eventually

pytestmark = pytest.mark.kafka


def settings(servers: list[str], topic: str) -> dict[str, str]:
    """All settings of a topic."""
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        found: Any = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    finally:
        admin.close()
    return {name: str(entry["value"]) for name, entry in found["topic"][topic].items()}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (TopicSpec("", 2, retention_s=7 * 86_400.0), {"cleanup.policy": "delete", "retention.ms": "604800000"}),
        (TopicSpec("", 1), {"cleanup.policy": "delete", "retention.ms": "-1"}),
        (TopicSpec("", 1, compacted=True), {"cleanup.policy": "compact", "retention.ms": "-1"}),
        (
            TopicSpec("", 1, retention_s=86_400.0, compacted=True),
            {"cleanup.policy": "compact,delete", "retention.ms": "86400000", "segment.ms": "3600000"},
        ),
    ],
)
def test_a_topic_is_kept_as_its_spec_says(spec: TopicSpec, expected: dict[str, str]) -> None:
    servers, name = cluster().servers, f"topic-{uuid.uuid4().hex[:8]}"
    bus = KafkaBus(servers, "topics", None)
    bus.ensure_topics([TopicSpec(name, spec.partitions, spec.retention_s, spec.compacted)])
    found = settings(servers, name)
    bus.close()
    assert {key: found.get(key) for key in expected} == expected
    assert found.get("max.message.bytes") == str(8 << 20)
    assert found.get("message.timestamp.type") == "LogAppendTime"


def test_a_record_s_time_is_the_broker_s_however_wrong_the_sender_s_clock_is() -> None:
    from kafka import KafkaProducer

    servers, name, before = cluster().servers, f"topic-{uuid.uuid4().hex[:8]}", time.time()
    bus = KafkaBus(servers, "topics", None)
    bus.ensure_topics([TopicSpec(name, 1)])
    sender = KafkaProducer(bootstrap_servers=servers)
    sender.send(name, b"{}", timestamp_ms=int((before + 1800) * 1000)).get(30)
    sender.close()
    reader = bus.reader(None, (name,))
    (record,) = eventually("the record", lambda: reader.poll(1.0))
    reader.close()
    bus.close()
    assert before - 1 <= record.time_ms / 1000 <= time.time() + 1


def test_who_begins_before_the_end_of_what_retention_emptied_has_nothing_left_to_read() -> None:
    from kafka import TopicPartition

    servers, name = cluster().servers, f"topic-{uuid.uuid4().hex[:8]}"
    bus = KafkaBus(servers, "topics", None)
    bus.ensure_topics([TopicSpec(name, 1)])
    bus.publish([Outgoing(name, "key", b"{}", {}) for _ in range(9)])
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.delete_records({TopicPartition(name, 0): 9})
    admin.close()
    reader = bus.reader(None, (name,), lambda place: -3)
    while not reader.places():
        assert reader.poll(0.5) == []
    assert reader.lag() == {Place(name, 0): 0}
    reader.close()
    bus.close()
