"""How a client proves itself to a Kafka cluster: TLS and SASL, as settings name them. The embedded log has no use for it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class LogSecurity:
    """TLS is on unless `tls` says otherwise; SASL is on when `username` is given. Without `ca_file` the machine's own authorities count.

    `cert_file` and `key_file` (PEM) are the client's certificate, for clusters that ask for one. The password never shows in a repr.
    """

    ca_file: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    mechanism: Mechanism = "SCRAM-SHA-512"
    cert_file: Path | None = None
    key_file: Path | None = None
    tls: bool = True
