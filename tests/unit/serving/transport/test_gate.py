"""The gate: nothing is open by oversight."""

from pathlib import Path

import pytest

from contracts.errors import SettingsError
from contracts.keys import new_key
from contracts.listener import is_loopback
from contracts.settings import load
from serving.settings import ServingSettings
from serving.transport.gate import Gate
from tests.certificates import Authority

_, LINE = new_key("line-3", ["camera:*"])


def _gate(*arguments: str) -> Gate:
    return Gate(load(ServingSettings, arguments, "keepsight-serving", "about"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_alone_needs_no_keys(host: str) -> None:
    gate = _gate("--host", host)
    assert (gate.ring, gate.tls_context, gate.files, gate.certificate_expiry()) == (None, None, [], 0.0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.1.2.3", "plant.example", "::ffff:10.0.0.1"])
def test_any_other_address_must_be_closed_or_opened_on_purpose(host: str, tmp_path: Path) -> None:
    assert not is_loopback(host)
    with pytest.raises(SettingsError, match=r"nothing asks who they are: set keys_file .* or open = true"):
        _gate("--host", host)
    assert _gate("--host", host, "--open", "true").ring is None
    keys = tmp_path / "keys"
    keys.write_text(LINE)
    ring = _gate("--host", host, "--keys-file", str(keys)).ring
    assert ring is not None
    assert set(ring().keys) == {"line-3"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-cert-file", "a.pem"], "belong together"),
        (["--tls-key-file", "a.pem"], "belong together"),
        (["--tls-client-ca-file", "ca.pem"], "no client certificates without TLS"),
        (["--open", "true", "--keys-file", "keys"], "take one away"),
        (["--keys-file", "/nowhere/keys"], "keys file /nowhere/keys cannot be read"),
        (["--tls-cert-file", "/nowhere/a.pem", "--tls-key-file", "/nowhere/b.pem"], "/nowhere/a.pem, /nowhere/b.pem: "),
    ],
)
def test_contradictions_are_told(arguments: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        _gate(*arguments)
    assert message in str(refused.value)


def test_a_keys_file_that_is_replaced_by_nonsense_leaves_the_keys_it_held(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(LINE)
    gate = _gate("--keys-file", str(path))
    assert gate.ring is not None
    for content in (b"", b"half", b"\xff\xfe\n"):
        path.write_bytes(content)
        with pytest.raises(SettingsError):
            gate.files[0].take()
        assert set(gate.ring().keys) == {"line-3"}
    path.write_text(LINE.replace("line-3 ", "line-4 "))
    gate.files[0].take()
    assert set(gate.ring().keys) == {"line-4"}


def test_files_that_anyone_may_write_let_nobody_in(tmp_path: Path) -> None:
    keys, link = tmp_path / "keys", tmp_path / "link"
    keys.write_text(LINE)
    link.symlink_to(keys)  # as secret stores mount files
    keys.chmod(0o666)
    certificate, key = Authority(tmp_path).sign("serving")
    key.chmod(0o602)
    for arguments in (["--keys-file", str(link)], ["--tls-cert-file", str(certificate), "--tls-key-file", str(key)]):
        with pytest.raises(SettingsError, match="may be written by anyone on this machine"):
            _gate(*arguments)
    keys.chmod(0o664)  # a group is somebody's choice
    gate = _gate("--keys-file", str(link))
    assert not gate.files[0].look()
    keys.chmod(0o666)
    assert not gate.files[0].look()  # it must stand still first
    with pytest.raises(SettingsError, match="may be written by anyone"):
        gate.files[0].look()
    assert gate.ring is not None
    assert set(gate.ring().keys) == {"line-3"}
