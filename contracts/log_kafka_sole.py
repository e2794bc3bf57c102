"""The assignment of a Kafka group whose one member holds every partition while the others stand by.

Whoever leads the group decides, so each member says with its join in which generation it last held everything. The newest holder keeps it: a member
that joins says "never", one that was frozen names a generation before its successor's. Without a holder the smallest member id gets all.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from contracts.log_kafka_client import AbstractPartitionAssignor, ConsumerProtocolAssignment, ConsumerProtocolSubscription

_NEVER: Final = -1


class SoleAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # the client has no types
    """One consumer's. It remembers when that consumer last held everything."""

    name = "keepsight-sole"
    version = 0

    def __init__(self) -> None:
        self._held_in = _NEVER

    def metadata(self, topics: Collection[str]) -> Any:
        """What this member says with its join."""
        return ConsumerProtocolSubscription(self.version, sorted(topics), str(self._held_in).encode())

    def assign(self, cluster: Any, members: Sequence[Any]) -> dict[str, Any]:
        """Everything to one member, as the group's leader decides it."""
        said = {member.member_id: (-_generation(member.metadata.user_data), member.member_id) for member in members}
        holder = min(said.values())[1]
        topics = sorted({topic for member in members for topic in member.metadata.topics})
        whole = {topic: sorted(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        return {member: self._assignment(whole if member == holder else {}) for member in said}

    def on_assignment(self, assignment: Any, generation: int) -> None:
        """This member has been told what it holds."""
        self._held_in = generation if assignment.partitions() else _NEVER

    def _assignment(self, partitions: Mapping[str, Sequence[int]]) -> Any:
        return ConsumerProtocolAssignment(self.version, list(partitions.items()), b"")


def _generation(user_data: bytes | None) -> int:
    text = (user_data or b"").decode("ascii", "replace")
    return int(text) if text.isdecimal() else _NEVER
