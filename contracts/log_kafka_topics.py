"""Topics on Kafka: which exist, and creating those that do not, with retention, compaction and size as the TopicSpec says.

What exists is asked first, so that a service without the right to create topics starts as soon as an administrator made them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from contracts.errors import LogAwayError, LogRefusedError, SettingsError
from contracts.log_kafka_access import KafkaAccess
from contracts.log_kafka_client import errors
from contracts.log_limits import MAX_RECORD_BYTES
from contracts.ports import TopicSpec

_UNKNOWN: Final = 3
_EXISTS: Final = 36


def known_topics(access: KafkaAccess, names: Iterable[str]) -> set[str]:
    """Those of `names` that exist. Raises LogRefusedError when the user may not even see one, LogAwayError when the cluster is away."""
    try:
        with access.admin() as admin:
            return _describe(access, admin, sorted(names))
    except (errors.KafkaError, OSError) as error:
        raise access.translate(error, "looking for topics") from error


def create_missing(access: KafkaAccess, topics: Sequence[TopicSpec]) -> None:
    """Create what is missing and wait until the cluster shows it. Raises SettingsError, LogRefusedError and LogAwayError."""
    for topic in topics:
        if topic.partitions < 1:
            raise SettingsError(f"topic {topic.name} asks for {topic.partitions} partitions; at least 1 is needed")
    try:
        with access.admin() as admin:
            there = _describe(access, admin, [topic.name for topic in topics])
            missing = [topic for topic in topics if topic.name not in there]
            if missing:
                _create(access, admin, missing)
                admin.wait_for_topics([topic.name for topic in missing], timeout_ms=20_000)
    except (errors.KafkaError, OSError) as error:
        raise access.translate(error, "creating topics") from error


def topic_configs(topic: TopicSpec) -> dict[str, str]:
    """The topic's settings in Kafka's words.

    >>> topic_configs(TopicSpec("t", 1, retention_s=60.0))["retention.ms"]
    '60000'
    """
    configs = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "retention.ms": "-1" if topic.retention_s is None else str(int(topic.retention_s * 1000)),
        "max.message.bytes": str(MAX_RECORD_BYTES),
        "message.timestamp.type": "LogAppendTime",  # the broker's clock, as Record promises: Kafka's default is the sender's, which may be an hour off
    }
    if topic.compacted and topic.retention_s is not None:
        # A broker compacts closed segments only: of the week that one stays open by default, a new reader would read every report.
        configs |= {"cleanup.policy": "compact,delete", "segment.ms": str(int(topic.retention_s * 1000) // 24)}
    return configs


def _describe(access: KafkaAccess, admin: Any, names: Sequence[str]) -> set[str]:
    found = set()
    for topic in admin.describe_topics(list(names)):
        if topic["error_code"] == 0:
            found.add(topic["name"])
        elif topic["error_code"] != _UNKNOWN:
            raise access.translate(errors.for_code(topic["error_code"])(topic["name"]), f"looking for the topic {topic['name']}")
    return found


def _create(access: KafkaAccess, admin: Any, topics: Sequence[TopicSpec]) -> None:
    wanted = {topic.name: {"num_partitions": topic.partitions, "configs": topic_configs(topic)} for topic in topics}
    answer = admin.create_topics(wanted, timeout_ms=10_000, raise_errors=False)
    for topic in answer["topics"]:
        code = topic["error_code"]
        if code in (0, _EXISTS):
            continue
        error = errors.for_code(code)(topic.get("error_message") or topic["name"])
        if isinstance(error, errors.AuthorizationError):
            raise LogRefusedError(
                f"the topic {topic['name']} does not exist and this user may not create it; create it as docs/kafka.md says, or grant Create"
            )
        if isinstance(error, errors.RetriableError):
            raise LogAwayError(f"the topic {topic['name']} cannot be created now: {error}")
        raise access.translate(error, f"creating the topic {topic['name']}")
