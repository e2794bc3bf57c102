"""The size that a record may have in any log: the same in both, so that what works on one machine works on a cluster."""

from typing import Final

from contracts.errors import RecordTooLargeError
from contracts.ports import Outgoing

MAX_RECORD_BYTES: Final = 8 << 20
_FRAMING_BYTES: Final = 65_536
"""What headers and a batch's frame may add under Kafka's max.message.bytes."""


def check_size(record: Outgoing) -> None:
    """Raise RecordTooLargeError when key and value take more than 8 MiB less 64 KiB."""
    size = len(record.value) + len(record.key.encode())
    if size > MAX_RECORD_BYTES - _FRAMING_BYTES:
        raise RecordTooLargeError(
            f"a record for {record.topic} has {size} bytes; at most {MAX_RECORD_BYTES - _FRAMING_BYTES} are allowed"
        )
