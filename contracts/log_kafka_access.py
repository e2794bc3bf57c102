"""Building Kafka clients: one place for their settings, and for what it means when they cannot be built or answer with an error.

kafka-python's constructors talk to the cluster, block, and leave a thread behind when they fail. Here they are built on first use, only after a
server let the user in, with every client's network layer kept at hand so that a failed one is closed, and with failures explained.
"""

import contextlib
import logging
import ssl
from collections.abc import Iterator, Sequence
from typing import Any, Final

from contracts.errors import LogAwayError, LogError, LogRefusedError, RecordTooLargeError, SettingsError
from contracts.log_kafka_client import (
    KafkaAdminClient,
    KafkaConsumer,
    KafkaNetClient,
    KafkaProducer,
    RangePartitionAssignor,
    errors,
)
from contracts.log_kafka_probe import greet
from contracts.log_kafka_sole import SoleAssignor
from contracts.log_limits import MAX_RECORD_BYTES
from contracts.log_security import LogSecurity

_BOOTSTRAP_MS: Final = 8_000
_RECONNECT_MAX_MS: Final = 1_000
"""The client's own default, 30 s, would let a broker be back for half a minute unnoticed."""
_NEVER_MS: Final = 2**31 - 1

_REFUSALS: Final = (
    errors.AuthorizationError,
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.InvalidTopicError,
    errors.InvalidGroupIdError,
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.PolicyViolationError,
    errors.InvalidConfigurationError,
    errors.InvalidReplicationFactorError,
    errors.InvalidPartitionsError,
    errors.UnsupportedVersionError,
)


class KafkaAccess:
    """The way to one cluster: where, as whom, and under which client name. Raises SettingsError when a certificate file cannot be used."""

    def __init__(self, servers: Sequence[str], client: str, security: LogSecurity | None) -> None:
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it logs each retry with a stack trace; what matters is raised
        self.servers = tuple(servers)
        self._client = client
        self._security = security
        self._tls = _tls_context(security) if security is not None and security.tls else None

    def producer(self) -> Any:
        """A KafkaProducer: idempotent, all copies acknowledged, lz4, and batches that never expire (an expired one stalls it for ever)."""
        return self._build(
            KafkaProducer,
            acks="all",
            enable_idempotence=True,
            delivery_timeout_ms=_NEVER_MS,
            request_timeout_ms=10_000,
            max_block_ms=2_000,
            linger_ms=2,
            batch_size=131_072,
            max_request_size=MAX_RECORD_BYTES,
            compression_type="lz4",
            allow_auto_create_topics=False,
        )

    def consumer(self, group: str | None, session_s: float, sole: bool = False) -> Any:
        """A KafkaConsumer that commits only when told to and begins at the earliest record; `sole`: one member of the group holds everything."""
        return self._build(
            KafkaConsumer,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(session_s * 1000),
            heartbeat_interval_ms=int(min(1.0, session_s / 10) * 1000),  # a rebalance is noticed at a heartbeat
            partition_assignment_strategy=(SoleAssignor() if sole else RangePartitionAssignor,),
            max_partition_fetch_bytes=MAX_RECORD_BYTES,
            fetch_max_wait_ms=200,
            request_timeout_ms=10_000,
            allow_auto_create_topics=False,
        )

    @contextlib.contextmanager
    def admin(self) -> Iterator[Any]:
        """A KafkaAdminClient for the length of a with-block."""
        client = self._build(KafkaAdminClient, request_timeout_ms=10_000)
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):  # closing what is away must not hide what the block raised
                client.close()

    def translate(self, error: Exception, doing: str) -> LogError:
        """What a client's exception means: LogRefusedError when a person must act, LogAwayError otherwise."""
        user = f"user {self._security.username!r}" if self._security is not None and self._security.username else "this client"
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, LogError):
            return error
        if isinstance(error, errors.TopicAuthorizationFailedError):
            return LogRefusedError(
                f"{doing}: {user} has no right to a topic ({said}); grant it as the ACL table in docs/kafka.md says"
            )
        if isinstance(error, errors.GroupAuthorizationFailedError):
            return LogRefusedError(
                f"{doing}: {user} has no right to the consumer group ({said}); grant Read on it, see docs/kafka.md"
            )
        if isinstance(error, errors.ClusterAuthorizationFailedError):
            return LogRefusedError(f"{doing}: {user} lacks a right on the cluster ({said}); see the ACL table in docs/kafka.md")
        if isinstance(error, errors.SaslAuthenticationFailedError):
            return LogRefusedError(f"{doing}: Kafka refused {user}: wrong user or password ({said})")
        if isinstance(error, (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)):
            return RecordTooLargeError(
                f"{doing}: a record is larger than the topic takes ({said}); at most {MAX_RECORD_BYTES} bytes, see max.message.bytes"
            )
        if isinstance(error, _REFUSALS):
            return LogRefusedError(f"{doing}: Kafka at {', '.join(self.servers)} refused: {said}")
        return LogAwayError(f"{doing}: Kafka at {', '.join(self.servers)} does not answer at present ({said})")

    def _build(self, kind: Any, **settings: Any) -> Any:
        greet(self.servers, self._security, self._tls)
        networks: list[KafkaNetClient] = []

        def network(**configs: Any) -> KafkaNetClient:
            networks.append(KafkaNetClient(**configs))
            return networks[-1]

        try:
            return kind(
                bootstrap_servers=list(self.servers),
                client_id=self._client,
                bootstrap_timeout_ms=_BOOTSTRAP_MS,
                reconnect_backoff_max_ms=_RECONNECT_MAX_MS,
                kafka_client=network,
                **self._security_settings(),
                **settings,
            )
        except Exception as error:
            for one in networks:
                _abandon(one)
            if isinstance(error, errors.KafkaError):
                raise LogAwayError(
                    f"Kafka at {', '.join(self.servers)} lets this client in, but it could not start: {error}; if it lasts, see that the addresses"
                    " which the brokers advertise (advertised.listeners) can be reached from here"
                ) from error
            raise

    def _security_settings(self) -> dict[str, Any]:
        security = self._security
        if security is None:
            return {}
        wire = "SSL" if security.tls else "PLAINTEXT"
        settings: dict[str, Any] = {"security_protocol": f"SASL_{wire}" if security.username else wire, "ssl_context": self._tls}
        if security.username:
            settings |= {
                "sasl_mechanism": security.mechanism,
                "sasl_plain_username": security.username,
                "sasl_plain_password": security.password,
            }
        return settings


def _abandon(network: Any) -> None:
    """Close the network layer of a client whose constructor failed, its thread first."""
    for end in (network.close, network._net.stop):
        with contextlib.suppress(Exception):
            end()


def _tls_context(security: LogSecurity) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=security.ca_file)
        if security.cert_file is not None:
            context.load_cert_chain(security.cert_file, security.key_file)
    except (OSError, ssl.SSLError) as error:
        files = [str(file) for file in (security.ca_file, security.cert_file, security.key_file) if file is not None]
        raise SettingsError(
            f"the log's TLS files {', '.join(files)} cannot be used: {error}; they must be readable PEM files"
        ) from error
    return context
