"""The one door to kafka-python: what the log uses of it, imported once (about 0.2 s) and without its deprecation warnings on Python 3.11."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # importlib.resources.read_text, once for each message schema
    from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
    from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.base import MemberState
    from kafka.net.compat import KafkaNetClient
    from kafka.net.sasl.plain import SaslMechanismPlain
    from kafka.net.sasl.scram import SaslMechanismScram
    from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription
    from kafka.structs import OffsetAndMetadata

__all__ = [
    "AbstractPartitionAssignor",
    "ConsumerProtocolAssignment",
    "ConsumerProtocolSubscription",
    "ConsumerRebalanceListener",
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaNetClient",
    "KafkaProducer",
    "MemberState",
    "OffsetAndMetadata",
    "RangePartitionAssignor",
    "SaslMechanismPlain",
    "SaslMechanismScram",
    "TopicPartition",
    "errors",
]
