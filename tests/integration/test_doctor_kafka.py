"""The doctor before a genuine broker with TLS, a password and rights: what is missing is named, and with the rights of docs/kafka.md nothing is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import LogError
from contracts.events import TOPICS
from contracts.log import open_bus
from contracts.log_kafka_client import KafkaAdminClient
from contracts.settings import ServiceSettings
from standalone.doctor import log
from standalone.doctor.kafka import GROUPS, NEEDS
from standalone.doctor.told import Told
from standalone.supervisor import Name
from tests.kafka_cluster import Cluster, cluster
from tests.laws.logs import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PREFIX = "doctor"


@pytest.fixture(scope="module")
def broker() -> Cluster:
    return cluster(1, secure=True)


@pytest.fixture
def admin(broker: Cluster) -> Iterator[Any]:
    client = KafkaAdminClient(bootstrap_servers=broker.servers)
    yield client
    client.close()


def told(broker: Cluster, name: Name, **changed: Any) -> Told:
    """A service's settings on the listener that wants TLS and a password, as the user who has no rights but those granted."""
    secure = broker.facts["secure"]
    settings = ServiceSettings(
        log=f"kafka://{','.join(broker.secure_servers)}/{PREFIX}",
        kafka_ca_file=Path(secure["ca"]),
        kafka_username="keepsight",
        **{"kafka_password": secure["users"]["keepsight"], **changed},
    )
    return Told(name, settings, settings.model_dump(mode="json"))


def grant(admin: Any, operation: str, kind: str, name: str, pattern: str = "LITERAL") -> None:
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

    resource = ResourcePattern(ResourceType[kind], f"{PREFIX}.{name}", ACLResourcePatternType[pattern])
    admin.create_acls([ACL("User:keepsight", "*", ACLOperation[operation], ACLPermissionType.ALLOW, resource)])


def found(about: Told) -> list[tuple[str, str]]:
    return [(one.verdict, one.said) for one in log.log(about)]


def settles(about: Told, *said: tuple[str, str]) -> None:
    """Brokers take a moment to learn of a right."""
    until(lambda: found(about) == list(said), str(said), lambda: str(found(about)))


@pytest.mark.timeout(300)
def test_a_cluster_from_nothing_to_all_rights(broker: Cluster, admin: Any) -> None:
    with pytest.raises(LogError, match="wrong user or password"):
        list(log.log(told(broker, "serving", kafka_password="wrong")))
    ((verdict, why),) = found(told(broker, "serving"))
    assert verdict == "FAIL"
    assert "not to be seen by this user" in why

    bus = open_bus(f"kafka://{','.join(broker.servers)}/{PREFIX}")
    bus.ensure_topics(TOPICS)
    bus.close()
    grant(admin, "DESCRIBE", "TOPIC", "keepsight.", "PREFIXED")
    writes = "Write on keepsight.frames, Write on keepsight.labels, Write on keepsight.serving"
    settles(told(broker, "serving"), ("FAIL", f"its user lacks {writes}"))

    for name, needs in NEEDS.items():
        for operation, topics in needs.items():
            for topic in topics:
                grant(admin, operation, "TOPIC", topic)
        few, unseen = (
            ("warn", "a topic has 1 copy"),
            ("warn", "retention cannot be seen: the user lacks DescribeConfigs on the topics"),
        )
        rest = [few, unseen] if name == "retrain" else [few]
        if group := GROUPS.get(name):
            until(lambda name=name: any("consumer group" in said for _, said in found(told(broker, name))), "the group's refusal")  # type: ignore[misc]
            grant(admin, "READ", "GROUP", group, "PREFIXED")
        settles(told(broker, name), *rest)
    grant(admin, "DESCRIBE_CONFIGS", "TOPIC", "keepsight.", "PREFIXED")
    settles(told(broker, "retrain"), few)
    assert [one.verdict for one in log.log_clock(told(broker, "retrain"), 0.0)] == ["ok"]


@pytest.mark.timeout(120)
def test_a_cluster_that_is_away(broker: Cluster) -> None:
    away = told(broker, "serving")
    away = replace(away, shared=away.shared.model_copy(update={"log": "kafka://127.0.0.1:1"}))
    with pytest.raises(LogError, match="cannot be reached"):
        list(log.log(away))
