"""When a certificate ends, read from its own bytes (X.509 in DER: RFC 5280, section 4.1): Python tells it of a peer's certificate only. Pure."""

import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END ", re.DOTALL)
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17


def earliest_expiry(chain: str) -> float:
    """When the first of a PEM file's certificates ends: Unix seconds. Raises ValueError where it holds none that OpenSSL would take."""
    found = [_not_after(b64decode(one)) for one in _PEM.findall(chain)]
    if not found:
        raise ValueError("there is no certificate in it")
    return min(found)


def _not_after(der: bytes) -> float:
    try:
        _, at, _ = _element(der, 0)  # Certificate
        _, at, _ = _element(der, at)  # TBSCertificate
        before_validity = 4 if der[at] == _VERSION else 3  # version, serialNumber, signature, issuer
        for _ in range(before_validity):
            _, _, at = _element(der, at)
        _, at, _ = _element(der, at)  # Validity
        _, _, at = _element(der, at)  # notBefore
        kind, start, end = _element(der, at)
    except IndexError:
        raise ValueError("its certificate is cut short") from None
    text = der[start:end].decode("ascii")
    if kind == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the element at `at`, and where its content begins and ends (X.690, section 8.1)."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start])
    return der[at], start, start + length
