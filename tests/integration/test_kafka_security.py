"""TLS, passwords and rights on genuine brokers: what is refused says which and what to do, and the ACL table of docs/kafka.md is enough and no more."""

import re
import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contracts.errors import LogAwayError, LogError, LogRefusedError, SettingsError
from contracts.events import TOPICS
from contracts.log import LogSecurity, open_bus
from contracts.ports import Bus, Outgoing, TopicSpec
from tests.kafka_cluster import Cluster, cluster
from tests.laws.logs import until

pytestmark = pytest.mark.kafka
GUIDE = Path(__file__).parents[2] / "docs" / "kafka.md"


class Right(NamedTuple):
    """One row of the table."""

    role: str
    operation: str
    kind: str
    name: str
    pattern: str


def rights() -> list[Right]:
    """The ACL table of the guide."""
    rows = re.findall(
        r"^\| (\w+) \| (\w+) \| (topic|group) \| `([\w.-]+)` \| (literal|prefixed) \|", GUIDE.read_text(), re.MULTILINE
    )
    return [Right(*row) for row in rows]


@pytest.fixture
def trio() -> Cluster:
    """The run's three brokers with a listener that wants TLS and a password."""
    return cluster(3, secure=True)


@pytest.fixture
def security(trio: Cluster) -> LogSecurity:
    """How `keepsight`, who may do nothing until an ACL allows it, proves itself."""
    return LogSecurity(Path(trio.facts["secure"]["ca"]), "keepsight", trio.facts["secure"]["users"]["keepsight"])


def refusal(servers: list[str], security: LogSecurity | None) -> LogError:
    """What asking for topics there raises."""
    bus = open_bus(f"kafka://{','.join(servers)}", security=security)
    with pytest.raises(LogError) as caught:
        bus.ensure_topics([TopicSpec("any", 1)])
    bus.close()
    return caught.value


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong"}, "wrong user or password"),
        ({"password": "wrong", "mechanism": "PLAIN"}, "wrong user or password"),
        ({"username": "nobody"}, "wrong user or password"),
        ({"mechanism": "SCRAM-SHA-256"}, "does not offer the SASL mechanism SCRAM-SHA-256; it offers .*PLAIN"),
        ({"ca_file": None}, "not trusted"),
        ({"username": ""}, "asks for a user and a password"),
        ({"tls": False}, "speaks TLS"),
    ],
)
def test_a_wrong_proof_is_refused_with_its_reason(trio: Cluster, security: LogSecurity, change: dict[str, Any], said: str) -> None:
    error = refusal(trio.secure_servers[:1], replace(security, **change))
    assert isinstance(error, LogRefusedError)
    assert re.search(said, str(error)), error
    assert security.password not in f"{error}{error.__cause__!r}{security!r}"


def test_plain_text_to_the_tls_port_and_the_reverse_are_named(trio: Cluster, security: LogSecurity) -> None:
    assert "speaks TLS" in str(refusal(trio.secure_servers[:1], None))
    assert "speaks plain text" in str(refusal(trio.servers[:1], security))
    assert "does not ask for a user" in str(refusal(trio.servers[:1], replace(security, tls=False)))


def test_what_cannot_be_reached_is_away(unused_port: int) -> None:
    for server, said in ((f"127.0.0.1:{unused_port}", "refused"), ("no-such-host.invalid:9092", "does not resolve")):
        error = refusal([server], None)
        assert isinstance(error, LogAwayError)
        assert said in str(error)


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that is bound and does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_certificate_file_that_is_missing_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"/nowhere/ca\.pem"):
        open_bus("kafka://host:9092", security=LogSecurity(Path("/nowhere/ca.pem")))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_admin_reads_and_writes_over_tls(trio: Cluster, security: LogSecurity, mechanism: str) -> None:
    admin = replace(security, username="admin", password=trio.facts["secure"]["users"]["admin"], mechanism=mechanism)
    bus = open_bus(f"kafka://{','.join(trio.secure_servers)}/{uuid.uuid4().hex[:8]}", security=admin)
    bus.ensure_topics([TopicSpec("frames", 1)])
    bus.publish([Outgoing("frames", "key", b"value")])
    reader = bus.reader("group", ["frames"])
    got: list[bytes] = []
    until(lambda: bool(got.__iadd__([record.value for record in reader.poll(0.5)])), "record")
    assert got == [b"value"]
    reader.close()
    bus.close()


class Acls:
    """Grants and revokes rights of the user `keepsight` over the plain listener."""

    def __init__(self, brokers: Cluster) -> None:
        from contracts.log_kafka_client import KafkaAdminClient

        self._admin = KafkaAdminClient(bootstrap_servers=brokers.servers)

    def grant(self, *rows: Right) -> None:
        self._admin.create_acls([self._acl(row, False) for row in rows])

    def revoke(self, *rows: Right) -> None:
        self._admin.delete_acls([self._acl(row, True) for row in rows])

    def close(self) -> None:
        self._admin.close()

    def _acl(self, row: Right, to_delete: bool) -> Any:
        from kafka.admin import (
            ACL,
            ACLFilter,
            ACLOperation,
            ACLPermissionType,
            ACLResourcePatternType,
            ResourcePattern,
            ResourceType,
        )

        resource = ResourcePattern(ResourceType[row.kind.upper()], row.name, ACLResourcePatternType[row.pattern.upper()])
        kind = ACLFilter if to_delete else ACL
        return kind("User:keepsight", "*", ACLOperation[row.operation.upper()], ACLPermissionType.ALLOW, resource)


@pytest.fixture
def acls(trio: Cluster) -> Iterator[Acls]:
    acls = Acls(trio)
    yield acls
    acls.revoke(*rights())
    acls.close()


@pytest.mark.parametrize("role", ["serving", "monitor", "retrain"])
def test_the_acl_table_is_enough_and_no_more(trio: Cluster, security: LogSecurity, acls: Acls, role: str) -> None:
    setup = open_bus(f"kafka://{','.join(trio.servers)}")
    setup.ensure_topics(TOPICS)
    setup.close()
    mine = [row for row in rights() if row.role == role]
    assert len(mine) >= 3

    acls.grant(*mine)
    bus = open_bus(f"kafka://{','.join(trio.secure_servers)}", role, security)
    for row in mine:
        until(lambda row=row: allowed(bus, row), f"right {row}")  # type: ignore[misc]
    for row in mine:
        acls.revoke(row)
        until(lambda row=row: not allowed(bus, row), f"refusal without {row}")  # type: ignore[misc]
        acls.grant(row)
    acls.revoke(*mine)
    bus.close()


def allowed(bus: Bus, row: Right) -> bool:
    """Do what the row is for: start up, publish, read alone, read in the group."""
    try:
        if row.operation == "Describe":
            bus.ensure_topics(TOPICS)
        elif row.operation == "Write":
            bus.publish([Outgoing(row.name, "key", b"{}")])
        else:
            topic = next(one.name for one in rights() if one.role == row.role and one.operation == "Read" and one.kind == "topic")
            reader = bus.reader(row.name if row.kind == "group" else None, [topic if row.kind == "group" else row.name])
            try:
                reader.poll(1.0)
            finally:
                reader.close()
    except LogRefusedError as error:
        return "right" not in str(
            error
        )  # refused for another reason than a missing right: count it as a right held, and fail the test
    return True
