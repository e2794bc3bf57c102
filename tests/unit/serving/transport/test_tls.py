"""TLS: files that fit together or a clear word, and who a certificate names. Handshakes are tested at a real process."""

import shutil
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.errors import SettingsError
from serving.transport.tls import Tls, client_name
from tests.certificates import Authority


def test_the_context_is_strict(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("serving")
    plain, mutual = Tls(certificate, key, None), Tls(certificate, key, authority.certificate)
    assert plain.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert plain.context.options & ssl.OP_NO_TICKET
    assert (plain.context.verify_mode, mutual.context.verify_mode) == (ssl.CERT_NONE, ssl.CERT_REQUIRED)
    assert {cipher["kea"] for cipher in plain.context.get_ciphers()} <= {"kx-any", "kx-ecdhe", "kx-dhe"}  # forward secrecy
    assert mutual.paths == [certificate, key, authority.certificate]


def test_files_that_do_not_fit_are_told_and_what_was_there_stays(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("serving", ends=datetime(2040, 1, 1, tzinfo=UTC))
    tls = Tls(certificate, key, None)
    newest = tls._newest
    other, other_key = authority.sign("other", ends=datetime(2050, 1, 1, tzinfo=UTC))
    for source, wrong in ((other_key, "key values mismatch"), (tmp_path / "nowhere", "No such file"), (other, "PEM")):
        if source.exists():
            shutil.copy(source, key)
        else:
            key.unlink()
        with pytest.raises(SettingsError, match=wrong):
            tls.renew()
        assert (tls._newest, tls.expires_at) == (newest, 2_208_988_800.0)
    shutil.copy(other, certificate)
    shutil.copy(other_key, key)
    tls.renew()
    assert tls._newest is not newest
    assert tls.expires_at == 2_524_608_000.0


def test_a_key_with_a_passphrase_is_not_asked_for_it(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).sign("serving", password=b"secret")
    with pytest.raises(SettingsError, match="the key is encrypted"):
        Tls(certificate, key, None)


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (None, ""),
        ({}, ""),
        ({"subject": ((("commonName", "gateway 3"),),)}, "gateway 3"),
        (
            {"subject": ((("commonName", "x"),),), "subjectAltName": (("IP Address", "10.0.0.1"), ("DNS", "gw.example"))},
            "gw.example",
        ),
        ({"subject": ((("organizationName", "plant"),),)}, ""),
    ],
)
def test_who_a_certificate_names(certificate: dict[str, object] | None, name: str) -> None:
    assert client_name(certificate) == name
