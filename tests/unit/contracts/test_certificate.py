"""When a certificate ends, as the library that wrote it says; of a chain the first that does."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.certificate import earliest_expiry
from tests.certificates import Authority

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "ends",
    [
        datetime(2027, 2, 28, 23, 59, 59, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),  # the last that is written with two digits of its year
        datetime(2050, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),  # has no end, RFC 5280
    ],
)
def test_the_end_is_read_as_it_was_written(tmp_path: Path, ends: datetime) -> None:
    certificate, _ = Authority(tmp_path).sign("serving", ends=ends)
    assert earliest_expiry(certificate.read_text()) == ends.timestamp()


def test_of_a_chain_the_first_end_counts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    sooner, later = (authority.sign(str(year), ends=datetime(year, 1, 1, tzinfo=UTC))[0].read_text() for year in (2041, 2060))
    for chain in (sooner + later, later + "a remark between them\n" + sooner):
        assert earliest_expiry(chain) == datetime(2041, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", PEM.format("MAA="), PEM.format("A")]
)
def test_what_is_no_certificate_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        earliest_expiry(text)
