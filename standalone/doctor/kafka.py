"""Does a Kafka cluster let a service in, are the topics there as docs/kafka.md wants them, and has the service's user the rights of its table?

Rights are those that the cluster itself names beside each topic (KIP-430), so that nothing is published to try them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from contracts.events import COMMANDS, DEAD, FRAMES, INCIDENTS, LABELS, RETRAIN, SERVING, TOPICS
from contracts.log import open_bus
from contracts.log_kafka_access import KafkaAccess
from contracts.log_kafka_client import errors
from contracts.log_kafka_topics import topic_configs
from contracts.ports import TopicSpec
from standalone.doctor.finding import Finding
from standalone.doctor.told import Told
from standalone.supervisor import Name

NEEDS: Final[Mapping[Name, Mapping[str, tuple[str, ...]]]] = {
    "serving": {"WRITE": (FRAMES, LABELS, SERVING)},
    "monitor": {
        "READ": (FRAMES, LABELS, RETRAIN, COMMANDS, INCIDENTS, SERVING),
        "WRITE": (INCIDENTS, RETRAIN, COMMANDS, LABELS, DEAD),
    },
    "retrain": {"READ": (RETRAIN, FRAMES, LABELS, INCIDENTS, COMMANDS, SERVING), "WRITE": (RETRAIN, INCIDENTS, DEAD)},
}
"""The topics of the rights in docs/kafka.md; a test holds them to be the same."""
GROUPS: Final[Mapping[Name, str]] = {"monitor": "keepsight-monitor-", "retrain": "keepsight-retrain-"}
_PORT: Final = "9092"
_COPIES: Final = 3
"""Fewer copies of a topic, and one lost broker may lose records or stop writing."""


def kafka(told: Told) -> Iterator[Finding]:
    """A service's view of the cluster, as its own user."""
    url, name = told.shared.log, f"{told.name} log"
    open_bus(url, "keepsight-doctor", told.shared.log_security).close()  # its URL, checked
    hosts, _, prefix = url.removeprefix("kafka://").partition("/")
    servers = [one if one.rpartition(":")[2].isdecimal() else f"{one}:{_PORT}" for one in hosts.split(",")]
    before = f"{prefix}." if prefix else ""
    access = KafkaAccess(servers, "keepsight-doctor", told.shared.log_security)
    try:
        with access.admin() as admin:
            described = {
                one["name"].removeprefix(before): one for one in admin.describe_topics([before + one.name for one in TOPICS])
            }
            yield from judged(told.name, described)
            if group := GROUPS.get(told.name):
                yield from _group(access, admin, name, f"{before}{group}{told.shared.model}")
            if told.name == "retrain":  # once is enough
                yield from _configs(admin, name, before, [topic for topic in TOPICS if described[topic.name]["error_code"] == 0])
    except (errors.KafkaError, OSError) as error:
        raise access.translate(error, "looking at the log") from error


def judged(service: Name, described: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """What the cluster says of the topics, `described` by their names, as far as it concerns a service."""
    name = f"{service} log"
    rights = [(operation, topic) for operation, topics in NEEDS[service].items() for topic in topics]
    mine = {topic for _, topic in rights}
    if missing := sorted(topic for topic in mine if described[topic]["error_code"] != 0):
        yield Finding(
            "FAIL",
            name,
            f"not there, or not to be seen by this user: {', '.join(missing)}",
            "create them as docs/kafka.md says, or grant Describe",
        )
        return
    lacking = [f"{operation.title()} on {topic}" for operation, topic in rights if not _may(described[topic], operation)]
    if lacking:
        yield Finding("FAIL", name, f"its user lacks {', '.join(lacking)}", "grant it: the table of rights in docs/kafka.md")
        return
    leaderless = sorted(topic for topic in mine if any(one["leader_id"] < 0 for one in described[topic]["partitions"]))
    if leaderless:
        yield Finding(
            "FAIL", name, f"partitions without a leader: {', '.join(leaderless)}", "bring the brokers back that hold their copies"
        )
    few = min(len(one["replica_nodes"]) for topic in mine for one in described[topic]["partitions"])
    if few < _COPIES:
        yield Finding(
            "warn",
            name,
            f"a topic has {few} {'copy' if few == 1 else 'copies'}",
            "three, with min.insync.replicas=2, outlive a broker: docs/kafka.md",
        )
    narrow = [
        f"{topic.name} ({len(described[topic.name]['partitions'])} of {topic.partitions})"
        for topic in TOPICS
        if topic.name in mine and len(described[topic.name]["partitions"]) != topic.partitions
    ]
    if narrow:
        yield Finding(
            "warn", name, f"other partitions than docs/kafka.md: {', '.join(narrow)}", "stop the services before you add some"
        )
    if not (leaderless or few < _COPIES or narrow):
        yield Finding("ok", name, f"{len(mine)} topics, with the rights to them")


def differing(topic: TopicSpec, configs: Mapping[str, str]) -> list[str]:
    """The settings in which a topic stands otherwise than docs/kafka.md wants it, as `key=is (should be)`."""
    wanted = topic_configs(topic)
    found = {key: configs.get(key, "") for key in wanted}
    same = {key: set(found[key].split(",")) == set(value.split(",")) for key, value in wanted.items()}
    return [f"{key}={found[key]} ({value})" for key, value in wanted.items() if not same[key]]


def _may(described: Mapping[str, Any], operation: str) -> bool:
    """Whether the cluster names the right; a cluster that names none does not tell."""
    named = next((described[key] for key in ("authorized_operations", "topic_authorized_operations") if described.get(key)), None)
    return not isinstance(named, list) or bool({operation, "ALL"} & set(named))


def _group(access: KafkaAccess, admin: Any, name: str, group: str) -> Iterator[Finding]:
    try:
        admin.describe_groups([group])
    except errors.GroupAuthorizationFailedError as error:
        yield Finding(
            "FAIL", name, str(access.translate(error, f"looking at the group {group}")), "grant Read on it: docs/kafka.md"
        )
    except errors.KafkaError:  # a group that nobody joined yet
        return


def _configs(admin: Any, name: str, before: str, topics: Sequence[TopicSpec]) -> Iterator[Finding]:
    from kafka.admin import ConfigResource, ConfigResourceType

    try:
        asked = [ConfigResource(ConfigResourceType.TOPIC, before + topic.name) for topic in topics]
        said = admin.describe_configs(asked, config_filter="all")["topic"]
        found = {topic.name: {key: str(entry["value"]) for key, entry in said[before + topic.name].items()} for topic in topics}
    except (
        errors.KafkaError,
        KeyError,
        AttributeError,
        TypeError,
    ):  # a topic that is refused has no entries, in one form or another
        found = {}
    if not all(found.get(topic.name) for topic in topics):
        yield Finding(
            "warn",
            name,
            "retention cannot be seen: the user lacks DescribeConfigs on the topics",
            "compare it by hand with docs/kafka.md",
        )
        return
    wrong = [f"{topic.name}: {', '.join(lines)}" for topic in topics if (lines := differing(topic, found[topic.name]))]
    if wrong:
        yield Finding(
            "warn",
            name,
            f"topics stand otherwise than docs/kafka.md: {'; '.join(wrong)}",
            "kafka-configs --alter, or keep them on purpose",
        )
